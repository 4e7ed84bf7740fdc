// A launch of a kernel: its arguments, and its memory before and after. The stand-in driver writes
// recordings, and `replay` repeats them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

struct Recording {
    struct Memory {
        std::vector<char> before, after;
    };
    struct Argument {
        std::vector<char> value; // for a pointer, the offset in its memory
        int memory;              // index of its memory, or -1: by value
    };

    std::string kernel;
    uint32_t grid[3], block[3];
    std::vector<Argument> arguments;
    std::vector<Memory> memories;

    uint64_t threads() const;
    std::string bytes() const;
    // Returns false at the end of the file. A file that ends within a recording ends the process.
    bool read(FILE* file);
};
