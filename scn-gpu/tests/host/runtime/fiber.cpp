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

// Saves what a function must preserve on the old stack, takes the new one and restores from it.
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

Fiber new_fiber(char* stack, size_t bytes, void (*run)()) {
    void** top = reinterpret_cast<void**>(stack + bytes);
    *--top = nullptr; // where `run` would return to; also the alignment that a function expects at its start
    *--top = reinterpret_cast<void*>(run);
    for (int saved = 0; saved < 6; saved++)
        *--top = nullptr;
    Fiber fiber{top, nullptr};
#ifdef SCN_TSAN
    fiber.sanitizer = __tsan_create_fiber(0);
#endif
    return fiber;
}

void switch_fiber(Fiber& from, Fiber& to) {
    pretend(to);
    cuda_on_host_switch(&from.stack_pointer, to.stack_pointer);
}

#ifdef SCN_TSAN
Fiber this_fiber() { return {nullptr, __tsan_get_current_fiber()}; }
void end_fiber(Fiber& fiber) { __tsan_destroy_fiber(fiber.sanitizer); }
void pretend(const Fiber& fiber) { __tsan_switch_to_fiber(fiber.sanitizer, __tsan_switch_to_fiber_no_sync); }
void release(void* place) { __tsan_release(place); }
void acquire(void* place) { __tsan_acquire(place); }
#else
Fiber this_fiber() { return {}; }
void end_fiber(Fiber&) {}
void pretend(const Fiber&) {}
void release(void*) {}
void acquire(void*) {}
#endif

Stacks::Stacks(size_t count) : count(count), memory(nullptr) {
    if (count == 0)
        return;
    void* mapped =
        mmap(nullptr, count * (guard + bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        fail("no memory for %zu stacks", count);
    memory = static_cast<char*>(mapped);
    for (size_t i = 0; i < count; i++)
        if (mprotect(memory + i * (guard + bytes), guard, PROT_NONE) != 0)
            fail("no guard page for stack %zu", i);
}

Stacks::~Stacks() {
    if (memory)
        munmap(memory, count * (guard + bytes));
}

} // namespace cuda_on_host
