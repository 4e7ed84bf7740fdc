// Gradients of a layer's parameters from sums over its columns (y: the adjoint, a: the codes):
//
//     dLoss/dD = sum (x - D a) y' - D y a' = S1 - D (S2 + S2'),     S1 = sum x y',   S2 = sum a y'
//     dLoss/dlambda1_j = -sum y_j (a >= 0),     dLoss/dlambda2 = -sum y'a
#include "cuda.cuh"

#include "reduce.cuh"
#include "tile.cuh"

constexpr int DICTIONARY_ROWS = 64;
constexpr int DICTIONARY_ATOMS = 64;

// Adds to the gradient.
extern "C" __global__ void __launch_bounds__(TILE_THREADS, TILE_BLOCKS) dictionary_gradient(const float* dictionary,
    const float* signal_sums, const float* code_sums, int rows, int atoms, float* gradient) {
    SHARED_ARRAY(float, dictionary_tile, DICTIONARY_ROWS * TILE_STRIDE);
    SHARED_ARRAY(float, symmetric_tile, DICTIONARY_ATOMS * TILE_STRIDE);
    TileProduct<4, 8, 8> product;
    product.clear();
    int first_row = blockIdx.x * DICTIONARY_ROWS, first_atom = blockIdx.y * DICTIONARY_ATOMS;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (int first = 0; first < atoms; first += TILE_DEPTH) {
        int depth = tile_depth(atoms - first);
        int i = first + lane;
        __syncthreads();
#pragma unroll 8
        for (int row = warp; row < DICTIONARY_ROWS; row += TILE_WARPS) {
            int k = first_row + row;
            dictionary_tile[row * TILE_STRIDE + lane] = k < rows && i < atoms ? __ldg(dictionary + (size_t)k * atoms + i) : 0.0f;
        }
#pragma unroll 8
        for (int row = warp; row < DICTIONARY_ATOMS; row += TILE_WARPS) {
            int j = first_atom + row;
            symmetric_tile[row * TILE_STRIDE + lane] = j < atoms && i < atoms ? __ldg(code_sums + (size_t)j * atoms + i) : 0.0f;
        }
        __syncthreads();
        // The transpose is read along its own rows too.
        for (int d = warp; first + d < atoms && d < TILE_DEPTH; d += TILE_WARPS) {
            for (int row = lane; row < DICTIONARY_ATOMS && first_atom + row < atoms; row += 32) {
                symmetric_tile[row * TILE_STRIDE + d] += __ldg(code_sums + (size_t)(first + d) * atoms + first_atom + row);
            }
        }
        __syncthreads();
        product.add(dictionary_tile, symmetric_tile, depth);
    }
#pragma unroll
    for (int r = 0; r < 4; r++) {
        int k = first_row + product.row(r);
#pragma unroll
        for (int c = 0; c < 8; c++) {
            int j = first_atom + product.column(c);
            if (k < rows && j < atoms) {
                size_t entry = (size_t)k * atoms + j;
                gradient[entry] += signal_sums[entry] - product.sums[r][c];
            }
        }
    }
}
REGISTER_KERNEL(dictionary_gradient);

// One block per atom: -sum y_j to per_atom[j], -sum y_j a_j to per_atom[atoms + j].
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) penalty_gradients(const float* codes, const float* adjoint, int atoms,
    int positions, float* per_atom) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    size_t row = (size_t)blockIdx.x * positions;
    double sum = 0.0, product = 0.0;
#pragma unroll 8
    for (int p = threadIdx.x; p < positions; p += BLOCK_THREADS) {
        double y = __ldg(adjoint + row + p), a = __ldg(codes + row + p);
        sum += y;
        product += y * a;
    }
    sum = block_sum(sum, scratch);
    product = block_sum(product, scratch);
    if (threadIdx.x == 0) {
        per_atom[blockIdx.x] = (float)-sum;
        per_atom[atoms + blockIdx.x] = (float)-product;
    }
}
REGISTER_KERNEL(penalty_gradients);

// Adds to the gradients of lambda1 (one number, shared by all atoms, or one per atom) and lambda2; one block.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) add_penalty_gradients(const float* per_atom, int atoms, int lambda1_count,
    float* lambda1_gradient, float* lambda2_gradient) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    double first = 0.0, second = 0.0;
    for (int j = threadIdx.x; j < atoms; j += BLOCK_THREADS) {
        if (lambda1_count == 1) {
            first += per_atom[j];
        } else {
            lambda1_gradient[j] += per_atom[j];
        }
        second += per_atom[atoms + j];
    }
    first = block_sum(first, scratch);
    second = block_sum(second, scratch);
    if (threadIdx.x == 0) {
        if (lambda1_count == 1) {
            lambda1_gradient[0] += (float)first;
        }
        lambda2_gradient[0] += (float)second;
    }
}
REGISTER_KERNEL(add_penalty_gradients);
