// What the column kernels need of a layer's dictionary, once per change of it: D and H = D'D + lambda2 I in panel order, padded.
#include "cuda.cuh"

#include "elements.cuh"
#include "panels.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) pack_dictionary(const float* dictionary, int rows, int atoms, int padded,
    float* panels) {
    size_t element = thread_element();
    if (element < (size_t)rows * padded) {
        size_t row = element / padded;
        int atom = panel_atom(element - row * padded, padded);
        panels[element] = atom < atoms ? __ldg(dictionary + row * atoms + atom) : 0.0f;
    }
}
REGISTER_KERNEL(pack_dictionary);

// A block computes 16 x 16 entries of H, and stages as many columns of D, 32 rows at a time.
constexpr int GRAM_SIDE = 16;
constexpr int GRAM_ROWS = 32;
static_assert(GRAM_SIDE * GRAM_SIDE == BLOCK_THREADS, "one entry per thread");

__device__ inline void stage_columns(const float* dictionary, int rows, int atoms, int first_row, int first_atom, float* stage) {
#pragma unroll
    for (int place = threadIdx.x; place < GRAM_ROWS * GRAM_SIDE; place += BLOCK_THREADS) {
        int row = first_row + place / GRAM_SIDE, atom = first_atom + place % GRAM_SIDE;
        stage[place] = row < rows && atom < atoms ? __ldg(dictionary + (size_t)row * atoms + atom) : 0.0f;
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) gram_matrix(const float* dictionary, const float* lambda1, int lambda1_count,
    const float* lambda2, int rows, int atoms, int padded, float* gram, float* inverse_diagonal, float* padded_lambda1) {
    SHARED_ARRAY(float, left, GRAM_ROWS * GRAM_SIDE);
    SHARED_ARRAY(float, right, GRAM_ROWS * GRAM_SIDE);
    int tiles = padded / GRAM_SIDE;
    int first_i = blockIdx.x / tiles * GRAM_SIDE, first_j = blockIdx.x % tiles * GRAM_SIDE;
    int i = threadIdx.x / GRAM_SIDE, j = threadIdx.x % GRAM_SIDE;
    float sum = 0.0f;
    for (int first_row = 0; first_row < rows; first_row += GRAM_ROWS) {
        stage_columns(dictionary, rows, atoms, first_row, first_i, left);
        stage_columns(dictionary, rows, atoms, first_row, first_j, right);
        __syncthreads();
        // Sums of sums, so that rounding does not grow with the rows. H is symmetric to the bit: i and j are treated alike.
        float part = 0.0f;
#pragma unroll
        for (int row = 0; row < GRAM_ROWS; row++) {
            part = fmaf(left[row * GRAM_SIDE + i], right[row * GRAM_SIDE + j], part);
        }
        sum += part;
        __syncthreads();
    }

    i += first_i;
    j += first_j;
    if (i == j) {
        // Padded atoms are left alone by every method: of unit length, with nothing to fit.
        sum = i < atoms ? sum + __ldg(lambda2) : 1.0f;
        inverse_diagonal[i] = sum > 0.0f ? 1.0f / sum : 0.0f;
        padded_lambda1[i] = i < atoms ? __ldg(lambda1 + (lambda1_count == 1 ? 0 : i)) : 0.0f;
    }
    gram[(size_t)i * padded + panel_place(j, padded)] = sum;
}
REGISTER_KERNEL(gram_matrix);

// 1 / max_j sum_i |H_ij|, which is no more than 1 / (the largest eigenvalue). One block, at most one atom per thread.
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
