// The log of everything that takes time on a real device.
#include "driver.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace stand_in {

void log_line(const std::string& line) {
    // Opened once, since a step has hundreds of lines.
    static int file = [] {
        const char* name = getenv("SCN_HOST_LOG");
        if (!name)
            return -1;
        int file = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (file < 0)
            misuse("cannot write to %s", name);
        return file;
    }();
    if (file < 0)
        return;
    // In one piece, since several processes may append.
    std::string whole = line + "\n";
    if (write(file, whole.data(), whole.size()) != ssize_t(whole.size()))
        misuse("cannot write to the log");
}

void submit(Stream& stream, const std::string& line, std::function<void()> work) {
    log_line(line);
    stream.last_operation = ++stream.context->operations;
    stream.operations++;
    submit(stream, std::move(work));
}

void log_wait(Stream& stream, size_t operation) {
    if (operation <= stream.awaited)
        return;
    stream.awaited = operation;
    log_line("wait\t" + std::to_string(stream.context->operations - operation));
}

void log_wait(Stream& stream) { log_wait(stream, stream.last_operation); }

// A single wait for all streams: for the last of their operations.
void log_wait(Context& context) {
    Stream* last = nullptr;
    for (Stream* stream : context.streams)
        if (stream->last_operation > stream->awaited && (!last || stream->last_operation > last->last_operation))
            last = stream;
    if (!last)
        return;
    log_wait(*last);
    for (Stream* stream : context.streams)
        stream->awaited = stream->last_operation;
}

static std::string text(const std::vector<char>& value, bool real) {
    std::string text;
    for (size_t at = 0; at + 4 <= value.size(); at += 4) {
        char number[32];
        int integer;
        float decimal;
        memcpy(&integer, value.data() + at, 4);
        memcpy(&decimal, value.data() + at, 4);
        if (real)
            snprintf(number, sizeof number, "%.9g", double(decimal));
        else
            snprintf(number, sizeof number, "%d", integer);
        text += (at > 0 ? "," : "") + std::string(number);
    }
    return text;
}

std::string describe(const Launch& launch) {
    std::string line = "launch\t" + launch.kernel->name;
    for (unsigned side : {launch.grid.x, launch.grid.y, launch.grid.z, launch.block.x * launch.block.y * launch.block.z})
        line += "\t" + std::to_string(side);
    for (size_t i = 0; i < launch.arguments.size(); i++) {
        const cuda_on_host::Argument& argument = launch.kernel->arguments[i];
        if (!argument.pointer)
            line += "\t" + text(launch.arguments[i], argument.real);
    }
    return line;
}

} // namespace stand_in
