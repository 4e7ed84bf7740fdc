// Gradients of the parameters of all layers, from the sums over their columns (y: the adjoint, a:
// the codes):
//
//     dLoss/dD = sum (x - D a) y' - D y a' = S1 - D (S2 + S2'),   S1 = sum x y',   S2 = sum a y'
//     dLoss/dlambda1_j = -sum y_j (a >= 0),     dLoss/dlambda2 = -sum y'a = -trace S2
//
// The sums of a layer are stored as written by outer_sums.cu: S1, sum y', S2.
#include "cuda.cuh"

#include "reduce.cuh"
#include "tables.cuh"
#include "tile.cuh"

constexpr int DICTIONARY_ROWS = 64;
constexpr int DICTIONARY_ATOMS = 64;

// A layer's row of the table. Places are indices into the buffers of parameters and gradients,
// which have the same layout.
constexpr int GRADIENT_NUMBERS = 8;
struct SummedLayer {
    int first_block, rows, atoms;
    int dictionary, lambda1, lambda1_count, lambda2; // places, and the number of lambda1
    int sums;                                        // place of the sums
};

__device__ inline SummedLayer summed_layer(const int* row) {
    return SummedLayer{__ldg(row), __ldg(row + 1), __ldg(row + 2), __ldg(row + 3), __ldg(row + 4), __ldg(row + 5), __ldg(row + 6), __ldg(row + 7)};
}

// Computes dLoss/dlambda1 and dLoss/dlambda2, in one block. `adjoint_sums` is followed by S2.
__device__ inline void penalty_gradients(const SummedLayer& layer, const float* adjoint_sums, double* scratch, float* gradients) {
    const float* code_sums = adjoint_sums + layer.atoms;
    double first = 0.0, second = 0.0;
    for (int j = threadIdx.x; j < layer.atoms; j += TILE_THREADS) {
        float sum = __ldg(adjoint_sums + j);
        first += sum;
        second += __ldg(code_sums + (size_t)j * layer.atoms + j);
        if (layer.lambda1_count > 1) {
            gradients[layer.lambda1 + j] = -sum;
        }
    }
    first = block_sum<TILE_WARPS>(first, scratch);
    second = block_sum<TILE_WARPS>(second, scratch);
    if (threadIdx.x == 0) {
        if (layer.lambda1_count == 1) {
            gradients[layer.lambda1] = (float)-first;
        }
        gradients[layer.lambda2] = (float)-second;
    }
}

// Blocks of a layer: for each tile of rows, one block per tile of atoms. There are so few blocks
// that three per multiprocessor are as good as four.
extern "C" __global__ void __launch_bounds__(TILE_THREADS, 3) parameter_gradients(const float* parameters, const float* sums,
    const int* table, int layers, float* gradients) {
    SHARED_ARRAY(float, dictionary_tile, DICTIONARY_ROWS * TILE_STRIDE);
    SHARED_ARRAY(float, symmetric_tile, DICTIONARY_ATOMS * TILE_STRIDE);
    SHARED_ARRAY(double, scratch, TILE_WARPS);
    // The full row is read again later: every register counts in the products.
    const int* row_of_layer = block_row(table, layers, GRADIENT_NUMBERS);
    int rows = __ldg(row_of_layer + 1), atoms = __ldg(row_of_layer + 2);
    const float* dictionary = parameters + __ldg(row_of_layer + 3);
    const float* code_sums = sums + __ldg(row_of_layer + 7) + (size_t)(rows + 1) * atoms;

    TileProduct<4, 8, 8> product;
    product.clear();
    int tile = blockIdx.x - __ldg(row_of_layer), atom_tiles = (atoms + DICTIONARY_ATOMS - 1) / DICTIONARY_ATOMS;
    int first_row = tile / atom_tiles * DICTIONARY_ROWS, first_atom = tile % atom_tiles * DICTIONARY_ATOMS;
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
        // The transpose is also read along the rows of its original.
        for (int d = warp; first + d < atoms && d < TILE_DEPTH; d += TILE_WARPS) {
            for (int row = lane; row < DICTIONARY_ATOMS && first_atom + row < atoms; row += 32) {
                symmetric_tile[row * TILE_STRIDE + d] += __ldg(code_sums + (size_t)(first + d) * atoms + first_atom + row);
            }
        }
        __syncthreads();
        product.add(dictionary_tile, symmetric_tile, depth);
    }
    SummedLayer layer = summed_layer(block_row(table, layers, GRADIENT_NUMBERS));
    const float* signal_sums = sums + layer.sums;
#pragma unroll
    for (int r = 0; r < 4; r++) {
        int k = first_row + product.row(r);
#pragma unroll
        for (int c = 0; c < 8; c++) {
            int j = first_atom + product.column(c);
            if (k < rows && j < atoms) {
                size_t entry = (size_t)k * atoms + j;
                gradients[layer.dictionary + entry] = __ldg(signal_sums + entry) - product.sums[r][c];
            }
        }
    }
    if (blockIdx.x == layer.first_block) {
        penalty_gradients(layer, signal_sums + (size_t)rows * atoms, scratch, gradients);
    }
}
REGISTER_KERNEL(parameter_gradients);
