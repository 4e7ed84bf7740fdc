// A separate stack for every CUDA thread, and the switch from one to the next.
//
// ThreadSanitizer is told about every fiber and treats it as a thread. A switch does not order
// anything for it. Only barriers do, as on the device (`release` before, `acquire` after). SCN_TSAN
// means that its library is linked; the runtime itself is never instrumented.
#pragma once

#include <cstddef>
#include <vector>

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

// Returns the fiber of the caller, which already has a stack.
Fiber this_fiber();
void switch_fiber(Fiber& from, Fiber& to);
// Attributes everything that follows to a fiber, for the sanitizer only.
void pretend(const Fiber& fiber);

void release(void* place);
void acquire(void* place);

// Reusable fibers, each with an inaccessible page below its stack. With ThreadSanitizer, a launch
// must not use a fiber twice: two CUDA threads with one stack would race, and would count as one
// thread. Creating a fiber takes ThreadSanitizer a millisecond.
class Fibers {
  public:
    ~Fibers();
    // Returns a fiber that will call `run`, which must not return.
    Fiber start(size_t number, void (*run)());

  private:
    struct Kept {
        char* stack;
        void* sanitizer;
    };
    std::vector<Kept> kept;
};

} // namespace cuda_on_host
