// Devices, contexts and settings.
#include "driver.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace stand_in {

void misuse(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "stand-in driver: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    abort();
}

static long long number(const char* name, long long otherwise) {
    const char* text = getenv(name);
    return text ? atoll(text) : otherwise;
}

const Settings& settings() {
    static const Settings all = [] {
        const char* order = getenv("SCN_HOST_ORDER");
        const char* leaks = getenv("SCN_HOST_LEAKS");
        return Settings{
            int(number("SCN_HOST_DEVICES", 1)),          int(number("SCN_HOST_CAPABILITY", 80)),
            size_t(number("SCN_HOST_MEMORY", 4ll << 30)), cuda_on_host::Order::parse(order ? order : "forward"),
            number("SCN_HOST_EAGER", 0) == 1,             leaks && std::string(leaks) == "fail",  number("SCN_HOST_DRY", 0) == 1,
        };
    }();
    return all;
}

// Never destroyed, since threads may outlive the library's own objects.
static std::recursive_mutex& mutex() {
    static auto* one = new std::recursive_mutex;
    return *one;
}

std::lock_guard<std::recursive_mutex> locked() { return std::lock_guard(mutex()); }

static bool has_started = false;
static thread_local Context* of_thread = nullptr;

bool initialized() { return has_started; }
Context* current_context() { return of_thread; }

std::vector<Context>& contexts() {
    static auto* all = [] {
        auto* all = new std::vector<Context>(settings().devices);
        for (size_t i = 0; i < all->size(); i++)
            (*all)[i].device = int(i);
        return all;
    }();
    return *all;
}

static bool is_device(int device) { return device >= 0 && device < settings().devices; }

// Reports everything that is still held when the process ends.
__attribute__((destructor)) static void report_leaks() {
    if (!has_started)
        return;
    size_t bytes = 0, open = 0;
    for (Context& context : contexts()) {
        bytes += context.allocated;
        open += context.retained > 0;
    }
    size_t graphs = graphs_alive(), locked_bytes = page_locked_bytes();
    if (bytes == 0 && open == 0 && graphs == 0 && locked_bytes == 0)
        return;
    fprintf(stderr, "stand-in driver: %zu bytes were never freed and %zu devices never released\n", bytes, open);
    if (graphs > 0 || locked_bytes > 0)
        fprintf(stderr, "stand-in driver: %zu graphs were never destroyed and %zu bytes of page-locked memory never freed\n", graphs, locked_bytes);
    if (settings().leaks_fail)
        _exit(1);
}

} // namespace stand_in

using namespace stand_in;

DRIVER_CALL cuInit(unsigned) {
    auto lock = locked();
    if (settings().devices == 0)
        return NO_DEVICE;
    has_started = true;
    return SUCCESS;
}

DRIVER_CALL cuDriverGetVersion(int* version) {
    *version = int(number("SCN_HOST_DRIVER", 12090));
    return SUCCESS;
}

DRIVER_CALL cuDeviceGetCount(int* count) {
    *count = settings().devices;
    return initialized() ? SUCCESS : NOT_INITIALIZED;
}

DRIVER_CALL cuDeviceGet(int* device, int index) {
    if (!initialized())
        return NOT_INITIALIZED;
    *device = index;
    return is_device(index) ? SUCCESS : INVALID_DEVICE;
}

DRIVER_CALL cuDeviceGetName(char* name, int length, int device) {
    snprintf(name, size_t(length), "Stand-in device %d", device);
    return is_device(device) ? SUCCESS : INVALID_DEVICE;
}

DRIVER_CALL cuDeviceTotalMem_v2(size_t* bytes, int device) {
    *bytes = settings().memory;
    return is_device(device) ? SUCCESS : INVALID_DEVICE;
}

DRIVER_CALL cuDeviceGetAttribute(int* value, int attribute, int device) {
    static const std::map<int, int> values{
        {1, int(cuda_on_host::max_threads)}, // threads of a block
        {8, 48 << 10},                       // shared memory of a block
        {10, 32},                            // threads of a warp
        {12, 64 << 10},                      // registers of a block
        {13, 1'000'000},                     // clock, kHz
        {16, 4},                             // multiprocessors
        {36, 1'000'000},                     // memory clock, kHz
        {37, 256},                           // width of the memory bus, bits
        {39, 2048},                          // threads of a multiprocessor
        {75, settings().capability / 10},
        {76, settings().capability % 10},
        {115, 1}, // memory pools
    };
    if (!is_device(device))
        return INVALID_DEVICE;
    auto found = values.find(attribute);
    if (found == values.end())
        misuse("attribute %d of a device is not supported", attribute);
    *value = found->second;
    return SUCCESS;
}

DRIVER_CALL cuDevicePrimaryCtxRetain(Context** context, int device) {
    auto lock = locked();
    if (!is_device(device))
        return INVALID_DEVICE;
    *context = &contexts()[size_t(device)];
    (*context)->retained++;
    return SUCCESS;
}

DRIVER_CALL cuDevicePrimaryCtxRelease_v2(int device) {
    auto lock = locked();
    if (!is_device(device))
        return INVALID_DEVICE;
    Context& context = contexts()[size_t(device)];
    if (context.retained == 0)
        misuse("the context of device %d is released more often than retained", device);
    if (--context.retained > 0)
        return SUCCESS;
    finish(context);
    if (context.allocated > 0)
        misuse("the context of device %d is released, but %zu bytes of its memory are not freed", device, context.allocated);
    return SUCCESS;
}

DRIVER_CALL cuCtxGetCurrent(Context** context) {
    *context = of_thread;
    return SUCCESS;
}

DRIVER_CALL cuCtxSetCurrent(Context* context) {
    of_thread = context;
    return SUCCESS;
}

// Used by the stand-in for NCCL to find the device of a rank.
DRIVER_CALL cuCtxGetDevice(int* device) {
    if (!of_thread)
        return INVALID_CONTEXT;
    *device = of_thread->device;
    return SUCCESS;
}

DRIVER_CALL cuCtxSynchronize() {
    auto lock = locked();
    if (!of_thread)
        return INVALID_CONTEXT;
    if (Result spoiled = spoil_captures(*of_thread))
        return spoiled;
    log_wait(*of_thread);
    finish(*of_thread);
    return SUCCESS;
}

DRIVER_CALL cuGetErrorName(int code, const char** name) {
    static const std::map<int, const char*> names{
        {SUCCESS, "CUDA_SUCCESS"},
        {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
        {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
        {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED"},
        {NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
        {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"},
        {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE"},
        {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
        {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
        {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"},
        {NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
        {NOT_READY, "CUDA_ERROR_NOT_READY"},
        {ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE"},
        {STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
        {STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
        {STREAM_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"},
        {CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT"},
        {STREAM_CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"},
    };
    auto found = names.find(code);
    *name = found == names.end() ? nullptr : found->second;
    return *name ? SUCCESS : INVALID_VALUE;
}

DRIVER_CALL cuGetErrorString(int code, const char** text) { return cuGetErrorName(code, text); }

// NVRTC 13 looks for a driver that the process has loaded, and calls this function without checking
// that it exists.
DRIVER_CALL cuGetExportTable(const void** table, const void*) {
    *table = nullptr;
    return INVALID_VALUE;
}
