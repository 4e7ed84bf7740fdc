// Page-locked host memory. Copies from and to it are done in the order of the work, not during the
// call.
#include "driver.h"

#include <cstring>
#include <sys/mman.h>

namespace stand_in {

struct Pages {
    char* start;
    size_t bytes;
    size_t copies = 0; // copies that have not run
};

static std::map<const char*, Pages>& live() {
    static auto* all = new std::map<const char*, Pages>;
    return *all;
}

size_t page_locked_bytes() {
    size_t bytes = 0;
    for (auto& [start, pages] : live())
        bytes += pages.bytes;
    return bytes;
}

static Pages* find(const void* memory, size_t bytes) {
    const char* start = static_cast<const char*>(memory);
    auto after = live().upper_bound(start);
    if (after == live().begin())
        return nullptr;
    Pages& pages = std::prev(after)->second;
    if (start >= pages.start + pages.bytes)
        return nullptr;
    if (bytes > size_t(pages.start + pages.bytes - start))
        misuse("a copy of %zu bytes runs past the end of page-locked memory", bytes);
    return &pages;
}

bool is_page_locked(const void* memory, size_t bytes) { return find(memory, bytes) != nullptr; }

void copy_page_locked(Stream& stream, const std::string& line, const void* memory, void* to, const void* from, size_t bytes) {
    Pages* pages = find(memory, bytes);
    pages->copies++;
    submit(stream, line + "\tlocked", [=] {
        memcpy(to, from, bytes);
        pages->copies--;
    });
}

} // namespace stand_in

using namespace stand_in;

DRIVER_CALL cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
    auto lock = locked();
    if (!current_context())
        return INVALID_CONTEXT;
    if (bytes == 0)
        return INVALID_VALUE;
    if (Result forbidden = unsafe_call())
        return forbidden;
    *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (*memory == MAP_FAILED)
        return OUT_OF_MEMORY;
    memset(*memory, 0xff, bytes);
    char* start = static_cast<char*>(*memory);
    live()[start] = {start, bytes};
    return SUCCESS;
}

DRIVER_CALL cuMemFreeHost(void* memory) {
    auto lock = locked();
    if (Result forbidden = unsafe_call())
        return forbidden;
    auto found = live().find(static_cast<char*>(memory));
    if (found == live().end())
        misuse("page-locked memory that does not exist is freed: freed twice?");
    if (found->second.copies > 0)
        misuse("page-locked memory is freed before a copy of it has run");
    munmap(memory, found->second.bytes);
    live().erase(found);
    return SUCCESS;
}
