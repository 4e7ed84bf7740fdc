// A stand-in for NVIDIA's driver library: what cudarc calls of it, over the kernels compiled for the host.
//
// What a caller may ask and be refused is refused with the driver's own codes. What only a mistake can ask (a pointer into no live
// memory, a block larger than a kernel's bounds, memory freed twice) ends the process with one line, so that no test passes by accident.
//
// Work of a stream runs as late as it may: when somebody waits for it. With SCN_HOST_EAGER=1 it runs at once. What a program forgets to
// wait for shows in one of the two.
//
//   SCN_HOST_DEVICES      number of devices (1)
//   SCN_HOST_CAPABILITY   their generation (80)
//   SCN_HOST_DRIVER       version of CUDA that the driver is for (12090)
//   SCN_HOST_MEMORY       bytes of memory of each (4 GiB)
//   SCN_HOST_ORDER        forward, reverse or random:SEED: order of blocks and threads (forward)
//   SCN_HOST_EAGER        1: work runs at once
//   SCN_HOST_LEAKS        fail: what is not given back at the end makes the process fail
//   SCN_HOST_RECORD       file that launches are appended to; SCN_HOST_RECORD_THREADS, _BYTES and _EACH bound the threads and the bytes of a
//                         launch and how many are kept of each kernel and grid
#pragma once

#include "../runtime/grid.h"

#include <functional>
#include <map>
#include <mutex>
#include <vector>

#define DRIVER_CALL extern "C" __attribute__((visibility("default"))) stand_in::Result

namespace stand_in {

enum Result : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
};

using Address = unsigned long long;

[[noreturn]] void misuse(const char* format, ...) __attribute__((format(printf, 1, 2)));

struct Settings {
    int devices, capability;
    size_t memory;
    cuda_on_host::Order order;
    bool eager, leaks_fail;
};
const Settings& settings();

struct Stream;

// The primary context of a device; the driver has no others here.
struct Context {
    int device = 0;
    int retained = 0;
    size_t allocated = 0;
    Stream* null_stream = nullptr;
    std::vector<Stream*> streams;
};

// Everything is done under one lock: the calls of all threads come one after another.
std::lock_guard<std::recursive_mutex> locked();
bool initialized();
std::vector<Context>& contexts();
Context* current_context();

struct Stream {
    Context* context;
    std::vector<std::function<void()>> work;
    size_t done = 0; // of `work`
};
// The stream of that handle in the current context; null is the context's own.
Stream& stream(Stream* handle);
void submit(Stream& stream, std::function<void()> work);
void finish(Stream& stream);
void finish(Stream& stream, size_t until);
void finish(Context& context);

struct Allocation {
    Context* context;
    char* start;
    size_t bytes;
    char* mapped;
    size_t mapped_bytes;
};
// The live memory of the context that has these bytes; null if there is none.
Allocation* find(const Context& context, Address address, size_t bytes);
void describe_fault(const void* address);

// What the compiled code says of a kernel.
struct Entry {
    std::vector<size_t> parameters;
    unsigned max_threads = cuda_on_host::max_threads;
    size_t shared = 0;
};
// All kernels of a compiled file, machine code or portable code; its generation.
struct Image {
    int capability = 0;
    bool portable = false;
    std::map<std::string, Entry> entries;
};
bool read_image(const void* data, Image& image);

// A launch that is to run now.
struct Launch {
    const cuda_on_host::Kernel* kernel;
    dim3 grid, block;
    std::vector<std::vector<char>> arguments;
    Context* context;
};
// Runs it, and records it if that is asked for.
void run(const Launch& launch);
void run_recorded(const Launch& launch, const std::function<void()>& run);

} // namespace stand_in
