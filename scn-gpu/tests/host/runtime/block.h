// A block: its threads, its barriers and its shared memory.
#pragma once

#include "fiber.h"
#include "grid.h"

#include <random>

namespace cuda_on_host {

// What the blocks of a grid have in common.
struct Grid {
    const Kernel& kernel;
    void* const* arguments;
    dim3 dimensions, block;
    Order order;
    std::mt19937 random;
    // Places for `release` and `acquire`: nothing else orders two blocks.
    char started = 0, finished = 0;
};

enum class State { ready, at_barrier, in_warp, done };

struct Thread {
    Fiber fiber;
    unsigned rank = 0;
    State state = State::ready;
    unsigned barriers = 0, syncwarps = 0; // passed so far
    Place place;                          // where it waits
    // What it brought to a collective, and what it got.
    Collective what{};
    unsigned mask = 0, source = 0;
    uint64_t value = 0, result = 0;
};

struct Warp {
    unsigned living = 0, waiting = 0;
    char ordered[2];
};

// Not used twice: for ThreadSanitizer a place of memory that one block frees and the next one gets would be a race, and a place for
// `release` in two blocks an order between them.
class Block {
  public:
    // The block's threads use the fibers from the given one on.
    Block(Grid& grid, dim3 index, Fibers& fibers, size_t first_fiber);
    ~Block();
    Block(const Block&) = delete;

    void run();

    // Called by the thread that runs.
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

    // While it lives the runtime works, for ThreadSanitizer as the host: sorting a list or allocating memory is nothing that the CUDA
    // thread does.
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
    // The threads of this round in their order, and those that became ready for the next one.
    std::vector<Thread*> round, ready;
    size_t turn = 0;
    unsigned done = 0, waiting = 0;
    char ordered[2];
    // Of two barriers in turn, as `ordered`; and how many barriers the block has passed.
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
