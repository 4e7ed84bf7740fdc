// Sums over the threads of a warp or a block. The order of the additions is fixed: the same numbers give the same bits.
#pragma once

#include "elements.cuh"

// For every lane. Addition commutes, so the halves that a lane swaps give both partners the same sum.
template <typename T>
__device__ inline T warp_sum(T value) {
#pragma unroll
    for (int distance = WARP_THREADS / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    }
    return value;
}

// For every thread of a block of so many warps. `scratch` is shared memory for as many numbers, free again afterwards.
template <int WARPS = BLOCK_WARPS, typename T>
__device__ inline T block_sum(T value, T* scratch) {
    value = warp_sum(value);
    if (warp_lane() == 0) {
        scratch[threadIdx.x / WARP_THREADS] = value;
    }
    __syncthreads();
    T sum = 0;
#pragma unroll
    for (int warp = 0; warp < WARPS; warp++) {
        sum += scratch[warp];
    }
    __syncthreads();
    return sum;
}
