// Sums of outer products over columns: all that the gradients of a layer need (x: windows of a map,
// a: codes, y: adjoint):
//
//     sum (x, 1, a) y',   with the rows S1 = sum x y',  sum y',  S2 = sum a y' from top to bottom
//
// Each chunk of columns is summed separately, and the chunks are added in a fixed order.
#include "cuda.cuh"

#include "reduce.cuh"
#include "tables.cuh"
#include "tile.cuh"
#include "windows.cuh"

constexpr int OUTER_ROWS = 128;
constexpr int OUTER_ATOMS = 64;
// Blocks that have to fit on a multiprocessor. This limits a thread, which holds 64 sums, to 168
// registers.
constexpr int OUTER_BLOCKS = 3;

// A half-open range of columns.
struct Chunk {
    int first, end;
};

// The left factor of the products: window entries, then a one, then codes.
struct Left {
    const Windows& windows;
    const float* map;
    const float* codes;
    int entries; // number of window entries
};

// Returns row k of the left factor in column p, for a row that is not a window entry.
__device__ inline float other_value(const Left& left, int k, int rows, int p, bool exists) {
    if (k == left.entries) {
        return exists ? 1.0f : 0.0f;
    }
    const float* line = left.codes + (size_t)(k - left.entries - 1) * window_positions(left.windows);
    return exists && k < rows ? __ldg(line + p) : 0.0f;
}

// The tile of a block. The pointers lead to shared memory.
struct OuterTile {
    int first_row, rows, atoms; // rows in total, atoms from the block's first
    const Entry* entries;
    float* left_tile;
    float* adjoint_tile;
};

// Sums over the columns of a chunk for one tile. `adjoint` begins at the block's first atom, and
// `sums` at its first entry.
template <int ROWS, int COLUMNS, int COLUMN_GROUPS>
__device__ inline void sum_outer_products(const Left& left, const float* adjoint, int atoms, Chunk chunk, const OuterTile& tile,
    float* sums) {
    const Windows& windows = left.windows;
    typedef TileProduct<ROWS, COLUMNS, COLUMN_GROUPS> Product;
    Product product;
    product.clear();
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    size_t positions = window_positions(windows);
    for (int first = chunk.first; first < chunk.end; first += TILE_DEPTH) {
        // A warp reads 32 neighbouring columns of a row. A lane keeps its column for all rows.
        int p = first + lane;
        bool exists = p < chunk.end;
        Column column = exists ? window_column(windows, p) : empty_column(windows);
        __syncthreads();
        // Separate loops, so that the loads of many rows are in flight at the same time.
        int row = warp, windows_end = left.entries - tile.first_row < Product::TILE_ROWS ? left.entries - tile.first_row : Product::TILE_ROWS;
#pragma unroll 8
        for (; row < windows_end; row += TILE_WARPS) {
            tile.left_tile[row * TILE_STRIDE + lane] = window_pixel(windows, left.map, column, tile.entries[row]);
        }
#pragma unroll 4
        for (; row < Product::TILE_ROWS; row += TILE_WARPS) {
            tile.left_tile[row * TILE_STRIDE + lane] = other_value(left, tile.first_row + row, tile.rows, p, exists);
        }
#pragma unroll 8
        for (row = warp; row < Product::TILE_COLUMNS; row += TILE_WARPS) {
            tile.adjoint_tile[row * TILE_STRIDE + lane] = exists && row < tile.atoms ? __ldg(adjoint + row * positions + p) : 0.0f;
        }
        __syncthreads();
        product.add(tile.left_tile, tile.adjoint_tile, TILE_DEPTH);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        int row = product.row(r);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            int atom = product.column(c);
            if (tile.first_row + row < tile.rows && atom < tile.atoms) {
                sums[(size_t)row * atoms + atom] = product.sums[r][c];
            }
        }
    }
}

// Fewer rows need fewer sums per thread: a quarter of ROWS, half of them, or all.
template <int ROWS, int COLUMNS, int COLUMN_GROUPS>
__device__ inline void sum_for_rows(const Left& left, const float* adjoint, int atoms, Chunk chunk, const OuterTile& tile, float* sums) {
    int rows = tile.rows - tile.first_row;
    if (rows <= OUTER_ROWS / 4) {
        sum_outer_products<ROWS / 4, COLUMNS, COLUMN_GROUPS>(left, adjoint, atoms, chunk, tile, sums);
    } else if (rows <= OUTER_ROWS / 2) {
        sum_outer_products<ROWS / 2, COLUMNS, COLUMN_GROUPS>(left, adjoint, atoms, chunk, tile, sums);
    } else {
        sum_outer_products<ROWS, COLUMNS, COLUMN_GROUPS>(left, adjoint, atoms, chunk, tile, sums);
    }
}

// Grid: (tile of rows, tile of atoms, chunk).
extern "C" __global__ void __launch_bounds__(TILE_THREADS, OUTER_BLOCKS) outer_sums(Windows windows, const float* map, const float* codes,
    const float* adjoint, int atoms, int positions_per_chunk, float* partial) {
    SHARED_ARRAY(float, left_tile, OUTER_ROWS * TILE_STRIDE);
    SHARED_ARRAY(float, adjoint_tile, OUTER_ATOMS * TILE_STRIDE);
    SHARED_ARRAY(Entry, entries, OUTER_ROWS);
    Left left{windows, map, codes, window_rows(windows)};
    int rows = left.entries + 1 + atoms, positions = window_positions(windows);
    int first_row = blockIdx.x * OUTER_ROWS, first_atom = blockIdx.y * OUTER_ATOMS;
    for (int row = threadIdx.x; row < OUTER_ROWS; row += TILE_THREADS) {
        int k = first_row + row;
        entries[row] = k < left.entries ? window_entry(windows, k) : empty_entry(windows);
    }
    int first = blockIdx.z * positions_per_chunk;
    Chunk chunk{first, positions - first < positions_per_chunk ? positions : first + positions_per_chunk};
    OuterTile tile{first_row, rows, atoms - first_atom, entries, left_tile, adjoint_tile};
    adjoint += (size_t)first_atom * positions;
    partial += ((size_t)blockIdx.z * rows + first_row) * atoms + first_atom;
    // Fewer atoms need fewer sums, too.
    if (tile.atoms <= 16) {
        sum_for_rows<4, 4, 4>(left, adjoint, atoms, chunk, tile, partial);
    } else if (tile.atoms <= 32) {
        sum_for_rows<4, 8, 4>(left, adjoint, atoms, chunk, tile, partial);
    } else {
        sum_for_rows<8, 8, 8>(left, adjoint, atoms, chunk, tile, partial);
    }
}
REGISTER_KERNEL(outer_sums);

// A layer's row of the table: first block, place of the chunks, number of chunks, entries per
// chunk, place of the sum.
constexpr int CHUNK_NUMBERS = 5;

// Adds up the chunks of all layers. Each of eight warps adds every eighth chunk of the same 32
// entries, so that many threads share the work even if there are few entries and many chunks.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) add_partials(const float* partial, const int* table, int layers, float* sums) {
    SHARED_ARRAY(float, by_warp, BLOCK_THREADS);
    const int* row = block_row(table, layers, CHUNK_NUMBERS);
    int chunks = __ldg(row + 2), count = __ldg(row + 3);
    partial += __ldg(row + 1);
    sums += __ldg(row + 4);
    int warp = threadIdx.x / WARP_THREADS;
    int entry = (blockIdx.x - __ldg(row)) * WARP_THREADS + warp_lane();
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
