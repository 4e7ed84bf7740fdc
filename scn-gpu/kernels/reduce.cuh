// Sums over the threads of a warp or a block. The order of the additions is fixed, so the same
// numbers give bit-identical sums.
#pragma once

#include "elements.cuh"

// Returns the sum over a warp, in every lane. Addition is commutative, so both lanes of an exchange
// get the same sum.
template <typename T>
__device__ inline T warp_sum(T value) {
#pragma unroll
    for (int distance = WARP_THREADS / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    }
    return value;
}

// Returns the sum over a block of WARPS warps, in every thread. `scratch` is shared memory for
// WARPS numbers, free for reuse afterwards.
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
