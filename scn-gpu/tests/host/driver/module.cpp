// Compiled files of kernels, and launches of kernels.
#include "driver.h"

#include "../runtime/fail.h"

#include <csignal>
#include <cstring>

namespace stand_in {

struct Function {
    const cuda_on_host::Kernel* kernel;
    Entry entry;
};

struct Module {
    Context* context;
    Image image;
    std::map<std::string, Function> functions;
};

// Reports a kernel that accesses invalid memory, and restores the previous action of the signal.
static struct sigaction previous;
static void on_fault(int number, siginfo_t* info, void*) {
    if (cuda_on_host::is_running()) {
        describe_fault(info->si_addr);
        cuda_on_host::fail("accesses invalid memory");
    }
    sigaction(number, &previous, nullptr);
}

static void catch_faults() {
    static bool once = [] {
        struct sigaction action {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        return sigaction(SIGSEGV, &action, &previous) == 0;
    }();
    (void)once;
}

void run(const Launch& launch) {
    if (settings().dry)
        return;
    std::vector<void*> arguments;
    for (const std::vector<char>& argument : launch.arguments)
        arguments.push_back(const_cast<char*>(argument.data()));
    run_recorded(launch, [&] {
        cuda_on_host::launch(*launch.kernel, launch.grid, launch.block, arguments.data(), settings().order);
    });
}

static void check_signature(const std::string& name, const Image& image, const Entry& entry, const cuda_on_host::Kernel& kernel) {
    std::vector<size_t> sizes;
    for (const cuda_on_host::Argument& argument : kernel.arguments)
        sizes.push_back(argument.size);
    if (sizes != entry.parameters)
        misuse("%s: the compiled code has %zu parameters, the build for the host %zu, or their sizes differ", name.c_str(),
               entry.parameters.size(), sizes.size());
    // For 9.0 and later, machine code by NVRTC 13 counts the kilobyte that the system reserves in
    // every block.
    const size_t limit = (48 << 10) + (!image.portable && image.capability >= 90 ? 1 << 10 : 0);
    if (entry.shared > limit)
        misuse("%s: %zu bytes of shared memory, a device without opt-in has %zu", name.c_str(), entry.shared, limit);
}

static void check_grid(const Function& function, dim3 grid, dim3 block) {
    const char* name = function.kernel->name.c_str();
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
        misuse("%s: a grid of %u x %u x %u blocks", name, grid.x, grid.y, grid.z);
    size_t threads = size_t(block.x) * block.y * block.z;
    if (threads == 0 || threads > function.entry.max_threads || block.z > 64)
        misuse("%s: a block of %u x %u x %u threads; its bound is %u", name, block.x, block.y, block.z, function.entry.max_threads);
}

static void check_pointer(const Function& function, size_t index, const std::vector<char>& argument, const Context& context) {
    Address address;
    memcpy(&address, argument.data(), sizeof address);
    if (address != 0 && !find(context, address, 0))
        misuse("%s: argument %zu, %llx, does not point into live memory of device %d", function.kernel->name.c_str(), index, address,
               context.device);
}

static std::vector<Touched> touched(const Launch& launch) {
    std::vector<Touched> all;
    for (size_t i = 0; i < launch.arguments.size(); i++) {
        Address address = 0;
        if (launch.kernel->arguments[i].pointer)
            memcpy(&address, launch.arguments[i].data(), sizeof address);
        if (address != 0)
            all.push_back({address, 0});
    }
    return all;
}

} // namespace stand_in

using namespace stand_in;

DRIVER_CALL cuModuleLoadData(Module** module, const void* data) {
    auto lock = locked();
    if (!current_context())
        return INVALID_CONTEXT;
    if (Result forbidden = unsafe_call())
        return forbidden;
    Image image;
    if (!read_image(data, image))
        return INVALID_IMAGE;
    // Machine code runs on devices of the same major version that are not older, portable code on
    // all devices that are not older.
    int device = settings().capability;
    if (image.capability > device || (!image.portable && image.capability / 10 != device / 10))
        return NO_BINARY_FOR_GPU;
    *module = new Module{current_context(), std::move(image), {}};
    return SUCCESS;
}

DRIVER_CALL cuModuleUnload(Module* module) {
    auto lock = locked();
    log_wait(*module->context);
    finish(*module->context);
    delete module;
    return SUCCESS;
}

DRIVER_CALL cuModuleGetFunction(Function** function, Module* module, const char* name) {
    auto lock = locked();
    auto entry = module->image.entries.find(name);
    if (entry == module->image.entries.end())
        return NOT_FOUND;
    const cuda_on_host::Kernel* kernel = cuda_on_host::find_kernel(name);
    if (!kernel)
        misuse("%s is not among the kernels built for the host: is REGISTER_KERNEL missing?", name);
    check_signature(name, module->image, entry->second, *kernel);
    *function = &module->functions.insert_or_assign(name, Function{kernel, entry->second}).first->second;
    return SUCCESS;
}

DRIVER_CALL cuFuncGetAttribute(int* value, int attribute, Function* function) {
    switch (attribute) {
    case 0: *value = int(function->entry.max_threads); return SUCCESS;
    case 1: *value = int(function->entry.shared); return SUCCESS;
    default: misuse("attribute %d of a kernel is not supported", attribute);
    }
}

DRIVER_CALL cuLaunchKernel(Function* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                           unsigned block_z, unsigned dynamic_shared, Stream* handle, void** parameters, void** extra) {
    auto lock = locked();
    catch_faults();
    Stream& target = stream(handle);
    Launch launch{function->kernel, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, {}, target.context};
    check_grid(*function, launch.grid, launch.block);
    if (dynamic_shared != 0 || extra != nullptr)
        misuse("%s: dynamic shared memory and packed arguments are not supported", function->kernel->name.c_str());
    for (size_t i = 0; i < function->kernel->arguments.size(); i++) {
        const cuda_on_host::Argument& argument = function->kernel->arguments[i];
        const char* value = static_cast<const char*>(parameters[i]);
        launch.arguments.emplace_back(value, value + argument.size);
        if (argument.pointer)
            check_pointer(*function, i, launch.arguments.back(), *target.context);
    }
    const std::string line = describe(launch);
    const std::vector<Touched> memory = touched(launch);
    return enqueue(target, line, memory, [launch = std::move(launch)] { run(launch); });
}
