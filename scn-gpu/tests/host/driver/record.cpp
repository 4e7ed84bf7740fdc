// Appends launches to a file, for `replay`.
#include "driver.h"

#include "../recording.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace stand_in {

struct Limits {
    const char* file;
    uint64_t threads, bytes;
    unsigned each;
};

static const Limits& limits() {
    static const Limits all = [] {
        auto number = [](const char* name, uint64_t otherwise) {
            const char* text = getenv(name);
            return text ? strtoull(text, nullptr, 10) : otherwise;
        };
        return Limits{
            getenv("SCN_HOST_RECORD"),
            number("SCN_HOST_RECORD_THREADS", UINT64_MAX),
            number("SCN_HOST_RECORD_BYTES", 4 << 20),
            unsigned(number("SCN_HOST_RECORD_EACH", 2)),
        };
    }();
    return all;
}

// Whether this is one of the first few launches of its kernel and grid.
static bool is_wanted(const Recording& recording) {
    static auto* seen = new std::map<std::string, unsigned>;
    if (recording.threads() > limits().threads)
        return false;
    std::string key = recording.kernel;
    for (uint32_t side : recording.grid)
        key += " " + std::to_string(side);
    return (*seen)[key]++ < limits().each;
}

static void append(const Recording& recording) {
    std::string bytes = recording.bytes();
    int file = open(limits().file, O_WRONLY | O_CREAT | O_APPEND, 0644);
    // Several processes write to the file.
    bool written = file >= 0 && flock(file, LOCK_EX) == 0 && write(file, bytes.data(), bytes.size()) == ssize_t(bytes.size());
    if (!written)
        misuse("cannot write to %s", limits().file);
    close(file);
}

void run_recorded(const Launch& launch, const std::function<void()>& run) {
    Recording recording;
    recording.kernel = launch.kernel->name;
    memcpy(recording.grid, &launch.grid, sizeof recording.grid);
    memcpy(recording.block, &launch.block, sizeof recording.block);
    if (!limits().file || !is_wanted(recording)) {
        run();
        return;
    }
    std::vector<const Allocation*> allocations;
    size_t bytes = 0;
    for (size_t i = 0; i < launch.arguments.size(); i++) {
        std::vector<char> value = launch.arguments[i];
        int index = -1;
        Address address = 0;
        if (launch.kernel->arguments[i].pointer)
            memcpy(&address, value.data(), sizeof address);
        if (address != 0) {
            const Allocation* allocation = find(*launch.context, address, 0);
            if (!allocation) { // already freed by a later call: this launch cannot be recorded
                run();
                return;
            }
            for (index = 0; size_t(index) < allocations.size() && allocations[size_t(index)] != allocation; index++)
                ;
            if (size_t(index) == allocations.size()) {
                allocations.push_back(allocation);
                bytes += allocation->bytes;
            }
            uint64_t offset = address - reinterpret_cast<Address>(allocation->start);
            memcpy(value.data(), &offset, sizeof offset);
        }
        recording.arguments.push_back({value, index});
    }
    if (bytes > limits().bytes) {
        run();
        return;
    }
    for (const Allocation* allocation : allocations)
        recording.memories.push_back({{allocation->start, allocation->start + allocation->bytes}, {}});
    run();
    for (size_t i = 0; i < allocations.size(); i++)
        recording.memories[i].after.assign(allocations[i]->start, allocations[i]->start + allocations[i]->bytes);
    append(recording);
}

} // namespace stand_in
