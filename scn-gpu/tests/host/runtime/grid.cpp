#include "grid.h"

#include "block.h"
#include "fail.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>

namespace cuda_on_host {

static std::map<std::string, Kernel>& kernels() {
    static std::map<std::string, Kernel> all;
    return all;
}

bool enter(const char* name, Run run, std::vector<Argument> arguments) {
    if (!kernels().emplace(name, Kernel{name, run, std::move(arguments)}).second)
        fail("two kernels have the name %s", name);
    return true;
}

const Kernel* find_kernel(const std::string& name) {
    auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : &found->second;
}

std::vector<std::string> kernel_names() {
    std::vector<std::string> names;
    for (auto& [name, kernel] : kernels())
        names.push_back(name);
    return names;
}

Order Order::parse(const std::string& text) {
    if (text == "forward")
        return {forward};
    if (text == "reverse")
        return {reverse};
    if (text.rfind("random:", 0) == 0)
        return {random, unsigned(std::strtoul(text.c_str() + 7, nullptr, 10))};
    fail("unknown order %s: expected forward, reverse or random:SEED", text.c_str());
}

void launch(const Kernel& kernel, dim3 dimensions, dim3 block, void* const* arguments, Order order) {
    size_t count = size_t(dimensions.x) * dimensions.y * dimensions.z, size = size_t(block.x) * block.y * block.z;
    if (count == 0 || size == 0 || size > max_threads)
        fail("%s: a grid of %zu blocks of %zu threads", kernel.name.c_str(), count, size);
    Grid grid{kernel, arguments, dimensions, block, order, std::mt19937(order.seed)};
    std::vector<size_t> blocks(count);
    std::iota(blocks.begin(), blocks.end(), size_t(0));
    if (order.kind == Order::reverse)
        std::reverse(blocks.begin(), blocks.end());
    else if (order.kind == Order::random)
        std::shuffle(blocks.begin(), blocks.end(), grid.random);

    release(&grid.started);
    static thread_local Fibers fibers;
    std::vector<std::unique_ptr<Block>> run;
    for (size_t i = 0; i < count; i++) {
        unsigned x = blocks[i] % dimensions.x, y = blocks[i] / dimensions.x % dimensions.y;
        unsigned z = blocks[i] / dimensions.x / dimensions.y;
        run.push_back(std::make_unique<Block>(grid, dim3{x, y, z}, fibers, order_is_checked ? i * size : 0));
        run.back()->run();
        if (!order_is_checked)
            run.clear();
    }
    acquire(&grid.finished);
}

bool is_running() { return current != nullptr; }

void fail(const char* format, ...) {
    char what[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (!current)
        fprintf(stderr, "cuda_on_host: %s\n", what);
    else if (dim3 at = current->index; !current->running)
        fprintf(stderr, "cuda_on_host: %s, block (%u, %u, %u): %s\n", current->grid.kernel.name.c_str(), at.x, at.y, at.z, what);
    else
        fprintf(stderr, "cuda_on_host: %s, block (%u, %u, %u), thread %u: %s\n", current->grid.kernel.name.c_str(), at.x, at.y, at.z,
                current->running->rank, what);
    abort();
}

} // namespace cuda_on_host
