// Kernels that process all layers in one launch. Each layer has as many consecutive blocks as it
// needs, and a row of integers in a table. A row begins with the layer's first block.
#pragma once

#include "cuda.cuh"

// Returns the row of `numbers` integers of the layer that the block works on.
__device__ inline const int* block_row(const int* table, int layers, int numbers) {
    int layer = 0;
    while (layer + 1 < layers && __ldg(table + (layer + 1) * numbers) <= (int)blockIdx.x) {
        layer++;
    }
    return table + layer * numbers;
}
