// A stack of its own for every CUDA thread, and the switch from one to the next.
//
// ThreadSanitizer is told of every fiber and sees it as a thread. A switch orders nothing for it: what orders is what the device
// orders too, the barriers (`release` before, `acquire` after). SCN_TSAN says that its library is linked; the runtime itself is never
// instrumented.
#pragma once

#include <cstddef>

namespace cuda_on_host {

#ifdef SCN_TSAN
constexpr bool order_is_checked = true;
#else
constexpr bool order_is_checked = false;
#endif

struct Fiber {
    void* stack_pointer = nullptr;
    void* sanitizer = nullptr;
};

// The fiber of the caller, which has a stack already.
Fiber this_fiber();
// A fiber that will call `run` on the given stack, and must not return from it.
Fiber new_fiber(char* stack, size_t bytes, void (*run)());
void end_fiber(Fiber& fiber);
void switch_fiber(Fiber& from, Fiber& to);
// What follows counts as done by that fiber, for the sanitizer only.
void pretend(const Fiber& fiber);

void release(void* place);
void acquire(void* place);

// Stacks with a page below each that may not be touched.
class Stacks {
  public:
    static constexpr size_t bytes = 128 << 10;
    explicit Stacks(size_t count);
    ~Stacks();
    Stacks(const Stacks&) = delete;
    char* operator[](size_t i) { return memory + i * (guard + bytes) + guard; }

  private:
    static constexpr size_t guard = 4 << 10;
    size_t count;
    char* memory;
};

} // namespace cuda_on_host
