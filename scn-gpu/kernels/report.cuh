// The report on the columns: residuals, passes, columns that missed the tolerance, and codes that
// are not zero.
#pragma once

#include "columns.cuh"

// Returns what residuals are relative to: the largest magnitude; 1 if that is 0, because the
// residual is then 0 as well; NaN if it is not finite, so that no residual is within the tolerance.
__device__ __forceinline__ float residual_scale(int largest) {
    float scale = from_magnitude(largest);
    if (!isfinite(scale)) {
        return __uint_as_float(0x7fc00000u);
    }
    return scale > 0.f ? scale : 1.f;
}

// The state of the columns of a group, the same on all of its lanes.
template <int COLUMNS>
struct Progress {
    float scale[COLUMNS];
    float residual[COLUMNS];
    int passes[COLUMNS];
    bool running[COLUMNS];

    __device__ __forceinline__ void count_pass() {
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            passes[c] += running[c];
        }
    }

    // Whether any column of the thread's warp is running.
    __device__ __forceinline__ bool any_runs() const {
        return __any_sync(ALL_LANES, any_own());
    }

    // Whether any column is running in the warps that go through H together: the thread's warp, or
    // its block, all threads of which must then call this.
    template <int ATOMS>
    __device__ __forceinline__ bool any_runs_together() const {
        if constexpr (Gram<ATOMS>::TOGETHER) {
            return __syncthreads_or(any_own());
        } else {
            return any_runs();
        }
    }

    // Whether the warp has any work in a product with H. Always true unless warps go through H
    // together.
    template <int ATOMS>
    __device__ __forceinline__ bool works() const {
        return !Gram<ATOMS>::TOGETHER || any_runs();
    }

    __device__ __forceinline__ bool any_own() const {
        bool any = false;
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            any |= running[c];
        }
        return any;
    }
};

// Adds the warp's columns to the report. The report consists of integers, so the order of the warps
// does not matter.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void add_to_report(const Progress<COLUMNS>& progress, int positions, float tolerance, unsigned nonzero,
    unsigned long long* report) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    int largest = 0;
    unsigned passes = 0, missed = 0;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        if (Layout::lane() == 0 && Layout::column(c) < positions) {
            largest = max(largest, magnitude(progress.residual[c]));
            passes += progress.passes[c];
            missed += !(progress.residual[c] <= tolerance);
        }
    }
#pragma unroll
    for (int distance = WARP_LANES / 2; distance > 0; distance /= 2) {
        largest = max(largest, __shfl_xor_sync(ALL_LANES, largest, distance));
        passes += __shfl_xor_sync(ALL_LANES, passes, distance);
        missed += __shfl_xor_sync(ALL_LANES, missed, distance);
        nonzero += __shfl_xor_sync(ALL_LANES, nonzero, distance);
    }
    if (threadIdx.x % WARP_LANES == 0) {
        // Every NaN becomes the same one.
        bool is_nan = isnan(from_magnitude(largest));
        atomicMax(report, (unsigned long long)(is_nan ? 0x7fc00000 : largest));
        atomicAdd(report + 1, (unsigned long long)passes);
        atomicAdd(report + 2, (unsigned long long)missed);
        atomicAdd(report + 3, (unsigned long long)nonzero);
    }
}
