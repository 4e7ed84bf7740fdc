// Repeats recorded launches and compares everything that the kernels wrote, bit for bit. Fails if
// anything differs, or if a kernel has no launch, unless larger launches are left out.
//
//   replay [--order forward|reverse|random:SEED] [--kernels PREFIX,...] [--threads MAX]
//          [--each COUNT] FILE
//
// Built with a sanitizer, it checks every access of the kernels: each buffer is an allocation of
// its exact size. `--threads` leaves out larger launches, and `--each` all but the first few of
// each kernel. The cost of a launch under ThreadSanitizer grows with the number of threads, and it
// can only distinguish a limited number of them (about 8000 with GCC 12, 256 at a time with newer
// versions).
#include "recording.h"
#include "runtime/grid.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>

namespace {

struct Options {
    cuda_on_host::Order order;
    std::vector<std::string> prefixes;
    uint64_t threads = UINT64_MAX;
    unsigned each = UINT32_MAX;
    const char* file = nullptr;
};

[[noreturn]] void stop(const char* what, const char* which) {
    fprintf(stderr, "replay: %s%s\n", what, which);
    exit(2);
}

Options parse(int count, char** words) {
    Options options;
    for (int i = 1; i < count; i++) {
        std::string word = words[i];
        if (word.rfind("--", 0) != 0) {
            options.file = words[i];
            continue;
        }
        if (++i == count)
            stop("a value is missing after ", word.c_str());
        std::string value = words[i];
        if (word == "--order")
            options.order = cuda_on_host::Order::parse(value);
        else if (word == "--threads")
            options.threads = strtoull(value.c_str(), nullptr, 10);
        else if (word == "--each")
            options.each = unsigned(atoi(value.c_str()));
        else if (word == "--kernels")
            for (size_t start = 0, end; start <= value.size(); start = end + 1) {
                end = std::min(value.find(',', start), value.size());
                options.prefixes.push_back(value.substr(start, end - start));
            }
        else
            stop("unknown option ", word.c_str());
    }
    if (!options.file)
        stop("no file", "");
    return options;
}

bool is_chosen(const std::string& kernel, const Options& options) {
    for (const std::string& prefix : options.prefixes)
        if (kernel.rfind(prefix, 0) == 0)
            return true;
    return options.prefixes.empty();
}

// A recorded buffer, aligned like device memory.
struct Buffer {
    explicit Buffer(const std::vector<char>& bytes) : size(bytes.size()) {
        void* memory = nullptr;
        if (posix_memalign(&memory, 256, size) != 0)
            stop("no memory", "");
        start = static_cast<char*>(memory);
        memcpy(start, bytes.data(), size);
    }
    Buffer(Buffer&& other) : size(other.size), start(other.start) { other.start = nullptr; }
    ~Buffer() { free(start); }

    size_t size;
    char* start;
};

// Whether a buffer is as recorded. Otherwise reports the first difference.
bool is_same(const Recording& recording, size_t index, const Buffer& buffer) {
    const std::vector<char>& expected = recording.memories[index].after;
    if (memcmp(expected.data(), buffer.start, buffer.size) == 0)
        return true;
    size_t at = 0, count = 0;
    for (size_t i = 0; i < buffer.size; i++)
        if (expected[i] != buffer.start[i] && count++ == 0)
            at = i / 4 * 4;
    uint32_t before = 0, now = 0;
    memcpy(&before, &expected[at], std::min<size_t>(4, buffer.size - at));
    memcpy(&now, buffer.start + at, std::min<size_t>(4, buffer.size - at));
    fprintf(stderr, "replay: %s: %zu bytes of buffer %zu differ, first the word at byte %zu: recorded %08x, now %08x\n",
            recording.kernel.c_str(), count, index, at, before, now);
    return false;
}

bool replay(const Recording& recording, const cuda_on_host::Kernel& kernel, cuda_on_host::Order order) {
    std::vector<Buffer> buffers;
    for (const Recording::Memory& memory : recording.memories)
        buffers.emplace_back(memory.before);
    if (kernel.arguments.size() != recording.arguments.size())
        stop("the number of arguments is not as recorded for ", recording.kernel.c_str());
    std::vector<std::vector<char>> values;
    for (const Recording::Argument& argument : recording.arguments) {
        std::vector<char> value = argument.value;
        if (argument.memory >= 0) {
            uint64_t offset;
            memcpy(&offset, value.data(), sizeof offset);
            const char* pointer = buffers[size_t(argument.memory)].start + offset;
            memcpy(value.data(), &pointer, sizeof pointer);
        }
        values.push_back(value);
    }
    std::vector<void*> arguments;
    for (std::vector<char>& value : values)
        arguments.push_back(value.data());
    const uint32_t *grid = recording.grid, *block = recording.block;
    cuda_on_host::launch(kernel, {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, arguments.data(), order);
    bool same = true;
    for (size_t i = 0; i < buffers.size(); i++)
        same &= is_same(recording, i, buffers[i]);
    return same;
}

} // namespace

int main(int count, char** words) {
    Options options = parse(count, words);
    FILE* file = fopen(options.file, "rb");
    if (!file)
        stop("cannot read ", options.file);
    std::map<std::string, unsigned> seen;
    unsigned launches = 0, different = 0;
    auto start = std::chrono::steady_clock::now();
    for (Recording recording; recording.read(file);) {
        if (!is_chosen(recording.kernel, options) || recording.threads() > options.threads)
            continue;
        if (seen[recording.kernel]++ >= options.each)
            continue;
        const cuda_on_host::Kernel* kernel = cuda_on_host::find_kernel(recording.kernel);
        if (!kernel)
            stop("not built: ", recording.kernel.c_str());
        launches++;
        different += !replay(recording, *kernel, options.order);
    }
    fclose(file);
    unsigned missing = 0;
    for (const std::string& name : cuda_on_host::kernel_names())
        if (is_chosen(name, options) && seen.count(name) == 0) {
            fprintf(stderr, "replay: no launch of %s\n", name.c_str());
            missing++;
        }
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    printf("%u launches of %zu kernels, %u differ, %.1f s\n", launches, seen.size(), different, seconds);
    bool complete = missing == 0 || options.threads < UINT64_MAX;
    return different == 0 && complete ? 0 : 1;
}
