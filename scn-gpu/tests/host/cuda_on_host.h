// The part of CUDA C++ that the kernels use, for a C++20 compiler. The kernel files are compiled
// unchanged. The functions declared here are defined in runtime/, which is never built with a
// sanitizer, so a sanitizer sees only the accesses of the kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <math.h>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

using std::isfinite;
using std::isnan;

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

namespace cuda_on_host {

using Place = std::source_location;

// Everything is returned by value: sanitised code must not read the runtime's memory.
dim3 thread_index();
dim3 block_index();
dim3 block_dimensions();
dim3 grid_dimensions();
unsigned lane();

// Collective operations of the lanes of a warp. Each lane contributes a value and gets one back.
enum class Collective { syncwarp, shuffle, shuffle_xor, shuffle_down, ballot, any, all };

void block_barrier(Place place);
bool block_vote(bool vote, Place place);
void* shared_array(const void* key, size_t bytes);
uint64_t meet(Collective what, unsigned mask, uint64_t value, unsigned source, Place place);
[[noreturn]] void wrong_width(int width, Place place);

// Widths work as on the device: lanes only read within their group, or keep their own value.
template <class T> T shuffle(Collective what, unsigned mask, T value, unsigned source, Place place) {
    static_assert(sizeof(T) <= 8);
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(T));
    bits = meet(what, mask, bits, source, place);
    memcpy(&value, &bits, sizeof(T));
    return value;
}

inline unsigned checked(int width, Place place) {
    if (width < 1 || width > 32 || (width & (width - 1)) != 0)
        wrong_width(width, place);
    return width;
}

struct Argument {
    size_t size;
    bool pointer, written; // written: the pointer is not to const
    bool real;             // a float or double
};

using Run = void (*)(void* const* arguments);

// Registers a kernel. Returns a value, so that it can initialise a constant.
bool enter(const char* name, Run run, std::vector<Argument> arguments);

template <class T> constexpr bool is_pointer = false;
template <class T> constexpr bool is_pointer<T*> = true;
template <class T> constexpr bool is_written = false;
template <class T> constexpr bool is_written<T*> = true;
template <class T> constexpr bool is_written<const T*> = false;

template <auto kernel> struct Registered;
template <class... A, void (*kernel)(A...)> struct Registered<kernel> {
    template <size_t... I> static void call(void* const* arguments, std::index_sequence<I...>) {
        kernel(*static_cast<A*>(arguments[I])...);
    }
    static void run(void* const* arguments) { call(arguments, std::index_sequence_for<A...>{}); }
    static bool enter(const char* name) {
        return cuda_on_host::enter(name, run, {Argument{sizeof(A), is_pointer<A>, is_written<A>, std::is_floating_point_v<A>}...});
    }
};

template <class To, class From> To same_bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof(To));
    return to;
}
} // namespace cuda_on_host

#define threadIdx (cuda_on_host::thread_index())
#define blockIdx (cuda_on_host::block_index())
#define blockDim (cuda_on_host::block_dimensions())
#define gridDim (cuda_on_host::grid_dimensions())

#define REGISTER_KERNEL(name) static const bool name##_is_registered = cuda_on_host::Registered<&name>::enter(#name)

// The address of the constant identifies the array, including in instances of a template.
#define SHARED_ARRAY(type, name, count)                                                                                            \
    static const char name##_key = 0;                                                                                              \
    using name##_array = type[count];                                                                                              \
    name##_array& name = *static_cast<name##_array*>(cuda_on_host::shared_array(&name##_key, sizeof(name##_array)))

inline void __syncthreads(cuda_on_host::Place place = cuda_on_host::Place::current()) { cuda_on_host::block_barrier(place); }

// A barrier that returns whether any thread voted.
inline int __syncthreads_or(int vote, cuda_on_host::Place place = cuda_on_host::Place::current()) {
    return cuda_on_host::block_vote(vote != 0, place);
}

inline void __syncwarp(unsigned mask = 0xffffffffu, cuda_on_host::Place place = cuda_on_host::Place::current()) {
    cuda_on_host::meet(cuda_on_host::Collective::syncwarp, mask, 0, 0, place);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, cuda_on_host::Place place = cuda_on_host::Place::current()) {
    unsigned inside = cuda_on_host::checked(width, place) - 1;
    unsigned from = (cuda_on_host::lane() & ~inside) | (unsigned(source) & inside);
    return cuda_on_host::shuffle(cuda_on_host::Collective::shuffle, mask, value, from, place);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, cuda_on_host::Place place = cuda_on_host::Place::current()) {
    unsigned lane = cuda_on_host::lane(), from = lane ^ unsigned(bits), group = cuda_on_host::checked(width, place);
    bool later_group = from / group > lane / group;
    return cuda_on_host::shuffle(cuda_on_host::Collective::shuffle_xor, mask, value, later_group ? lane : from, place);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned step, int width = 32, cuda_on_host::Place place = cuda_on_host::Place::current()) {
    unsigned lane = cuda_on_host::lane(), group = cuda_on_host::checked(width, place);
    bool inside = lane % group + step < group;
    return cuda_on_host::shuffle(cuda_on_host::Collective::shuffle_down, mask, value, inside ? lane + step : lane, place);
}

inline unsigned __ballot_sync(unsigned mask, int vote, cuda_on_host::Place place = cuda_on_host::Place::current()) {
    return cuda_on_host::meet(cuda_on_host::Collective::ballot, mask, vote != 0, 0, place);
}
inline int __any_sync(unsigned mask, int vote, cuda_on_host::Place place = cuda_on_host::Place::current()) {
    return cuda_on_host::meet(cuda_on_host::Collective::any, mask, vote != 0, 0, place) != 0;
}
inline int __all_sync(unsigned mask, int vote, cuda_on_host::Place place = cuda_on_host::Place::current()) {
    return cuda_on_host::meet(cuda_on_host::Collective::all, mask, vote != 0, 0, place) == mask;
}

template <class T> T __ldg(const T* address) { return *address; }

template <class T> T atomic_add(T* address, T value) { return __atomic_fetch_add(address, value, __ATOMIC_RELAXED); }
template <class T> T atomic_max(T* address, T value) {
    T old = __atomic_load_n(address, __ATOMIC_RELAXED);
    while (old < value && !__atomic_compare_exchange_n(address, &old, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return old;
}
inline int atomicAdd(int* address, int value) { return atomic_add(address, value); }
inline unsigned atomicAdd(unsigned* address, unsigned value) { return atomic_add(address, value); }
inline unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) { return atomic_add(address, value); }
inline int atomicMax(int* address, int value) { return atomic_max(address, value); }
inline unsigned atomicMax(unsigned* address, unsigned value) { return atomic_max(address, value); }
inline unsigned long long atomicMax(unsigned long long* address, unsigned long long value) { return atomic_max(address, value); }
inline unsigned long long atomicOr(unsigned long long* address, unsigned long long value) {
    return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}

inline unsigned __float_as_uint(float value) { return cuda_on_host::same_bits<unsigned>(value); }
inline float __uint_as_float(unsigned value) { return cuda_on_host::same_bits<float>(value); }
inline long long __double_as_longlong(double value) { return cuda_on_host::same_bits<long long>(value); }
inline double __longlong_as_double(long long value) { return cuda_on_host::same_bits<double>(value); }
inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline float rsqrtf(float value) { return 1.0f / sqrtf(value); }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
