// Products of two tiles in shared memory, left * right', accumulated in the registers of a block of
// 128 threads.
//
// A row of a tile holds TILE_DEPTH terms of the sum, for one row of the matrix. A thread owns
// ROWS x COLUMNS entries of the product, spread evenly: for four terms, it reads ROWS + COLUMNS
// float4 for 4 * ROWS * COLUMNS multiplications.
#pragma once

#include "cuda.cuh"

constexpr int TILE_THREADS = 128;
constexpr int TILE_WARPS = TILE_THREADS / 32;
constexpr int TILE_DEPTH = 32;
// Rows are padded by a float4, so that eight neighbouring rows read their float4 from 32 different
// banks.
constexpr int TILE_STRIDE = TILE_DEPTH + 4;

template <int ROWS, int COLUMNS, int COLUMN_GROUPS>
struct TileProduct {
    static constexpr int ROW_GROUPS = TILE_THREADS / COLUMN_GROUPS;
    static constexpr int TILE_ROWS = ROWS * ROW_GROUPS;
    static constexpr int TILE_COLUMNS = COLUMNS * COLUMN_GROUPS;

    float sums[ROWS][COLUMNS];

    __device__ void clear() {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) {
                sums[r][c] = 0.0f;
            }
        }
    }

    // The place in the tile of the thread's entry sums[r][c]. Neighbouring lanes have neighbouring
    // columns.
    __device__ int row(int r) const {
        return threadIdx.x / COLUMN_GROUPS + r * ROW_GROUPS;
    }

    __device__ int column(int c) const {
        return threadIdx.x % COLUMN_GROUPS + c * COLUMN_GROUPS;
    }

    // Adds the first `depth` terms, a multiple of four.
    __device__ void add(const float* left, const float* right, int depth) {
        const float* left_row = left + row(0) * TILE_STRIDE;
        const float* right_row = right + column(0) * TILE_STRIDE;
        // Unrolled further, this would not fit into the registers.
#pragma unroll 1
        for (int d = 0; d < depth; d += 4) {
            float4 b[COLUMNS];
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) {
                b[c] = *reinterpret_cast<const float4*>(right_row + c * COLUMN_GROUPS * TILE_STRIDE + d);
            }
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                float4 a = *reinterpret_cast<const float4*>(left_row + r * ROW_GROUPS * TILE_STRIDE + d);
#pragma unroll
                for (int c = 0; c < COLUMNS; c++) {
                    sums[r][c] = fmaf(a.x, b[c].x, sums[r][c]);
                    sums[r][c] = fmaf(a.y, b[c].y, sums[r][c]);
                    sums[r][c] = fmaf(a.z, b[c].z, sums[r][c]);
                    sums[r][c] = fmaf(a.w, b[c].w, sums[r][c]);
                }
            }
        }
    }
};

// Returns the depth of the tile that holds the next of the remaining terms, with zeros up to a
// multiple of four.
__device__ inline int tile_depth(int remaining) {
    return remaining < TILE_DEPTH ? (remaining + 3) / 4 * 4 : TILE_DEPTH;
}
