// Graphs: work of a stream that is captured instead of run, and launched later any number of times.
//
// Calls that the driver forbids during a capture invalidate the capture, with the driver's codes.
// Allocations, copies from and to the host, and graphs within a capture would become part of the
// graph. They are not supported here and end the process.
#include "driver.h"

#include <set>
#include <thread>

namespace stand_in {

// Memory that a captured operation accesses. The number of its allocation detects that an address
// has been handed out again.
struct Place {
    Touched touched;
    size_t allocation;
};

struct Node {
    std::string line; // line of the log
    std::vector<Place> places;
    std::function<void()> work;
};

struct Capture {
    int mode;
    std::thread::id thread;
    bool spoiled = false;
    std::vector<Node> nodes;
};

struct Graph {
    std::vector<Node> nodes;
};

struct GraphExec {
    Context* context;
    std::vector<Node> nodes;
    size_t running = 0; // launches that are not done
};

static std::set<Graph*>& graphs() {
    static auto* all = new std::set<Graph*>;
    return *all;
}

static std::set<GraphExec*>& executables() {
    static auto* all = new std::set<GraphExec*>;
    return *all;
}

size_t graphs_alive() { return graphs().size() + executables().size(); }

bool is_capturing(const Stream& stream) { return stream.capture != nullptr; }

Result spoil_capture(Stream& stream, Result code) {
    stream.capture->spoiled = true;
    return code;
}

void forbid_in_capture(const Stream& stream, const char* what) {
    if (is_capturing(stream))
        misuse("%s is captured, which is not supported", what);
}

Result spoil_captures(const Context& context) {
    Result result = SUCCESS;
    for (Stream* stream : context.streams)
        if (is_capturing(*stream))
            result = spoil_capture(*stream, STREAM_CAPTURE_UNSUPPORTED);
    return result;
}

Result unsafe_call() {
    constexpr int global = 0, thread_local_mode = 1;
    Result result = SUCCESS;
    for (Context& context : contexts())
        for (Stream* stream : context.streams) {
            const Capture* capture = stream->capture;
            bool own = capture && capture->thread == std::this_thread::get_id();
            if (capture && (capture->mode == global || (capture->mode == thread_local_mode && own)))
                result = spoil_capture(*stream, STREAM_CAPTURE_UNSUPPORTED);
        }
    return result;
}

Result enqueue(Stream& stream, const std::string& line, const std::vector<Touched>& touched, std::function<void()> work) {
    if (!is_capturing(stream)) {
        submit(stream, line, std::move(work));
        return SUCCESS;
    }
    if (stream.capture->spoiled)
        return STREAM_CAPTURE_INVALIDATED;
    Node node{line, {}, std::move(work)};
    for (const Touched& one : touched)
        node.places.push_back({one, find(*stream.context, one.address, one.bytes)->number});
    stream.capture->nodes.push_back(std::move(node));
    return SUCCESS;
}

static void check_places(const GraphExec& exec) {
    for (const Node& node : exec.nodes)
        for (const Place& place : node.places) {
            const Allocation* found = find(*exec.context, place.touched.address, place.touched.bytes);
            if (!found || found->number != place.allocation)
                misuse("a graph is launched that accesses %llx, which was freed since it was captured", place.touched.address);
        }
}

} // namespace stand_in

using namespace stand_in;

DRIVER_CALL cuStreamBeginCapture_v2(Stream* handle, int mode) {
    auto lock = locked();
    if (!handle)
        return STREAM_CAPTURE_UNSUPPORTED;
    Stream& captured = stream(handle);
    if (is_capturing(captured))
        return ILLEGAL_STATE;
    captured.capture = new Capture{mode, std::this_thread::get_id(), false, {}};
    return SUCCESS;
}

DRIVER_CALL cuStreamEndCapture(Stream* handle, Graph** graph) {
    auto lock = locked();
    constexpr int relaxed = 2;
    Stream& captured = stream(handle);
    *graph = nullptr;
    if (!is_capturing(captured))
        return ILLEGAL_STATE;
    if (captured.capture->mode != relaxed && captured.capture->thread != std::this_thread::get_id())
        return spoil_capture(captured, STREAM_CAPTURE_WRONG_THREAD);
    Capture capture = std::move(*captured.capture);
    delete captured.capture;
    captured.capture = nullptr;
    if (capture.spoiled)
        return STREAM_CAPTURE_INVALIDATED;
    *graph = new Graph{std::move(capture.nodes)};
    graphs().insert(*graph);
    return SUCCESS;
}

DRIVER_CALL cuStreamIsCapturing(Stream* handle, int* status) {
    auto lock = locked();
    const Stream& asked = stream(handle);
    *status = !is_capturing(asked) ? 0 : asked.capture->spoiled ? 2 : 1;
    return SUCCESS;
}

DRIVER_CALL cuGraphInstantiateWithFlags(GraphExec** exec, Graph* graph, unsigned long long flags) {
    auto lock = locked();
    if (!current_context())
        return INVALID_CONTEXT;
    if (!graphs().count(graph))
        misuse("a graph that does not exist is instantiated");
    if (flags != 0)
        return INVALID_VALUE;
    *exec = new GraphExec{current_context(), graph->nodes};
    executables().insert(*exec);
    return SUCCESS;
}

DRIVER_CALL cuGraphLaunch(GraphExec* exec, Stream* handle) {
    auto lock = locked();
    if (!executables().count(exec))
        misuse("a graph that does not exist is launched");
    Stream& target = stream(handle);
    if (target.context != exec->context)
        misuse("a graph of device %d is launched on a different one", exec->context->device);
    forbid_in_capture(target, "the launch of a graph");
    check_places(*exec);
    exec->running++;
    log_line("graph\t" + std::to_string(exec->nodes.size()));
    for (const Node& node : exec->nodes)
        submit(target, node.line, [&node] { node.work(); });
    submit(target, [exec] { exec->running--; });
    return SUCCESS;
}

DRIVER_CALL cuGraphDestroy(Graph* graph) {
    auto lock = locked();
    if (graphs().erase(graph) == 0)
        misuse("a graph is destroyed twice");
    delete graph;
    return SUCCESS;
}

// It is not documented whether the driver allows a graph to be destroyed while it runs.
DRIVER_CALL cuGraphExecDestroy(GraphExec* exec) {
    auto lock = locked();
    if (executables().erase(exec) == 0)
        misuse("an instantiated graph is destroyed twice");
    if (exec->running > 0)
        misuse("a graph is destroyed before it has run");
    delete exec;
    return SUCCESS;
}
