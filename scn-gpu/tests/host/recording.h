// One launch of a kernel: what it was given and what it made of it. The stand-in driver writes recordings, `replay` repeats them.
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
        std::vector<char> value; // for a pointer, its offset in the memory
        int memory;              // its index, or -1: by value
    };

    std::string kernel;
    uint32_t grid[3], block[3];
    std::vector<Argument> arguments;
    std::vector<Memory> memories;

    uint64_t threads() const;
    std::string bytes() const;
    // False at the end of the file; a file that ends within a recording ends the process.
    bool read(FILE* file);
};
