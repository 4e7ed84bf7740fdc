#include "recording.h"

#include <cstdlib>
#include <cstring>

uint64_t Recording::threads() const {
    uint64_t blocks = uint64_t(grid[0]) * grid[1] * grid[2];
    return blocks * block[0] * block[1] * block[2];
}

template <class T> static void put(std::string& out, const T& value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); }

static void put_bytes(std::string& out, const char* bytes, size_t count) {
    put(out, uint64_t(count));
    out.append(bytes, count);
}

std::string Recording::bytes() const {
    std::string out;
    put_bytes(out, kernel.data(), kernel.size());
    put(out, grid);
    put(out, block);
    put(out, uint32_t(memories.size()));
    for (const Memory& memory : memories) {
        // Memory that a kernel only reads is stored once.
        bool changed = memory.before != memory.after;
        put_bytes(out, memory.before.data(), memory.before.size());
        put_bytes(out, memory.after.data(), changed ? memory.after.size() : 0);
    }
    put(out, uint32_t(arguments.size()));
    for (const Argument& argument : arguments) {
        put(out, int32_t(argument.memory));
        put_bytes(out, argument.value.data(), argument.value.size());
    }
    return out;
}

static void get(FILE* file, void* to, size_t count) {
    if (count > 0 && fread(to, count, 1, file) != 1) {
        fprintf(stderr, "the recording is truncated\n");
        exit(2);
    }
}

template <class T> static T get(FILE* file) {
    T value;
    get(file, &value, sizeof value);
    return value;
}

static std::vector<char> get_bytes(FILE* file) {
    std::vector<char> bytes(get<uint64_t>(file));
    get(file, bytes.data(), bytes.size());
    return bytes;
}

bool Recording::read(FILE* file) {
    int first = fgetc(file);
    if (first == EOF)
        return false;
    ungetc(first, file);
    std::vector<char> name = get_bytes(file);
    kernel.assign(name.begin(), name.end());
    get(file, grid, sizeof grid);
    get(file, block, sizeof block);
    memories.resize(get<uint32_t>(file));
    for (Memory& memory : memories) {
        memory.before = get_bytes(file);
        memory.after = get_bytes(file);
        if (memory.after.empty())
            memory.after = memory.before;
    }
    arguments.resize(get<uint32_t>(file));
    for (Argument& argument : arguments) {
        argument.memory = get<int32_t>(file);
        argument.value = get_bytes(file);
    }
    return true;
}
