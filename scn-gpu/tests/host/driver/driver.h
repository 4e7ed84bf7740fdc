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
//   SCN_HOST_LOG          file that operations are appended to, see below
//   SCN_HOST_DRY          1: kernels are checked and logged, but not run; copies and sets are. Reports then read as zeros
//
// The log has a line for every call that takes time on a real device, with tabs between its fields:
//
//   launch NAME GX GY GZ THREADS ARGUMENT...   a kernel, its grid, the threads of a block, and its arguments without pointers: numbers, and a
//                                              struct of several ints as the ints with commas between
//   copy-in BYTES, copy-out BYTES, copy BYTES  to the device, from it, within it; whoever lets the driver allocate memory of the host adds a
//                                              field "locked" to copies of it, and lets copies out of it not wait
//   set BYTES                                  memory filled
//   graph N                                    a captured graph starts; its N operations are the N lines that follow
//   alloc BYTES, free                          memory asked of the driver
//   event                                      an event recorded
//   wait BEHIND                                the host waits for the device: for a stream, an event, a context, or a copy that blocks. BEHIND is the number
//                                              of operations (launches, copies and sets) submitted after those waited for: with 0
//                                              the device has nothing left to do. A wait for what was waited for before costs nothing and has no line.
//
// A copy to memory of the host that the driver has not allocated blocks, as the driver's documentation says of such memory.
#pragma once

#include "../runtime/grid.h"

#include <functional>
#include <map>
#include <mutex>
#include <string>
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
    ILLEGAL_STATE = 401,
    NOT_FOUND = 500,
    NOT_READY = 600,
    STREAM_CAPTURE_UNSUPPORTED = 900,
    STREAM_CAPTURE_INVALIDATED = 901,
    STREAM_CAPTURE_ISOLATION = 905,
    CAPTURED_EVENT = 907,
    STREAM_CAPTURE_WRONG_THREAD = 908,
};

using Address = unsigned long long;

[[noreturn]] void misuse(const char* format, ...) __attribute__((format(printf, 1, 2)));

struct Settings {
    int devices, capability;
    size_t memory;
    cuda_on_host::Order order;
    bool eager, leaks_fail, dry;
};
const Settings& settings();

struct Stream;

// The primary context of a device; the driver has no others here.
struct Context {
    int device = 0;
    int retained = 0;
    size_t allocated = 0;
    size_t operations = 0; // submitted to all streams
    Stream* null_stream = nullptr;
    std::vector<Stream*> streams;
};

// Everything is done under one lock: the calls of all threads come one after another.
std::lock_guard<std::recursive_mutex> locked();
bool initialized();
std::vector<Context>& contexts();
Context* current_context();

struct Capture;

struct Stream {
    Context* context;
    std::vector<std::function<void()>> work;
    size_t done = 0;            // of `work`
    bool blocking = false;      // waits for the null stream, and that for it
    Capture* capture = nullptr; // work goes into a graph
    // Of the context's operations: the last that was submitted here, and the last that the host has waited for.
    size_t last_operation = 0, awaited = 0;
    size_t operations = 0; // submitted to this stream
};
// The stream of that handle in the current context; null is the context's own.
Stream& stream(Stream* handle);
// Work that takes the device no time: memory that goes, waits of streams for each other.
void submit(Stream& stream, std::function<void()> work);
// An operation of the device, with its line of the log.
void submit(Stream& stream, const std::string& line, std::function<void()> work);
// Memory of the stream's context.
struct Touched {
    Address address;
    size_t bytes;
};
// Submits such an operation, or captures it with what it touches, to be checked again at every launch.
Result enqueue(Stream& stream, const std::string& line, const std::vector<Touched>& touched, std::function<void()> work);
bool is_capturing(const Stream& stream);
Result spoil_capture(Stream& stream, Result code);
// An error if a stream of the context is captured, whose captures are spoiled then.
Result spoil_captures(const Context& context);
// As that, for a call that only captures in relaxed mode allow.
Result unsafe_call();
void forbid_in_capture(const Stream& stream, const char* what);
size_t graphs_alive();
void finish(Stream& stream);
void finish(Stream& stream, size_t until);
void finish(Context& context);

// A line of the log; nothing happens if none was asked for.
void log_line(const std::string& line);
// The host waits for the stream up to this operation.
void log_wait(Stream& stream, size_t operation);
void log_wait(Stream& stream);
void log_wait(Context& context);

struct Allocation {
    size_t number; // no two have the same
    Context* context;
    char* start;
    size_t bytes;
    char* mapped;
    size_t mapped_bytes;
};
// The live memory of the context that has these bytes; null if there is none.
Allocation* find(const Context& context, Address address, size_t bytes);
void describe_fault(const void* address);

bool is_page_locked(const void* memory, size_t bytes);
// A copy one side of which is `memory`.
void copy_page_locked(Stream& stream, const std::string& line, const void* memory, void* to, const void* from, size_t bytes);
size_t page_locked_bytes();

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
std::string describe(const Launch& launch);
// Runs it, unless all is dry, and records it if that is asked for.
void run(const Launch& launch);
void run_recorded(const Launch& launch, const std::function<void()>& run);

} // namespace stand_in
