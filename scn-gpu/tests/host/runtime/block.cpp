#include "block.h"

#include "fail.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace cuda_on_host {

// Available on every device without opt-in.
constexpr size_t shared_memory = 48 << 10;

thread_local Block* current = nullptr;

bool same(Place a, Place b) { return a.line() == b.line() && a.column() == b.column() && !strcmp(a.file_name(), b.file_name()); }

std::string text(Place place) {
    std::string file = place.file_name();
    return file.substr(file.rfind('/') + 1) + ":" + std::to_string(place.line());
}

Block::Block(Grid& grid, dim3 index, Fibers& fibers, size_t first_fiber) : grid(grid), index(index), host(this_fiber()) {
    threads.resize(grid.block.x * grid.block.y * grid.block.z);
    warps.resize((threads.size() + 31) / 32);
    for (unsigned i = 0; i < threads.size(); i++) {
        threads[i].rank = i;
        threads[i].fiber = fibers.start(first_fiber + i, run_thread);
        warps[i / 32].living |= 1u << i % 32;
        ready.push_back(&threads[i]);
    }
}

Block::~Block() {
    for (SharedArray& array : arrays)
        free(array.memory);
}

void Block::run() {
    current = this;
    running = next();
    switch_fiber(host, running->fiber);
    current = nullptr;
}

void Block::run_thread() {
    Block& block = *current;
    acquire(&block.grid.started);
    block.grid.kernel.run(block.grid.arguments);
    release(&block.grid.finished);
    Thread& self = *block.running;
    block.warps[self.rank / 32].living &= ~(1u << self.rank % 32);
    block.done++;
    block.wait(State::done, self.place);
    fail("a thread continued after its end");
}

// Lets other threads run until this thread is ready again.
void Block::wait(State state, Place place) {
    Thread& self = *running;
    self.state = state;
    self.place = place;
    Thread* chosen = nullptr;
    {
        AsHost as_host(*this);
        chosen = next();
    }
    if (chosen == &self)
        return;
    running = chosen;
    switch_fiber(self.fiber, chosen ? chosen->fiber : host);
}

// Returns the thread to run next, or null if all have ended.
Thread* Block::next() {
    if (turn == round.size()) {
        if (ready.empty() && waiting == threads.size())
            release_barrier();
        round.clear();
        round.swap(ready);
        turn = 0;
        if (grid.order.kind == Order::random)
            std::shuffle(round.begin(), round.end(), grid.random);
        else
            std::sort(round.begin(), round.end()); // by address, which is by rank
        if (grid.order.kind == Order::reverse)
            std::reverse(round.begin(), round.end());
    }
    if (turn < round.size()) {
        round[turn]->state = State::ready;
        return round[turn++];
    }
    if (done < threads.size())
        stuck();
    return nullptr;
}

void Block::barrier(Place place) {
    // Two places in turn: a thread that reaches the next barrier must not be ordered with a thread
    // that has yet to leave this one.
    char* here = &ordered[running->barriers++ % 2];
    waiting++;
    release(here);
    wait(State::at_barrier, place);
    acquire(here);
}

bool Block::vote(bool own, Place place) {
    bool& result = votes[running->barriers % 2];
    result |= own;
    barrier(place);
    return result;
}

void Block::release_barrier() {
    waiting = 0;
    // All threads have read the result of the barrier before this one.
    votes[++passed % 2] = false;
    for (Thread& thread : threads) {
        if (!same(thread.place, threads[0].place))
            fail("threads meet in different __syncthreads, %s and %s", text(threads[0].place).c_str(), text(thread.place).c_str());
        ready.push_back(&thread);
    }
}

void Block::stuck() {
    std::map<std::string, unsigned> counts;
    for (Thread& thread : threads) {
        if (thread.state == State::at_barrier)
            counts["wait in __syncthreads " + text(thread.place)]++;
        else if (thread.state == State::in_warp)
            counts["wait in " + std::string(name(thread.what)) + " " + text(thread.place)]++;
        else
            counts["have left the kernel"]++;
    }
    std::string all;
    for (auto& [what, count] : counts)
        all += (all.empty() ? "" : ", ") + std::to_string(count) + " " + what;
    running = nullptr;
    fail("deadlock: of %zu threads %s", threads.size(), all.c_str());
}

void* Block::shared_array(const void* key, size_t bytes) {
    size_t sum = bytes;
    for (SharedArray& array : arrays) {
        if (array.key == key) {
            acquire(array.memory);
            return array.memory;
        }
        sum += array.bytes;
    }
    if (sum > shared_memory)
        fail("%zu bytes of shared memory; a device without opt-in has %zu", sum, shared_memory);
    void* memory = nullptr;
    {
        AsHost as_host(*this);
        // The exact size, so that a sanitizer knows the end.
        if (posix_memalign(&memory, 16, bytes) != 0)
            fail("no memory for a shared array of %zu bytes", bytes);
        memset(memory, 0xff, bytes);
        release(memory);
        arrays.push_back({key, bytes, memory});
    }
    acquire(memory);
    return memory;
}

// Functions that kernels call.
dim3 thread_index() {
    dim3 block = current->grid.block;
    unsigned rank = current->running->rank;
    return {rank % block.x, rank / block.x % block.y, rank / (block.x * block.y)};
}
dim3 block_index() { return current->index; }
dim3 block_dimensions() { return current->grid.block; }
dim3 grid_dimensions() { return current->grid.dimensions; }
unsigned lane() { return current->running->rank % 32; }
void block_barrier(Place place) { current->barrier(place); }
bool block_vote(bool vote, Place place) { return current->vote(vote, place); }
void* shared_array(const void* key, size_t bytes) { return current->shared_array(key, bytes); }
uint64_t meet(Collective what, unsigned mask, uint64_t value, unsigned source, Place place) {
    return current->meet(what, mask, value, source, place);
}

} // namespace cuda_on_host
