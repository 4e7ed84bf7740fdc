// Blocks of 256 threads, and the element or item that a thread works on.
#pragma once

#include "cuda.cuh"

constexpr int BLOCK_THREADS = 256;
constexpr int WARP_THREADS = 32;
constexpr int BLOCK_WARPS = BLOCK_THREADS / WARP_THREADS;

// Returns the thread's index in the grid: one thread per element. A product of sizes may exceed an
// int.
__device__ inline size_t thread_element() {
    return (size_t)blockIdx.x * BLOCK_THREADS + threadIdx.x;
}

static_assert(sizeof(thread_element()) == 8, "compared with products of sizes");

// Returns the warp's index in the grid: one warp per item.
__device__ inline size_t warp_item() {
    return (size_t)blockIdx.x * BLOCK_WARPS + threadIdx.x / WARP_THREADS;
}

__device__ inline int warp_lane() {
    return threadIdx.x % WARP_THREADS;
}
