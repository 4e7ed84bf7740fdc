// A stand-in for NVIDIA's library NCCL, over the stand-in for the driver: all ranks of one process, each in a thread of its own.
//
// A gathering waits until all ranks have come, and then copies: whoever comes last, every rank gets the same. The true library goes on at
// once and copies when the streams have come so far; a program that relied on more than that order could not be told here.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#define NCCL_CALL extern "C" __attribute__((visibility("default"))) int

extern "C" int cuStreamSynchronize(void* stream);

namespace {

enum Result { SUCCESS = 0, INVALID_ARGUMENT = 4 };
constexpr int FLOAT32 = 7;

struct UniqueId {
    char internal[128];
};

// The ranks that exchange.
struct Group {
    explicit Group(int ranks) : ranks(ranks), parts(ranks) {}

    // Waits until all ranks have come so far.
    void meet() {
        std::unique_lock lock(mutex);
        size_t round = rounds;
        if (++waiting == ranks) {
            waiting = 0;
            rounds++;
            arrived.notify_all();
        } else {
            arrived.wait(lock, [&] { return rounds != round; });
        }
    }

    int ranks, waiting = 0;
    size_t rounds = 0;
    std::mutex mutex;
    std::condition_variable arrived;
    struct Part {
        const char* data;
        size_t count;
    };
    std::vector<Part> parts;
};

struct Communicator {
    std::shared_ptr<Group> group;
    int rank;
};

std::mutex meetings_mutex;
int meetings = 0;
std::map<int, std::shared_ptr<Group>> groups;

[[noreturn]] void misuse(const char* what) {
    std::fprintf(stderr, "stand-in for NCCL: %s\n", what);
    std::abort();
}

} // namespace

NCCL_CALL ncclGetVersion(int* version) {
    *version = 22200;
    return SUCCESS;
}

NCCL_CALL ncclGetUniqueId(UniqueId* id) {
    std::lock_guard lock(meetings_mutex);
    std::memset(id, 0, sizeof *id);
    int number = meetings++;
    std::memcpy(id->internal, &number, sizeof number);
    return SUCCESS;
}

NCCL_CALL ncclCommInitRank(Communicator** communicator, int ranks, UniqueId id, int rank) {
    if (rank < 0 || rank >= ranks)
        return INVALID_ARGUMENT;
    int number;
    std::memcpy(&number, id.internal, sizeof number);
    std::shared_ptr<Group> group;
    {
        std::lock_guard lock(meetings_mutex);
        auto& entry = groups[number];
        if (!entry)
            entry = std::make_shared<Group>(ranks);
        group = entry;
    }
    if (group->ranks != ranks)
        return INVALID_ARGUMENT;
    *communicator = new Communicator{group, rank};
    group->meet();
    return SUCCESS;
}

NCCL_CALL ncclCommInitAll(Communicator** communicators, int ranks, const int* devices) {
    for (int a = 0; a < ranks; a++)
        for (int b = 0; b < a; b++)
            if (devices[a] == devices[b])
                return INVALID_ARGUMENT;
    auto group = std::make_shared<Group>(ranks);
    for (int rank = 0; rank < ranks; rank++)
        communicators[rank] = new Communicator{group, rank};
    return SUCCESS;
}

NCCL_CALL ncclCommDestroy(Communicator* communicator) {
    delete communicator;
    return SUCCESS;
}

NCCL_CALL ncclAllGather(const char* part, char* parts, size_t count, int type, Communicator* communicator, void* stream) {
    if (type != FLOAT32)
        misuse("only gathers float");
    if (cuStreamSynchronize(stream) != 0)
        misuse("a stream of another device");
    Group& group = *communicator->group;
    group.parts[communicator->rank] = {part, count};
    group.meet();
    for (int rank = 0; rank < group.ranks; rank++) {
        const Group::Part& from = group.parts[rank];
        if (from.count != count)
            misuse("ranks gather parts of different lengths");
        std::memcpy(parts + rank * count * sizeof(float), from.data, count * sizeof(float));
    }
    // Nobody changes a part that others have not copied.
    group.meet();
    return SUCCESS;
}
