// A stand-in for NVIDIA's library NCCL, over the stand-in for the driver: ranks of one process, each in a thread of its own, or of several
// processes of one machine.
//
// Ranks exchange through memory that they share: an unnamed mapping for those that `ncclCommInitAll` connects, a segment named by the unique
// id for those that join by it. The segment loses its name once all have joined. A part goes through it piece by piece.
//
// A gathering waits until all ranks have come, and then copies: whoever comes last, every rank gets the same. The true library goes on at
// once and copies when the streams have come so far; a program that relied on more than that order could not be told here. A rank that
// waits for another longer than a minute gives up with an error, and so do all ranks that wait for it from then on.
//
//   SCN_HOST_NCCL_FAILS   number of a gathering of this process, from 1, that fails without a word to the other ranks
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/futex.h>
#include <memory>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NCCL_CALL extern "C" __attribute__((visibility("default"))) int

extern "C" int cuStreamSynchronize(void* stream);
extern "C" int cuCtxGetDevice(int* device);

namespace {

enum Result { SUCCESS = 0, SYSTEM_ERROR = 2, INVALID_ARGUMENT = 4, INVALID_USAGE = 5, REMOTE_ERROR = 6 };
constexpr int FLOAT32 = 7;

constexpr int most_ranks = 16;
constexpr size_t piece = 256 << 10; // bytes of a part that are exchanged at a time
constexpr int patience = 60;        // seconds

struct UniqueId {
    char internal[128];
};

// What ranks share. It begins as zeros, which need no first rank to prepare them.
struct Shared {
    std::atomic<int> ranks; // 0 before the first has joined
    std::atomic<bool> taken[most_ranks];
    std::atomic<int> devices[most_ranks];
    std::atomic<bool> broken;
    std::atomic<uint32_t> waiting, rounds;
    std::atomic<size_t> counts[most_ranks];
    char pieces[most_ranks][piece];
};
static_assert(std::atomic<uint32_t>::is_always_lock_free && std::atomic<size_t>::is_always_lock_free);

// Waits until all ranks have come so far; false if one does not come.
bool meet(Shared& shared) {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const time_t end = now.tv_sec + patience;
    const uint32_t round = shared.rounds;
    auto* word = reinterpret_cast<uint32_t*>(&shared.rounds);
    if (int(++shared.waiting) == shared.ranks) {
        shared.waiting = 0;
        shared.rounds++;
        syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
        return !shared.broken;
    }
    while (shared.rounds == round && !shared.broken) {
        const timespec second{1, 0};
        syscall(SYS_futex, word, FUTEX_WAIT, round, &second, nullptr, 0);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > end) {
            std::fprintf(stderr, "stand-in for NCCL: another rank has not come for %d seconds\n", patience);
            shared.broken = true;
        }
    }
    return !shared.broken;
}

// Whether this gathering of the process is the one that is to fail.
bool fails() {
    static std::atomic<int> count{0};
    static const char* text = std::getenv("SCN_HOST_NCCL_FAILS");
    return ++count == (text ? std::atoi(text) : 0);
}

// A mapping of it; `file` is -1 for one without a name.
std::shared_ptr<Shared> map(int file) {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        return nullptr;
    return {static_cast<Shared*>(memory), [](Shared* shared) { munmap(shared, sizeof *shared); }};
}

struct Communicator {
    std::shared_ptr<Shared> shared;
    int rank;
};

[[noreturn]] void misuse(const char* what) {
    std::fprintf(stderr, "stand-in for NCCL: %s\n", what);
    std::abort();
}

// No device may be used by two ranks.
bool differ(const Shared& shared) {
    for (int a = 0; a < shared.ranks; a++)
        for (int b = 0; b < a; b++)
            if (shared.devices[a] == shared.devices[b])
                return false;
    return true;
}

} // namespace

NCCL_CALL ncclGetVersion(int* version) {
    *version = 22200;
    return SUCCESS;
}

NCCL_CALL ncclGetUniqueId(UniqueId* id) {
    static std::atomic<int> count{0};
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    std::memset(id, 0, sizeof *id);
    std::snprintf(id->internal, sizeof id->internal, "/nccl-stand-in-%d-%d-%lld", int(getpid()), count++,
                  now.tv_sec * 1000000000ll + now.tv_nsec);
    return SUCCESS;
}

NCCL_CALL ncclCommInitRank(Communicator** communicator, int ranks, UniqueId id, int rank) {
    if (rank < 0 || rank >= ranks || ranks > most_ranks || !std::memchr(id.internal, 0, sizeof id.internal))
        return INVALID_ARGUMENT;
    int device;
    if (cuCtxGetDevice(&device) != 0)
        misuse("a rank joins in a thread that has no device");
    int file = shm_open(id.internal, O_CREAT | O_RDWR, 0600);
    if (file < 0 || ftruncate(file, sizeof(Shared)) != 0)
        return SYSTEM_ERROR;
    std::shared_ptr<Shared> shared = map(file);
    close(file);
    if (!shared)
        return SYSTEM_ERROR;
    int none = 0;
    if ((!shared->ranks.compare_exchange_strong(none, ranks) && none != ranks) || shared->taken[rank].exchange(true))
        return INVALID_ARGUMENT;
    shared->devices[rank] = device;
    const bool met = meet(*shared);
    // Of several ranks the first takes the name away.
    shm_unlink(id.internal);
    if (!met)
        return REMOTE_ERROR;
    if (!differ(*shared))
        return INVALID_USAGE;
    *communicator = new Communicator{shared, rank};
    return SUCCESS;
}

NCCL_CALL ncclCommInitAll(Communicator** communicators, int ranks, const int* devices) {
    std::shared_ptr<Shared> shared = map(-1);
    if (!shared)
        return SYSTEM_ERROR;
    if (ranks < 1 || ranks > most_ranks)
        return INVALID_ARGUMENT;
    shared->ranks = ranks;
    for (int rank = 0; rank < ranks; rank++)
        shared->devices[rank] = devices[rank];
    if (!differ(*shared))
        return INVALID_ARGUMENT;
    for (int rank = 0; rank < ranks; rank++)
        communicators[rank] = new Communicator{shared, rank};
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
    if (fails())
        return SYSTEM_ERROR;
    Shared& shared = *communicator->shared;
    const int own = communicator->rank, ranks = shared.ranks;
    const size_t bytes = count * sizeof(float);
    shared.counts[own] = count;
    for (size_t done = 0; done < bytes; done += piece) {
        const size_t now = bytes - done < piece ? bytes - done : piece;
        std::memcpy(shared.pieces[own], part + done, now);
        if (!meet(shared))
            return REMOTE_ERROR;
        for (int rank = 0; rank < ranks; rank++) {
            if (shared.counts[rank] != count)
                misuse("ranks gather parts of different lengths");
            std::memcpy(parts + rank * bytes + done, shared.pieces[rank], now);
        }
        // Nobody changes a piece that others have not copied.
        if (!meet(shared))
            return REMOTE_ERROR;
    }
    return SUCCESS;
}
