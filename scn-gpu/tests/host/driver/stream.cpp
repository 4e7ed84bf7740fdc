// Streams and events, and the order of work.
#include "driver.h"

#include <algorithm>

namespace stand_in {

struct Event {
    bool timed = true;
    Stream* stream = nullptr;
    size_t until = 0;     // work of the stream before the event
    size_t operation = 0; // last operation of the stream before it, numbered by context
    size_t operations = 0; // operations of the stream before it
    bool captured = false;
};

// A flag of cuEventCreate.
constexpr unsigned DISABLE_TIMING = 2;

Stream& stream(Stream* handle) {
    Context* context = current_context();
    if (!context)
        misuse("work for a stream in a thread without a context");
    if (handle) {
        if (handle->context != context)
            misuse("work for a stream of device %d in a thread that works on device %d", handle->context->device, context->device);
        return *handle;
    }
    for (const Stream* other : context->streams)
        if (other->blocking && is_capturing(*other))
            misuse("work for the null stream while a stream that waits for it is captured");
    if (!context->null_stream) {
        context->null_stream = new Stream{context, {}};
        context->streams.push_back(context->null_stream);
    }
    return *context->null_stream;
}

void submit(Stream& stream, std::function<void()> work) {
    stream.work.push_back(std::move(work));
    if (settings().eager)
        finish(stream);
}

void finish(Stream& stream, size_t until) {
    while (stream.done < until) {
        std::function<void()> work = std::move(stream.work[stream.done++]);
        work();
    }
}

void finish(Stream& stream) { finish(stream, stream.work.size()); }

void finish(Context& context) {
    for (Stream* stream : context.streams)
        finish(*stream);
}

} // namespace stand_in

using namespace stand_in;

DRIVER_CALL cuStreamCreate(Stream** handle, unsigned flags) {
    auto lock = locked();
    Context* context = current_context();
    if (!context)
        return INVALID_CONTEXT;
    constexpr unsigned non_blocking = 1;
    *handle = new Stream{context, {}, 0, (flags & non_blocking) == 0};
    context->streams.push_back(*handle);
    return SUCCESS;
}

DRIVER_CALL cuStreamDestroy_v2(Stream* handle) {
    auto lock = locked();
    auto& streams = handle->context->streams;
    auto found = std::find(streams.begin(), streams.end(), handle);
    if (found == streams.end())
        misuse("a stream is destroyed twice");
    forbid_in_capture(*handle, "the destruction of a stream");
    finish(*handle);
    streams.erase(found);
    delete handle;
    return SUCCESS;
}

DRIVER_CALL cuStreamSynchronize(Stream* handle) {
    auto lock = locked();
    Stream& awaited = stream(handle);
    if (is_capturing(awaited))
        return spoil_capture(awaited, STREAM_CAPTURE_UNSUPPORTED);
    log_wait(awaited);
    finish(awaited);
    return SUCCESS;
}

DRIVER_CALL cuStreamWaitEvent(Stream* handle, Event* event, unsigned) {
    auto lock = locked();
    Stream& waiting = stream(handle);
    if (event->captured)
        misuse("a stream waits for an event that was captured, which would capture that stream too");
    if (is_capturing(waiting))
        return spoil_capture(waiting, STREAM_CAPTURE_ISOLATION);
    if (event->stream)
        submit(waiting, [recorded = *event] { finish(*recorded.stream, recorded.until); });
    return SUCCESS;
}

DRIVER_CALL cuEventCreate(Event** event, unsigned flags) {
    *event = new Event;
    (*event)->timed = !(flags & DISABLE_TIMING);
    return SUCCESS;
}

DRIVER_CALL cuEventDestroy_v2(Event* event) {
    delete event;
    return SUCCESS;
}

DRIVER_CALL cuEventRecord(Event* event, Stream* handle) {
    auto lock = locked();
    Stream& recorded = stream(handle);
    *event = {event->timed, &recorded, recorded.work.size(), recorded.last_operation, recorded.operations};
    if (is_capturing(recorded))
        *event = {event->timed, nullptr, 0, 0, 0, true};
    log_line("event");
    return SUCCESS;
}

DRIVER_CALL cuEventSynchronize(Event* event) {
    auto lock = locked();
    if (event->captured)
        return CAPTURED_EVENT;
    if (event->stream) {
        log_wait(*event->stream, event->operation);
        finish(*event->stream, event->until);
    }
    return SUCCESS;
}

DRIVER_CALL cuEventQuery(Event* event) {
    auto lock = locked();
    if (event->captured)
        return CAPTURED_EVENT;
    if (Result forbidden = unsafe_call())
        return forbidden;
    return !event->stream || event->stream->done >= event->until ? SUCCESS : NOT_READY;
}

// One microsecond per operation between the two events, so that a test can count operations.
DRIVER_CALL cuEventElapsedTime_v2(float* milliseconds, Event* start, Event* end) {
    auto lock = locked();
    if (!start->stream || !end->stream || !start->timed || !end->timed)
        return INVALID_HANDLE;
    if (start->stream->done < start->until || end->stream->done < end->until)
        return NOT_READY;
    if (start->stream != end->stream)
        misuse("times between events of two streams are not supported");
    *milliseconds = 1e-3f * (float(end->operations) - float(start->operations));
    return SUCCESS;
}

DRIVER_CALL cuEventElapsedTime(float* milliseconds, Event* start, Event* end) {
    return cuEventElapsedTime_v2(milliseconds, start, end);
}
