// A stand-in for NVIDIA's driver library: the functions that cudarc calls, on top of the kernels
// compiled for the host.
//
// Requests that the driver may refuse are refused with the driver's own codes. A request that can
// only be a mistake (a pointer that is not into live memory, a block larger than a kernel's bounds,
// memory freed twice) ends the process with one line, so that no test passes by accident.
//
// The work of a stream runs as late as possible: when something waits for it. With
// SCN_HOST_EAGER=1, it runs immediately. A wait that a program forgets shows in one of the two
// modes.
//
//   SCN_HOST_DEVICES      number of devices (1)
//   SCN_HOST_CAPABILITY   their compute capability times ten (80)
//   SCN_HOST_DRIVER       CUDA version that the driver supports (12090)
//   SCN_HOST_MEMORY       memory of each device in bytes (4 GiB)
//   SCN_HOST_ORDER        forward, reverse or random:SEED: order of blocks and threads (forward)
//   SCN_HOST_EAGER        1: work runs immediately
//   SCN_HOST_LEAKS        fail: the process fails if anything is not released at its end
//   SCN_HOST_RECORD       file to which launches are appended. SCN_HOST_RECORD_THREADS, _BYTES and
//                         _EACH limit the threads and bytes of a launch, and the number of launches
//                         kept per kernel and grid
//   SCN_HOST_LOG          file to which operations are appended, see below
//   SCN_HOST_DRY          1: kernels are checked and logged, but not run. Copies and fills are run.
//                         Reports then read as zeros
//
// The log has a line for every call that takes time on a real device, with tabs between its fields:
//
//   launch NAME GX GY GZ THREADS ARGUMENT...
//       a kernel, its grid, the threads of a block, and its arguments except pointers: numbers, or
//       the ints of a struct separated by commas
//   copy-in BYTES, copy-out BYTES, copy BYTES
//       a copy to the device, from it, or within it. Copies from and to host memory that the driver
//       has allocated have an additional field "locked", and copies to it do not wait
//   set BYTES
//       memory filled
//   graph N
//       a captured graph starts; its N operations are the N lines that follow
//   alloc BYTES, free
//       memory requested from the driver and freed
//   event
//       an event recorded
//   wait BEHIND
//       the host waits for the device: for a stream, an event, a context, or a copy that blocks.
//       BEHIND is the number of operations (launches, copies and fills) submitted after those
//       waited for: with 0, the device has nothing left to do. A second wait for the same work
//       costs nothing and has no line.
//
// A copy to host memory that the driver has not allocated blocks, as the driver's documentation
// states.
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

// The primary context of a device. There are no other contexts here.
struct Context {
    int device = 0;
    int retained = 0;
    size_t allocated = 0;
    size_t operations = 0; // submitted to all streams
    Stream* null_stream = nullptr;
    std::vector<Stream*> streams;
};

// All calls hold this lock, so calls of different threads run one after another.
std::lock_guard<std::recursive_mutex> locked();
bool initialized();
std::vector<Context>& contexts();
Context* current_context();

struct Capture;

struct Stream {
    Context* context;
    std::vector<std::function<void()>> work;
    size_t done = 0;            // number of entries of `work` that are done
    bool blocking = false;      // waits for the null stream, and vice versa
    Capture* capture = nullptr; // if set, work goes into a graph
    // Numbers of operations of the context: the last one submitted to this stream, and the last one
    // that the host has waited for.
    size_t last_operation = 0, awaited = 0;
    size_t operations = 0; // submitted to this stream
};
// Returns the stream of a handle in the current context. Null is the context's own stream.
Stream& stream(Stream* handle);
// Submits work that takes the device no time, such as freeing memory or waiting for a stream.
void submit(Stream& stream, std::function<void()> work);
// Submits an operation of the device, with its line of the log.
void submit(Stream& stream, const std::string& line, std::function<void()> work);
// Memory of the stream's context that an operation accesses.
struct Touched {
    Address address;
    size_t bytes;
};
// Submits an operation. During a capture, captures it instead, with the memory that it accesses,
// which is checked again at every launch.
Result enqueue(Stream& stream, const std::string& line, const std::vector<Touched>& touched, std::function<void()> work);
bool is_capturing(const Stream& stream);
Result spoil_capture(Stream& stream, Result code);
// Returns an error if a stream of the context is being captured, and invalidates the capture.
Result spoil_captures(const Context& context);
// Does the same for a call that is allowed only during captures in relaxed mode.
Result unsafe_call();
void forbid_in_capture(const Stream& stream, const char* what);
size_t graphs_alive();
void finish(Stream& stream);
void finish(Stream& stream, size_t until);
void finish(Context& context);

// Writes a line to the log, if there is one.
void log_line(const std::string& line);
// Logs that the host waits for the stream, up to this operation.
void log_wait(Stream& stream, size_t operation);
void log_wait(Stream& stream);
void log_wait(Context& context);

struct Allocation {
    size_t number; // unique
    Context* context;
    char* start;
    size_t bytes;
    char* mapped;
    size_t mapped_bytes;
};
// Returns the live allocation of the context that contains these bytes, or null.
Allocation* find(const Context& context, Address address, size_t bytes);
void describe_fault(const void* address);

bool is_page_locked(const void* memory, size_t bytes);
// Submits a copy whose source or destination `memory` is page-locked.
void copy_page_locked(Stream& stream, const std::string& line, const void* memory, void* to, const void* from, size_t bytes);
size_t page_locked_bytes();

// The declaration of a kernel in compiled code.
struct Entry {
    std::vector<size_t> parameters;
    unsigned max_threads = cuda_on_host::max_threads;
    size_t shared = 0;
};
// All kernels of a compiled file (machine code or portable code), and its compute capability.
struct Image {
    int capability = 0;
    bool portable = false;
    std::map<std::string, Entry> entries;
};
bool read_image(const void* data, Image& image);

// A launch that is about to run.
struct Launch {
    const cuda_on_host::Kernel* kernel;
    dim3 grid, block;
    std::vector<std::vector<char>> arguments;
    Context* context;
};
std::string describe(const Launch& launch);
// Runs a launch, except in a dry run, and records it if this is requested.
void run(const Launch& launch);
void run_recorded(const Launch& launch, const std::function<void()>& run);

} // namespace stand_in
