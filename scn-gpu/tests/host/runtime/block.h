// A block: its threads, barriers and shared memory.
#pragma once

#include "fiber.h"
#include "grid.h"

#include <random>

namespace cuda_on_host {

// State shared by all blocks of a grid.
struct Grid {
    const Kernel& kernel;
    void* const* arguments;
    dim3 dimensions, block;
    Order order;
    std::mt19937 random;
    // Places for `release` and `acquire`. Nothing else orders two blocks.
    char started = 0, finished = 0;
};

enum class State { ready, at_barrier, in_warp, done };

struct Thread {
    Fiber fiber;
    unsigned rank = 0;
    State state = State::ready;
    unsigned barriers = 0, syncwarps = 0; // passed so far
    Place place;                          // where it waits
    // Its contribution to a collective operation, and the result.
    Collective what{};
    unsigned mask = 0, source = 0;
    uint64_t value = 0, result = 0;
};

struct Warp {
    unsigned living = 0, waiting = 0;
    char ordered[2];
};

// A block is not reused. For ThreadSanitizer, memory that one block frees and the next one gets
// would be a race, and a place for `release` in two blocks would order them.
class Block {
  public:
    // The block's threads use the fibers from `first_fiber` on.
    Block(Grid& grid, dim3 index, Fibers& fibers, size_t first_fiber);
    ~Block();
    Block(const Block&) = delete;

    void run();

    // Called by the running thread.
    void barrier(Place place);
    bool vote(bool own, Place place);
    uint64_t meet(Collective what, unsigned mask, uint64_t value, unsigned source, Place place);
    void* shared_array(const void* key, size_t bytes);

    Grid& grid;
    const dim3 index;
    Thread* running = nullptr;

  private:
    struct SharedArray {
        const void* key;
        size_t bytes;
        void* memory;
    };

    // During its lifetime, the runtime acts as the host for ThreadSanitizer: a CUDA thread does not
    // sort lists or allocate memory.
    struct AsHost {
        explicit AsHost(const Block& block) : block(block) { pretend(block.host); }
        ~AsHost() { pretend(block.running->fiber); }
        const Block& block;
    };

    static void run_thread();
    void wait(State state, Place place);
    Thread* next();
    void release_barrier();
    void complete(Warp& warp, Thread* lanes, Thread& last);
    [[noreturn]] void stuck();

    Fiber host;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    // The threads of this round in order, and those that became ready for the next one.
    std::vector<Thread*> round, ready;
    size_t turn = 0;
    unsigned done = 0, waiting = 0;
    char ordered[2];
    // The votes of two barriers in turn, like `ordered`, and the number of barriers passed so far.
    bool votes[2] = {};
    unsigned passed = 0;
    std::vector<SharedArray> arrays;
};

// The block that runs in this host thread, or null.
extern thread_local Block* current;

bool same(Place a, Place b);
std::string text(Place place);
const char* name(Collective what);

} // namespace cuda_on_host
