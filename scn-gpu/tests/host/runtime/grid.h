// Runs a grid: its blocks one after another, and the threads of a block as fibers.
#pragma once

#include "../cuda_on_host.h"

#include <string>

namespace cuda_on_host {

struct Kernel {
    std::string name;
    Run run;
    std::vector<Argument> arguments;
};

// The order of the blocks, and of the threads that are ready.
struct Order {
    enum { forward, reverse, random } kind = forward;
    unsigned seed = 0;
    static Order parse(const std::string& text); // forward, reverse, random:SEED
};

// Returns null if no kernel has this name.
const Kernel* find_kernel(const std::string& name);
std::vector<std::string> kernel_names();

constexpr unsigned max_threads = 1024;

void launch(const Kernel& kernel, dim3 grid, dim3 block, void* const* arguments, Order order);

} // namespace cuda_on_host
