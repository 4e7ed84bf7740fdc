#include "fiber.h"

#include "fail.h"

#include <sys/mman.h>

#ifdef SCN_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#ifndef __x86_64__
#error "the switch between fibers is written for x86-64"
#endif

namespace cuda_on_host {

// Saves the registers that a function must preserve on the old stack, and restores them from the
// new one.
extern "C" void cuda_on_host_switch(void** old_stack_pointer, void* new_stack_pointer);
asm(R"(
    .text
    .globl cuda_on_host_switch
    .hidden cuda_on_host_switch
    .type cuda_on_host_switch, @function
cuda_on_host_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .size cuda_on_host_switch, .-cuda_on_host_switch
)");

void switch_fiber(Fiber& from, Fiber& to) {
    pretend(to);
    cuda_on_host_switch(&from.stack_pointer, to.stack_pointer);
}

#ifdef SCN_TSAN
Fiber this_fiber() { return {nullptr, __tsan_get_current_fiber()}; }
static void* sanitizer_fiber() { return __tsan_create_fiber(0); }
static void end_sanitizer_fiber(void* fiber) { __tsan_destroy_fiber(fiber); }
void pretend(const Fiber& fiber) { __tsan_switch_to_fiber(fiber.sanitizer, __tsan_switch_to_fiber_no_sync); }
void release(void* place) { __tsan_release(place); }
void acquire(void* place) { __tsan_acquire(place); }
#else
Fiber this_fiber() { return {}; }
static void* sanitizer_fiber() { return nullptr; }
static void end_sanitizer_fiber(void*) {}
void pretend(const Fiber&) {}
void release(void*) {}
void acquire(void*) {}
#endif

constexpr size_t guard = 4 << 10, stack = 128 << 10;

Fiber Fibers::start(size_t number, void (*run)()) {
    while (kept.size() <= number) {
        void* mapped = mmap(nullptr, guard + stack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED || mprotect(mapped, guard, PROT_NONE) != 0)
            fail("no memory for stack %zu", kept.size());
        kept.push_back({static_cast<char*>(mapped), sanitizer_fiber()});
    }
    void** top = reinterpret_cast<void**>(kept[number].stack + guard + stack);
    *--top = nullptr; // return address of `run`, which also aligns the stack as functions expect
    *--top = reinterpret_cast<void*>(run);
    for (int saved = 0; saved < 6; saved++)
        *--top = nullptr;
    return {top, kept[number].sanitizer};
}

Fibers::~Fibers() {
    for (Kept& fiber : kept) {
        end_sanitizer_fiber(fiber.sanitizer);
        munmap(fiber.stack, guard + stack);
    }
}

} // namespace cuda_on_host
