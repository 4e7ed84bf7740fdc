// Prepares the dictionaries of all layers for the column kernels, once per change: D and
// H = D'D + lambda2 I, padded and in panel order.
#include "cuda.cuh"

#include "elements.cuh"
#include "panels.cuh"
#include "tables.cuh"

// A layer's row of the table: the places of its parameters in their buffer, and those of the
// derived values in buffers of their own.
constexpr int PREPARE_NUMBERS = 11;
struct PreparedLayer {
    int first_block, rows, atoms, padded;
    int dictionary, lambda1, lambda1_count, lambda2;
    int panels, gram, per_atom; // `per_atom`: place of arrays with one number per padded atom
};

__device__ inline PreparedLayer prepared_layer(const int* row) {
    return PreparedLayer{__ldg(row), __ldg(row + 1), __ldg(row + 2), __ldg(row + 3), __ldg(row + 4), __ldg(row + 5), __ldg(row + 6), __ldg(row + 7),
        __ldg(row + 8), __ldg(row + 9), __ldg(row + 10)};
}

// A block computes 16 x 16 entries of H, for which it stages columns of D, 32 rows at a time. Or it
// packs PACK_ENTRIES entries of D.
constexpr int GRAM_SIDE = 16;
constexpr int GRAM_ROWS = 32;
constexpr int PACK_ENTRIES = 4 * BLOCK_THREADS;
static_assert(GRAM_SIDE * GRAM_SIDE == BLOCK_THREADS, "one entry per thread");

__device__ inline void pack(const PreparedLayer& layer, const float* dictionary, int block, float* panels) {
    size_t first = (size_t)block * PACK_ENTRIES, count = (size_t)layer.rows * layer.padded;
#pragma unroll
    for (int i = 0; i < PACK_ENTRIES; i += BLOCK_THREADS) {
        size_t element = first + i + threadIdx.x;
        if (element < count) {
            size_t row = element / layer.padded;
            int atom = panel_atom(element - row * layer.padded, layer.padded);
            panels[element] = atom < layer.atoms ? __ldg(dictionary + row * layer.atoms + atom) : 0.0f;
        }
    }
}

// A thread's part of two stages of columns, loaded while the previous two are multiplied.
constexpr int STAGE_ENTRIES = GRAM_ROWS * GRAM_SIDE / BLOCK_THREADS;
struct GramLoad {
    float left[STAGE_ENTRIES], right[STAGE_ENTRIES];

    __device__ void fetch(const PreparedLayer& layer, const float* dictionary, int first_row, int first_i, int first_j) {
#pragma unroll
        for (int s = 0; s < STAGE_ENTRIES; s++) {
            int place = threadIdx.x + s * BLOCK_THREADS;
            int row = first_row + place / GRAM_SIDE, i = first_i + place % GRAM_SIDE, j = first_j + place % GRAM_SIDE;
            const float* line = dictionary + (size_t)row * layer.atoms;
            left[s] = row < layer.rows && i < layer.atoms ? __ldg(line + i) : 0.0f;
            right[s] = row < layer.rows && j < layer.atoms ? __ldg(line + j) : 0.0f;
        }
    }
};

// Returns the entry of D'D for atoms first_i + i and first_j + j. The block stages the 16 columns
// from first_i on and the 16 from first_j on.
__device__ inline float gram_entry(const PreparedLayer& layer, const float* dictionary, int first_i, int first_j, int i, int j, float* left,
    float* right) {
    float sum = 0.0f;
    GramLoad load;
    load.fetch(layer, dictionary, 0, first_i, first_j);
    for (int first_row = 0; first_row < layer.rows; first_row += GRAM_ROWS) {
        __syncthreads();
#pragma unroll
        for (int s = 0; s < STAGE_ENTRIES; s++) {
            left[threadIdx.x + s * BLOCK_THREADS] = load.left[s];
            right[threadIdx.x + s * BLOCK_THREADS] = load.right[s];
        }
        __syncthreads();
        load.fetch(layer, dictionary, first_row + GRAM_ROWS, first_i, first_j);
        // Sums of partial sums, so that rounding errors grow more slowly with the number of rows.
        // Both factors are treated alike, so H is exactly symmetric.
        float part = 0.0f;
#pragma unroll
        for (int row = 0; row < GRAM_ROWS; row++) {
            part = fmaf(left[row * GRAM_SIDE + i], right[row * GRAM_SIDE + j], part);
        }
        sum += part;
    }
    return sum;
}

// Blocks of a layer: first those that compute H, then those that pack D.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) prepare_problems(const float* parameters, const int* table, int layers,
    float* panels, float* gram, float* inverse_diagonal, float* padded_lambda1) {
    SHARED_ARRAY(float, left, GRAM_ROWS * GRAM_SIDE);
    SHARED_ARRAY(float, right, GRAM_ROWS * GRAM_SIDE);
    PreparedLayer layer = prepared_layer(block_row(table, layers, PREPARE_NUMBERS));
    const float* dictionary = parameters + layer.dictionary;
    int tiles = layer.padded / GRAM_SIDE, block = blockIdx.x - layer.first_block;
    if (block >= tiles * tiles) {
        pack(layer, dictionary, block - tiles * tiles, panels + layer.panels);
        return;
    }
    int first_i = block / tiles * GRAM_SIDE, first_j = block % tiles * GRAM_SIDE;
    int i = threadIdx.x / GRAM_SIDE, j = threadIdx.x % GRAM_SIDE;
    float sum = gram_entry(layer, dictionary, first_i, first_j, i, j, left, right);

    i += first_i;
    j += first_j;
    if (i == j) {
        // Padded atoms have unit length and nothing to fit, so no solver changes them.
        sum = i < layer.atoms ? sum + __ldg(parameters + layer.lambda2) : 1.0f;
        inverse_diagonal[layer.per_atom + i] = sum > 0.0f ? 1.0f / sum : 0.0f;
        int place = layer.lambda1 + (layer.lambda1_count == 1 ? 0 : i);
        padded_lambda1[layer.per_atom + i] = i < layer.atoms ? __ldg(parameters + place) : 0.0f;
    }
    gram[layer.gram + (size_t)i * layer.padded + panel_place(j, layer.padded)] = sum;
}
REGISTER_KERNEL(prepare_problems);

// Computes 1 / max_j sum_i |H_ij|, which is at most 1 / (the largest eigenvalue). One block, at
// most one atom per thread.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) fista_step(const float* gram, int padded, float* step) {
    SHARED_ARRAY(float, sums, BLOCK_THREADS);
    float sum = 0.0f;
    if (threadIdx.x < padded) {
        for (int i = 0; i < padded; i++) {
            sum += fabsf(__ldg(gram + i * padded + threadIdx.x));
        }
    }
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        float largest = 0.0f;
        for (int j = 0; j < padded; j++) {
            largest = fmaxf(largest, sums[j]);
        }
        *step = largest > 0.0f ? 1.0f / largest : 0.0f;
    }
}
REGISTER_KERNEL(fista_step);
