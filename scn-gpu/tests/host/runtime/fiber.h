// A stack of its own for every CUDA thread, and the switch from one to the next.
//
// ThreadSanitizer is told of every fiber and sees it as a thread. A switch orders nothing for it: what orders is what the device
// orders too, the barriers (`release` before, `acquire` after). SCN_TSAN says that its library is linked; the runtime itself is never
// instrumented.
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

// The fiber of the caller, which has a stack already.
Fiber this_fiber();
void switch_fiber(Fiber& from, Fiber& to);
// What follows counts as done by that fiber, for the sanitizer only.
void pretend(const Fiber& fiber);

void release(void* place);
void acquire(void* place);

// Fibers to be used again and again, each with a page below its stack that may not be touched. For ThreadSanitizer a launch must not
// use one twice: two CUDA threads with one stack would race, and would count as one thread. Making a fiber takes it a millisecond.
class Fibers {
  public:
    ~Fibers();
    // A fiber that will call `run`, which does not return.
    Fiber start(size_t number, void (*run)());

  private:
    struct Kept {
        char* stack;
        void* sanitizer;
    };
    std::vector<Kept> kept;
};

} // namespace cuda_on_host
