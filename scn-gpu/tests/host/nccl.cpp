// A stand-in for NVIDIA's library NCCL, on top of the stand-in for the driver. It supports ranks of
// one process, each in its own thread, and of several processes on one machine.
//
// Ranks exchange numbers through shared memory: an unnamed mapping for those that `ncclCommInitAll`
// connects, and a segment named by the unique id for those that join with it. The segment loses its
// name once all have joined. A part goes through the memory piece by piece.
//
// A gathering waits for all ranks and then copies, so every rank gets the same parts, whichever
// rank comes last. The real library returns immediately and copies when the streams have got that
// far. A program that relies on a stronger order would go unnoticed here. A rank that waits longer
// than a minute for another gives up with an error, and so do all ranks that wait for it from then
// on.
//
//   SCN_HOST_NCCL_FAILS   which gathering of this process, counted from 1, fails without notifying
//                         the other ranks
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

// The state that ranks share. It starts as zeros, so no rank has to initialise it.
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

// Waits for all ranks. Returns false if one does not arrive.
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
            std::fprintf(stderr, "stand-in for NCCL: another rank has not arrived for %d seconds\n", patience);
            shared.broken = true;
        }
    }
    return !shared.broken;
}

// Whether this gathering of the process is the one that should fail.
bool fails() {
    static std::atomic<int> count{0};
    static const char* text = std::getenv("SCN_HOST_NCCL_FAILS");
    return ++count == (text ? std::atoi(text) : 0);
}

// Maps the shared state; `file` is -1 for a mapping without a name.
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

// Whether all ranks use different devices.
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
        misuse("a rank joins in a thread without a device");
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
    // The first of several ranks removes the name.
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
        misuse("only float can be gathered");
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
        // A rank must not change its piece before all others have copied it.
        if (!meet(shared))
            return REMOTE_ERROR;
    }
    return SUCCESS;
}
