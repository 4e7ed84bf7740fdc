// Sums of outer products over columns: with the windows x of a map, the part S1 = sum x y' of a dictionary gradient; with
// the codes as map, S2 = sum a y'. Each chunk of columns is summed on its own, and the chunks are added in a fixed order.
#include "cuda.cuh"

#include "reduce.cuh"
#include "tile.cuh"
#include "windows.cuh"

constexpr int OUTER_ROWS = 64;
constexpr int OUTER_ATOMS = 64;

// Half-open range of columns.
struct Chunk {
    int first, end;
};

// Entries x atoms of one tile over the columns of a chunk, by 64 x (8 * COLUMNS) sums in registers.
template <int COLUMNS>
__device__ inline void sum_outer_products(const Windows& windows, const float* map, const float* codes, int atoms, Chunk chunk,
    const Entry* entries, float* window_tile, float* code_tile, float* partial) {
    TileProduct<4, COLUMNS, 8> product;
    product.clear();
    int first_row = blockIdx.x * OUTER_ROWS, first_atom = blockIdx.y * OUTER_ATOMS;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    size_t positions = window_positions(windows);
    for (int first = chunk.first; first < chunk.end; first += TILE_DEPTH) {
        // A warp reads 32 neighbouring columns of a row; a lane keeps its column for all rows.
        int p = first + lane;
        bool exists = p < chunk.end;
        Column column = exists ? window_column(windows, p) : empty_column(windows);
        __syncthreads();
#pragma unroll 8
        for (int row = warp; row < OUTER_ROWS; row += TILE_WARPS) {
            window_tile[row * TILE_STRIDE + lane] = window_pixel(windows, map, column, entries[row]);
        }
#pragma unroll 8
        for (int row = warp; row < product.TILE_COLUMNS; row += TILE_WARPS) {
            int j = first_atom + row;
            code_tile[row * TILE_STRIDE + lane] = exists && j < atoms ? __ldg(codes + j * positions + p) : 0.0f;
        }
        __syncthreads();
        product.add(window_tile, code_tile, TILE_DEPTH);
    }
    int rows = window_rows(windows);
#pragma unroll
    for (int r = 0; r < 4; r++) {
        int k = first_row + product.row(r);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            int j = first_atom + product.column(c);
            if (k < rows && j < atoms) {
                partial[(size_t)k * atoms + j] = product.sums[r][c];
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS, 4) outer_sums(Windows windows, const float* map, const float* codes,
    int atoms, int positions_per_chunk, float* partial) {
    SHARED_ARRAY(float, window_tile, OUTER_ROWS * TILE_STRIDE);
    SHARED_ARRAY(float, code_tile, OUTER_ATOMS * TILE_STRIDE);
    SHARED_ARRAY(Entry, entries, OUTER_ROWS);
    int rows = window_rows(windows), positions = window_positions(windows);
    for (int row = threadIdx.x; row < OUTER_ROWS; row += TILE_THREADS) {
        int k = blockIdx.x * OUTER_ROWS + row;
        entries[row] = k < rows ? window_entry(windows, k) : empty_entry(windows);
    }
    int first = blockIdx.z * positions_per_chunk;
    Chunk chunk{first, positions - first < positions_per_chunk ? positions : first + positions_per_chunk};
    partial += (size_t)blockIdx.z * rows * atoms;
    // Few atoms need fewer sums.
    if (atoms <= 16) {
        sum_outer_products<2>(windows, map, codes, atoms, chunk, entries, window_tile, code_tile, partial);
    } else if (atoms <= 32) {
        sum_outer_products<4>(windows, map, codes, atoms, chunk, entries, window_tile, code_tile, partial);
    } else {
        sum_outer_products<8>(windows, map, codes, atoms, chunk, entries, window_tile, code_tile, partial);
    }
}
REGISTER_KERNEL(outer_sums);

// Eight warps take every eighth chunk of the same 32 entries, so that few entries of many chunks are still read by many threads.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) add_partials(const float* partial, int chunks, int count, float* sums) {
    SHARED_ARRAY(float, by_warp, BLOCK_THREADS);
    int warp = threadIdx.x / WARP_THREADS;
    size_t entry = (size_t)blockIdx.x * WARP_THREADS + warp_lane();
    bool exists = entry < count;
    float sum = 0.0f;
#pragma unroll 4
    for (int chunk = warp; chunk < chunks; chunk += BLOCK_WARPS) {
        sum += exists ? __ldg(partial + (size_t)chunk * count + entry) : 0.0f;
    }
    by_warp[threadIdx.x] = sum;
    __syncthreads();
    if (warp == 0 && exists) {
        for (int other = 1; other < BLOCK_WARPS; other++) {
            sum += by_warp[other * WARP_THREADS + warp_lane()];
        }
        sums[entry] = sum;
    }
}
REGISTER_KERNEL(add_partials);
