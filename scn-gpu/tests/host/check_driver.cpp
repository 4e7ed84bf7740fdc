// Mistakes that the stand-in driver must refuse. Each case runs in its own process, which must fail
// and print the line given for the case.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using Address = unsigned long long;
extern "C" {
int cuInit(unsigned);
int cuDevicePrimaryCtxRetain(void**, int);
int cuDevicePrimaryCtxRelease_v2(int);
int cuCtxSetCurrent(void*);
int cuStreamCreate(void**, unsigned);
int cuStreamSynchronize(void*);
int cuMemAllocAsync(Address*, size_t, void*);
int cuMemFreeAsync(Address, void*);
int cuMemcpyHtoDAsync_v2(Address, const void*, size_t, void*);
int cuMemcpyDtoHAsync_v2(void*, Address, size_t, void*);
int cuMemsetD8Async(Address, unsigned char, size_t, void*);
int cuMemHostAlloc(void**, size_t, unsigned);
int cuMemFreeHost(void*);
int cuEventCreate(void**, unsigned);
int cuEventRecord(void*, void*);
int cuEventQuery(void*);
int cuStreamWaitEvent(void*, void*, unsigned);
int cuStreamBeginCapture_v2(void*, int);
int cuStreamEndCapture(void*, void**);
int cuStreamIsCapturing(void*, int*);
int cuGraphInstantiateWithFlags(void**, void*, unsigned long long);
int cuGraphLaunch(void*, void*);
int cuGraphDestroy(void*);
int cuGraphExecDestroy(void*);
int cuModuleLoadData(void**, const void*);
int cuModuleGetFunction(void**, void*, const char*);
int cuEventElapsedTime(float*, void*, void*);
int cuLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
}

namespace {

// The driver reads only these parts of portable code. `fista_step` reads padded^2 numbers.
const char portable_code[] = R"(
.version 8.1
.target sm_61
.entry fista_step(.param .u64 gram, .param .u32 padded, .param .u64 step)
.maxntid 256, 1, 1
{ }
.entry blend_moments(.param .u64 mean)
{ }
.entry nobody_wrote_this(.param .u64 x)
{ }
)";

void* stream;
void* module_of_kernels;

void expect(int result) {
    if (result != 0) {
        fprintf(stderr, "unexpected error %d\n", result);
        exit(3);
    }
}

void open_device() {
    void* context;
    expect(cuInit(0));
    expect(cuDevicePrimaryCtxRetain(&context, 0));
    expect(cuCtxSetCurrent(context));
    expect(cuStreamCreate(&stream, 1));
    expect(cuModuleLoadData(&module_of_kernels, portable_code));
}

Address allocate(size_t bytes) {
    Address address;
    expect(cuMemAllocAsync(&address, bytes, stream));
    return address;
}

void* function(const char* name) {
    void* found;
    expect(cuModuleGetFunction(&found, module_of_kernels, name));
    return found;
}

void launch_fista_step(Address gram, int padded, Address step, unsigned blocks, unsigned threads) {
    void* arguments[] = {&gram, &padded, &step};
    expect(cuLaunchKernel(function("fista_step"), blocks, 1, 1, threads, 1, 1, 0, stream, arguments, nullptr));
    expect(cuStreamSynchronize(stream));
}

void frees_twice() {
    Address memory = allocate(64);
    cuMemFreeAsync(memory, stream);
    cuMemFreeAsync(memory, stream);
}

void copies_too_much() {
    float values[17] = {};
    cuMemcpyHtoDAsync_v2(allocate(64), values, sizeof values, stream);
}

void copies_what_was_freed() {
    float values[16];
    Address memory = allocate(64);
    cuMemFreeAsync(memory, stream);
    cuMemcpyDtoHAsync_v2(values, memory, sizeof values, stream);
}

void passes_an_address_of_the_host() {
    float step;
    launch_fista_step(allocate(4), 1, reinterpret_cast<Address>(&step), 1, 256);
}

void starts_too_many_threads() { launch_fista_step(allocate(4), 1, allocate(4), 1, 512); }
void starts_no_block() { launch_fista_step(allocate(4), 1, allocate(4), 0, 256); }
void reads_past_the_end() { launch_fista_step(allocate(16 * 15 * 4), 16, allocate(4), 1, 256); }
void has_other_parameters() { function("blend_moments"); }
void is_not_built() { function("nobody_wrote_this"); }

void gives_back_with_memory_in_use() {
    allocate(64);
    cuDevicePrimaryCtxRelease_v2(0);
}

void forgets_memory() { allocate(64); }

// Not a mistake by itself: copied numbers arrive only when the host waits.
void does_not_wait() {
    float sent = 1.0f, received = 0.0f;
    Address memory = allocate(4);
    cuMemcpyHtoDAsync_v2(memory, &sent, 4, stream);
    cuMemcpyDtoHAsync_v2(&received, memory, 4, stream);
    float before = received;
    cuStreamSynchronize(stream);
    fprintf(stderr, "%g before the wait, %g after\n", before, received);
    _exit(1);
}

constexpr int thread_local_mode = 1, relaxed = 2;

// Returns a graph that fills memory with zeros.
void* captured_fill(Address memory, size_t bytes) {
    void *graph, *exec;
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    expect(cuMemsetD8Async(memory, 0, bytes, stream));
    expect(cuStreamEndCapture(stream, &graph));
    expect(cuGraphInstantiateWithFlags(&exec, graph, 0));
    expect(cuGraphDestroy(graph));
    return exec;
}

void* page_locked(size_t bytes) {
    void* memory;
    expect(cuMemHostAlloc(&memory, bytes, 0));
    return memory;
}

void launches_what_was_freed() {
    Address memory = allocate(4);
    void* graph = captured_fill(memory, 4);
    cuMemFreeAsync(memory, stream);
    cuGraphLaunch(graph, stream);
}

void destroys_a_graph_too_early() {
    void* graph = captured_fill(allocate(4), 4);
    expect(cuGraphLaunch(graph, stream));
    cuGraphExecDestroy(graph);
}

void destroys_a_graph_twice() {
    void* graph = captured_fill(allocate(4), 4);
    expect(cuGraphExecDestroy(graph));
    cuGraphExecDestroy(graph);
}

void forgets_a_graph() { captured_fill(allocate(4), 4); }

void captures_a_graph() {
    void* graph = captured_fill(allocate(4), 4);
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    cuGraphLaunch(graph, stream);
}

void captures_an_allocation() {
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    allocate(4);
}

void captures_the_end_of_an_allocation() {
    Address memory = allocate(4);
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    cuMemFreeAsync(memory, stream);
}

void captures_a_copy_from_the_host() {
    float sent = 1.0f;
    Address memory = allocate(4);
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    cuMemcpyHtoDAsync_v2(memory, &sent, 4, stream);
}

void captures_a_copy_to_the_host() {
    Address memory = allocate(4);
    void* received = page_locked(4);
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    cuMemcpyDtoHAsync_v2(received, memory, 4, stream);
}

// These mistakes do not end the process. They show how the driver answers a call during a capture,
// and what happens to the capture.
void waits_in_a_capture() {
    Address memory = allocate(4);
    void* graph;
    int status;
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    int answer = cuStreamSynchronize(stream);
    expect(cuStreamIsCapturing(stream, &status));
    int work = cuMemsetD8Async(memory, 0, 4, stream), end = cuStreamEndCapture(stream, &graph);
    fprintf(stderr, "%d, then status %d, %d, and at the end %d\n", answer, status, work, end);
    _exit(1);
}

void allocates_in_a_strict_capture() {
    void *memory, *graph;
    expect(cuStreamBeginCapture_v2(stream, thread_local_mode));
    int answer = cuMemHostAlloc(&memory, 4, 0), end = cuStreamEndCapture(stream, &graph);
    fprintf(stderr, "%d, and at the end %d\n", answer, end);
    _exit(1);
}

void waits_for_an_event_of_another_time() {
    void *event, *graph;
    expect(cuEventCreate(&event, 0));
    expect(cuEventRecord(event, stream));
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    int answer = cuStreamWaitEvent(stream, event, 0), end = cuStreamEndCapture(stream, &graph);
    fprintf(stderr, "%d, and at the end %d\n", answer, end);
    _exit(1);
}

void asks_a_captured_event() {
    void *event, *graph;
    expect(cuEventCreate(&event, 0));
    expect(cuStreamBeginCapture_v2(stream, relaxed));
    expect(cuEventRecord(event, stream));
    int answer = cuEventQuery(event), end = cuStreamEndCapture(stream, &graph);
    fprintf(stderr, "%d, and at the end %d\n", answer, end);
    _exit(1);
}

// Not a mistake by itself: captured work is done by every launch, and not before.
void does_not_launch() {
    float values[3] = {1.0f, 1.0f, 1.0f};
    Address memory = allocate(4);
    expect(cuMemcpyHtoDAsync_v2(memory, &values[0], 4, stream));
    void* graph = captured_fill(memory, 4);
    expect(cuMemcpyDtoHAsync_v2(&values[0], memory, 4, stream));
    for (int i = 1; i < 3; i++) {
        expect(cuGraphLaunch(graph, stream));
        expect(cuMemcpyDtoHAsync_v2(&values[i], memory, 4, stream));
        expect(cuMemcpyHtoDAsync_v2(memory, &values[0], 4, stream));
    }
    expect(cuStreamSynchronize(stream));
    fprintf(stderr, "%g, %g and %g after 0, 1 and 2 launches\n", values[0], values[1], values[2]);
    _exit(1);
}

void frees_page_locked_memory_too_early() {
    void* sent = page_locked(4);
    expect(cuMemcpyHtoDAsync_v2(allocate(4), sent, 4, stream));
    cuMemFreeHost(sent);
}

void frees_page_locked_memory_twice() {
    void* memory = page_locked(4);
    expect(cuMemFreeHost(memory));
    cuMemFreeHost(memory);
}

void copies_too_much_of_page_locked_memory() { cuMemcpyHtoDAsync_v2(allocate(12), page_locked(8), 12, stream); }
void forgets_page_locked_memory() { page_locked(24); }

// A mistake that shows only if copies of page-locked memory run as late as possible.
void changes_what_is_being_sent() {
    float* sent = static_cast<float*>(page_locked(4));
    float received = 0.0f;
    Address memory = allocate(4);
    *sent = 1.0f;
    expect(cuMemcpyHtoDAsync_v2(memory, sent, 4, stream));
    *sent = 2.0f;
    expect(cuMemcpyDtoHAsync_v2(&received, memory, 4, stream));
    expect(cuStreamSynchronize(stream));
    fprintf(stderr, "%g has arrived\n", received);
    _exit(1);
}

// The log goes to stderr, where the lines are looked for. There are two operations between the
// events, and no second wait for the same work.
void logs_and_times() {
    setenv("SCN_HOST_LOG", "/dev/stderr", 1);
    float received;
    void *start, *end;
    expect(cuEventCreate(&start, 0));
    expect(cuEventCreate(&end, 0));
    Address gram = allocate(16 * 16 * 4), step = allocate(4);
    int padded = 16;
    void* arguments[] = {&gram, &padded, &step};
    expect(cuEventRecord(start, stream));
    expect(cuLaunchKernel(function("fista_step"), 1, 1, 1, 256, 1, 1, 0, stream, arguments, nullptr));
    expect(cuMemcpyDtoHAsync_v2(&received, step, 4, stream));
    expect(cuEventRecord(end, stream));
    expect(cuStreamSynchronize(stream));
    float milliseconds;
    expect(cuEventElapsedTime(&milliseconds, start, end));
    fprintf(stderr, "%g milliseconds\n", milliseconds);
    _exit(1);
}

struct Case {
    const char* name;
    void (*run)();
    const char* line;
};
const std::vector<Case> cases{
    {"memory freed twice", frees_twice, "freed twice?"},
    {"a copy past the end", copies_too_much, "a copy to the device: 68 bytes"},
    {"a copy from freed memory", copies_what_was_freed, "a copy from the device: 64 bytes"},
    {"an address of the host", passes_an_address_of_the_host, "argument 2"},
    {"a block above the bounds", starts_too_many_threads, "a block of 512 x 1 x 1 threads; its bound is 256"},
    {"a grid without blocks", starts_no_block, "a grid of 0 x 1 x 1 blocks"},
    {"a kernel that reads past the end", reads_past_the_end, "byte 960 of an allocation of 960 bytes is accessed"},
    {"parameters that differ from the compiled ones", has_other_parameters, "the compiled code has 1 parameters, the build for the host 6"},
    {"a kernel that is not built", is_not_built, "is not among the kernels built for the host"},
    {"a context released before its memory", gives_back_with_memory_in_use, "64 bytes of its memory are not freed"},
    {"memory that is never freed", forgets_memory, "64 bytes were never freed"},
    {"the log, and time",  logs_and_times,
     "alloc\t1024\nalloc\t4\nevent\nlaunch\tfista_step\t1\t1\t1\t256\t16\ncopy-out\t4\nwait\t0\nevent\n0.002 milliseconds\n"},
    {"work before a wait", does_not_wait, "0 before the wait, 1 after"},
    {"a graph with freed memory", launches_what_was_freed, "which was freed since it was captured"},
    {"a graph destroyed while it runs", destroys_a_graph_too_early, "a graph is destroyed before it has run"},
    {"a graph destroyed twice", destroys_a_graph_twice, "is destroyed twice"},
    {"a graph that is never destroyed", forgets_a_graph, "1 graphs were never destroyed and 0 bytes"},
    {"a graph within a graph", captures_a_graph, "the launch of a graph is captured"},
    {"an allocation in a capture", captures_an_allocation, "an allocation is captured"},
    {"memory freed in a capture", captures_the_end_of_an_allocation, "the freeing of memory is captured"},
    {"a copy from the host in a capture", captures_a_copy_from_the_host, "a copy from the host is captured"},
    {"a copy to the host in a capture", captures_a_copy_to_the_host, "a copy to the host is captured"},
    {"a wait in a capture", waits_in_a_capture, "900, then status 2, 901, and at the end 901"},
    {"an unsafe call in a strict capture", allocates_in_a_strict_capture, "900, and at the end 901"},
    {"an event from outside a capture", waits_for_an_event_of_another_time, "905, and at the end 901"},
    {"an event from inside a capture", asks_a_captured_event, "907, and at the end 0"},
    {"captured work before its launch", does_not_launch, "1, 0 and 0 after 0, 1 and 2 launches"},
    {"page-locked memory freed while it is copied", frees_page_locked_memory_too_early, "before a copy of it has run"},
    {"page-locked memory freed twice", frees_page_locked_memory_twice, "page-locked memory that does not exist is freed"},
    {"a copy past the end of page-locked memory", copies_too_much_of_page_locked_memory, "12 bytes runs past the end of page-locked"},
    {"page-locked memory that is never freed", forgets_page_locked_memory, "and 24 bytes of page-locked memory never freed"},
    {"page-locked memory changed before it is copied", changes_what_is_being_sent, "2 has arrived"},
};

// Whether a case fails in its own process and prints its line.
bool is_refused(const Case& one) {
    int ends[2];
    if (pipe(ends) != 0)
        exit(2);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setenv("SCN_HOST_LEAKS", "fail", 1);
        open_device();
        one.run();
        exit(0);
    }
    close(ends[1]);
    std::string said;
    char part[512];
    for (ssize_t count; (count = read(ends[0], part, sizeof part)) > 0;)
        said.append(part, size_t(count));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    bool refused = status != 0 && said.find(one.line) != std::string::npos;
    if (!refused)
        printf("MISSED %s; output: %s\n", one.name, said.c_str());
    return refused;
}

} // namespace

int main() {
    size_t refused = 0;
    for (const Case& one : cases)
        refused += is_refused(one);
    printf("%zu of %zu mistakes refused by the stand-in driver\n", refused, cases.size());
    return refused == cases.size() ? 0 : 1;
}
