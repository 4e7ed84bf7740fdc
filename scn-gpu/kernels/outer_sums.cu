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

// What a block works with; all but the first line lies in its shared memory.
struct OuterTile {
    int rows, atoms; // that are there, from the block's first
    const Entry* entries;
    float* window_tile;
    float* code_tile;
};

// Sums over the columns of a chunk for (16 * ROWS) entries of windows and (8 * COLUMNS) atoms. `codes` and `sums` begin at the
// block's first atom and first entry of the sums.
template <int ROWS, int COLUMNS>
__device__ inline void sum_outer_products(const Windows& windows, const float* map, const float* codes, int atoms, Chunk chunk,
    const OuterTile& tile, float* sums) {
    typedef TileProduct<ROWS, COLUMNS, 8> Product;
    Product product;
    product.clear();
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    size_t positions = window_positions(windows);
    for (int first = chunk.first; first < chunk.end; first += TILE_DEPTH) {
        // A warp reads 32 neighbouring columns of a row; a lane keeps its column for all rows.
        int p = first + lane;
        bool exists = p < chunk.end;
        Column column = exists ? window_column(windows, p) : empty_column(windows);
        __syncthreads();
#pragma unroll 8
        for (int row = warp; row < Product::TILE_ROWS; row += TILE_WARPS) {
            tile.window_tile[row * TILE_STRIDE + lane] = window_pixel(windows, map, column, tile.entries[row]);
        }
#pragma unroll 8
        for (int row = warp; row < Product::TILE_COLUMNS; row += TILE_WARPS) {
            tile.code_tile[row * TILE_STRIDE + lane] = exists && row < tile.atoms ? __ldg(codes + row * positions + p) : 0.0f;
        }
        __syncthreads();
        product.add(tile.window_tile, tile.code_tile, TILE_DEPTH);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        int row = product.row(r);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            int atom = product.column(c);
            if (row < tile.rows && atom < tile.atoms) {
                sums[(size_t)row * atoms + atom] = product.sums[r][c];
            }
        }
    }
}

// Few atoms need fewer sums.
template <int ROWS>
__device__ inline void sum_for_atoms(const Windows& windows, const float* map, const float* codes, int atoms, Chunk chunk,
    const OuterTile& tile, float* sums) {
    if (tile.atoms <= 16) {
        sum_outer_products<ROWS, 2>(windows, map, codes, atoms, chunk, tile, sums);
    } else if (tile.atoms <= 32) {
        sum_outer_products<ROWS, 4>(windows, map, codes, atoms, chunk, tile, sums);
    } else {
        sum_outer_products<ROWS, 8>(windows, map, codes, atoms, chunk, tile, sums);
    }
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS, TILE_BLOCKS) outer_sums(Windows windows, const float* map,
    const float* codes, int atoms, int positions_per_chunk, float* partial) {
    SHARED_ARRAY(float, window_tile, OUTER_ROWS * TILE_STRIDE);
    SHARED_ARRAY(float, code_tile, OUTER_ATOMS * TILE_STRIDE);
    SHARED_ARRAY(Entry, entries, OUTER_ROWS);
    int rows = window_rows(windows), positions = window_positions(windows);
    int first_row = blockIdx.x * OUTER_ROWS, first_atom = blockIdx.y * OUTER_ATOMS;
    for (int row = threadIdx.x; row < OUTER_ROWS; row += TILE_THREADS) {
        int k = first_row + row;
        entries[row] = k < rows ? window_entry(windows, k) : empty_entry(windows);
    }
    int first = blockIdx.z * positions_per_chunk;
    Chunk chunk{first, positions - first < positions_per_chunk ? positions : first + positions_per_chunk};
    OuterTile tile{rows - first_row, atoms - first_atom, entries, window_tile, code_tile};
    codes += (size_t)first_atom * positions;
    partial += ((size_t)blockIdx.z * rows + first_row) * atoms + first_atom;
    // Few entries need fewer sums too.
    if (tile.rows <= 16) {
        sum_for_atoms<1>(windows, map, codes, atoms, chunk, tile, partial);
    } else if (tile.rows <= 32) {
        sum_for_atoms<2>(windows, map, codes, atoms, chunk, tile, partial);
    } else {
        sum_for_atoms<4>(windows, map, codes, atoms, chunk, tile, partial);
    }
}
REGISTER_KERNEL(outer_sums);

// Eight warps take every eighth chunk of the same 32 entries, so that few entries of many chunks are still read by many threads.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) add_partials(const float* partial, int chunks, int count, float* sums) {
    SHARED_ARRAY(float, by_warp, BLOCK_THREADS);
    int warp = threadIdx.x / WARP_THREADS;
    int entry = blockIdx.x * WARP_THREADS + warp_lane();
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
