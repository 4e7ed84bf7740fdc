// Work on all layers by one kernel: each layer has as many blocks as it needs, one after another, and a row of integers in a table that
// begins with its first block.
#pragma once

#include "cuda.cuh"

// The row of the layer that the block works on, of `numbers` integers.
__device__ inline const int* block_row(const int* table, int layers, int numbers) {
    int layer = 0;
    while (layer + 1 < layers && __ldg(table + (layer + 1) * numbers) <= (int)blockIdx.x) {
        layer++;
    }
    return table + layer * numbers;
}
