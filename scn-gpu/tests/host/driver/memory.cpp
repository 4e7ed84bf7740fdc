// Device memory, and copies.
//
// An allocation ends at the end of a page, and the next page is inaccessible, so a kernel that runs
// past the end is stopped immediately. Memory is filled with NaN until something is written to it,
// and inaccessible once it is freed.
#include "driver.h"

#include "../runtime/fail.h"

#include <cstdio>
#include <cstring>
#include <sys/mman.h>

namespace stand_in {

constexpr size_t page = 4096;
constexpr size_t alignment = 16; // 256 on a device; this is what a float4 needs

// Allocations by the address of their first byte. Freed memory is removed at once, but it stays
// mapped for the work submitted before.
static std::map<Address, Allocation>& live() {
    static auto* all = new std::map<Address, Allocation>;
    return *all;
}

static Address address_of(const char* pointer) { return reinterpret_cast<Address>(pointer); }
static char* pointer_to(Address address) { return reinterpret_cast<char*>(address); }

Allocation* find(const Context& context, Address address, size_t bytes) {
    auto after = live().upper_bound(address);
    if (after == live().begin())
        return nullptr;
    Allocation& allocation = std::prev(after)->second;
    size_t offset = address - address_of(allocation.start);
    bool inside = offset <= allocation.bytes && bytes <= allocation.bytes - offset;
    return inside && allocation.context == &context ? &allocation : nullptr;
}

static char* checked(Address address, size_t bytes, const char* what) {
    Context* context = current_context();
    if (!context)
        misuse("%s in a thread without a context", what);
    if (!find(*context, address, bytes))
        misuse("%s: %zu bytes at %llx are not within live memory of device %d", what, bytes, address, context->device);
    return pointer_to(address);
}

static Result allocate(Address* address, size_t bytes) {
    Context* context = current_context();
    if (!context)
        return INVALID_CONTEXT;
    if (bytes == 0)
        return INVALID_VALUE;
    if (bytes > settings().memory - context->allocated)
        return OUT_OF_MEMORY;
    size_t inside = (bytes + page - 1) / page * page, mapped_bytes = inside + 2 * page;
    void* mapped = mmap(nullptr, mapped_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return OUT_OF_MEMORY;
    char* first = static_cast<char*>(mapped) + page;
    mprotect(first, inside, PROT_READ | PROT_WRITE);
    memset(first, 0xff, inside);
    char* start = first + inside - (bytes + alignment - 1) / alignment * alignment;
    *address = address_of(start);
    static size_t count = 0;
    live()[*address] = {count++, context, start, bytes, static_cast<char*>(mapped), mapped_bytes};
    context->allocated += bytes;
    log_line("alloc\t" + std::to_string(bytes));
    return SUCCESS;
}

// Removes an allocation from the live memory at once. The memory itself is unmapped after the work
// submitted before.
static Allocation take(Address address) {
    Context* context = current_context();
    auto found = live().find(address);
    if (found == live().end())
        misuse("%llx is freed, which is not live memory: freed twice?", address);
    Allocation allocation = found->second;
    if (allocation.context != context)
        misuse("memory of device %d is freed in a thread that works on a different one", allocation.context->device);
    live().erase(found);
    context->allocated -= allocation.bytes;
    log_line("free");
    return allocation;
}

static void unmap(const Allocation& allocation) {
    // Padding up to the alignment, which no page protects.
    for (const char* c = allocation.start + allocation.bytes; c < allocation.mapped + allocation.mapped_bytes - page; c++)
        if (*c != char(0xff))
            misuse("a write past the end of an allocation of %zu bytes", allocation.bytes);
    munmap(allocation.mapped, allocation.mapped_bytes);
}

void describe_fault(const void* fault) {
    Address address = reinterpret_cast<Address>(fault);
    for (auto& [start, allocation] : live()) {
        Address mapped = address_of(allocation.mapped);
        if (address >= mapped && address < mapped + allocation.mapped_bytes) {
            fprintf(stderr, "stand-in driver: byte %lld of an allocation of %zu bytes is accessed\n", (long long)(address - start),
                    allocation.bytes);
            return;
        }
    }
    fprintf(stderr, "stand-in driver: %llx is accessed, which is not live memory\n", address);
}

} // namespace stand_in

using namespace stand_in;

DRIVER_CALL cuMemAllocAsync(Address* address, size_t bytes, Stream* handle) {
    auto lock = locked();
    forbid_in_capture(stream(handle), "an allocation");
    return allocate(address, bytes);
}

DRIVER_CALL cuMemAlloc_v2(Address* address, size_t bytes) {
    auto lock = locked();
    if (Result forbidden = unsafe_call())
        return forbidden;
    return allocate(address, bytes);
}

DRIVER_CALL cuMemFreeAsync(Address address, Stream* handle) {
    auto lock = locked();
    forbid_in_capture(stream(handle), "the freeing of memory");
    submit(stream(handle), [allocation = take(address)] { unmap(allocation); });
    return SUCCESS;
}

DRIVER_CALL cuMemFree_v2(Address address) {
    auto lock = locked();
    Context* context = current_context();
    if (!context)
        return INVALID_CONTEXT;
    if (Result forbidden = unsafe_call())
        return forbidden;
    log_wait(*context);
    finish(*context);
    unmap(take(address));
    return SUCCESS;
}

DRIVER_CALL cuMemGetInfo_v2(size_t* free, size_t* total) {
    auto lock = locked();
    Context* context = current_context();
    if (!context)
        return INVALID_CONTEXT;
    *total = settings().memory;
    *free = *total - context->allocated;
    return SUCCESS;
}

// The driver has read host memory when the call returns, unless the memory is page-locked.
DRIVER_CALL cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t bytes, Stream* handle) {
    auto lock = locked();
    char* target = checked(to, bytes, "a copy to the device");
    forbid_in_capture(stream(handle), "a copy from the host");
    const std::string line = "copy-in\t" + std::to_string(bytes);
    if (is_page_locked(from, bytes)) {
        copy_page_locked(stream(handle), line, from, target, from, bytes);
        return SUCCESS;
    }
    const char* source = static_cast<const char*>(from);
    std::vector<char> copy(source, source + bytes);
    submit(stream(handle), line, [=, copy = std::move(copy)] { memcpy(target, copy.data(), copy.size()); });
    return SUCCESS;
}

DRIVER_CALL cuMemcpyDtoHAsync_v2(void* to, Address from, size_t bytes, Stream* handle) {
    auto lock = locked();
    const char* source = checked(from, bytes, "a copy from the device");
    forbid_in_capture(stream(handle), "a copy to the host");
    const std::string line = "copy-out\t" + std::to_string(bytes);
    if (is_page_locked(to, bytes)) {
        copy_page_locked(stream(handle), line, to, to, source, bytes);
        return SUCCESS;
    }
    submit(stream(handle), line, [=] { memcpy(to, source, bytes); });
    // The work itself still runs only when something waits for it, so that nothing relies on this
    // wait.
    log_wait(stream(handle));
    return SUCCESS;
}

DRIVER_CALL cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream* handle) {
    auto lock = locked();
    char* target = checked(to, bytes, "a copy within the device");
    const char* source = checked(from, bytes, "a copy within the device");
    if (target < source + bytes && source < target + bytes)
        misuse("a copy within the device overlaps itself");
    return enqueue(stream(handle), "copy\t" + std::to_string(bytes), {{to, bytes}, {from, bytes}}, [=] { memcpy(target, source, bytes); });
}

DRIVER_CALL cuMemsetD8Async(Address to, unsigned char value, size_t bytes, Stream* handle) {
    auto lock = locked();
    char* target = checked(to, bytes, "a fill");
    return enqueue(stream(handle), "set\t" + std::to_string(bytes), {{to, bytes}}, [=] { memset(target, value, bytes); });
}

DRIVER_CALL cuMemcpyHtoD_v2(Address to, const void* from, size_t bytes) {
    auto lock = locked();
    Result result = cuMemcpyHtoDAsync_v2(to, from, bytes, nullptr);
    log_wait(stream(nullptr));
    finish(stream(nullptr));
    return result;
}

DRIVER_CALL cuMemcpyDtoH_v2(void* to, Address from, size_t bytes) {
    auto lock = locked();
    Result result = cuMemcpyDtoHAsync_v2(to, from, bytes, nullptr);
    finish(stream(nullptr));
    return result;
}
