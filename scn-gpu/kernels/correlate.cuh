// c = D'x for the columns of a block, with x read from the windows of a map.
//
// This is a matrix product. A stage of window entries (rows of the dictionary, and pixels of the
// block's windows) is in shared memory while the next stage is being loaded into registers. Shared
// memory has room for two stages, which take turns, so one barrier per stage is enough.
#pragma once

#include "columns.cuh"
#include "windows.cuh"

template <int ATOMS, int COLUMNS>
struct Stage {
    typedef ::Layout<ATOMS, COLUMNS> Layout;
    static constexpr int ENTRY_FLOATS = sizeof(Entry) / sizeof(float);

    // Returns the number of window entries per stage: the largest power of two for which two stages
    // fit into the store.
    static __device__ constexpr int entries_that_fit() {
        int entries = 1;
        while (2 * (2 * entries) * (ATOMS + Layout::BLOCK_COLUMNS + ENTRY_FLOATS) <= Layout::STORE) {
            entries *= 2;
        }
        return entries;
    }

    static constexpr int ENTRIES = entries_that_fit();
    static constexpr int ROW_FOURS = ENTRIES * ATOMS / 4;
    static constexpr int THREAD_FOURS = (ROW_FOURS + THREADS - 1) / THREADS;
    // If the block has more threads than columns, the others load further entries of the same
    // columns.
    static constexpr int THREAD_COLUMNS = Layout::BLOCK_COLUMNS > THREADS ? Layout::BLOCK_COLUMNS / THREADS : 1;
    static constexpr int ENTRY_STEP = Layout::BLOCK_COLUMNS < THREADS ? THREADS / Layout::BLOCK_COLUMNS : 1;
    static constexpr int THREAD_ENTRIES = (ENTRIES + ENTRY_STEP - 1) / ENTRY_STEP;

    Entry* entries; // of both stages
    float* rows;
    float* pixels;

    __device__ __forceinline__ explicit Stage(float* store) {
        entries = reinterpret_cast<Entry*>(store);
        rows = store + 2 * ENTRIES * ENTRY_FLOATS;
        pixels = rows + 2 * ENTRIES * ATOMS;
    }

    // Computes which pixels the entries of a stage are, so that the block divides only once.
    __device__ __forceinline__ void describe(const Windows& windows, int stage) const {
        if (threadIdx.x < ENTRIES) {
            int k = stage * ENTRIES + threadIdx.x;
            entries[stage % 2 * ENTRIES + threadIdx.x] = k < window_rows(windows) ? window_entry(windows, k) : empty_entry(windows);
        }
    }
};

// What a thread loads from memory for a stage.
template <int ATOMS, int COLUMNS>
struct StageLoad {
    typedef ::Stage<ATOMS, COLUMNS> Stage;

    Column columns[Stage::THREAD_COLUMNS];
    float4 fours[Stage::THREAD_FOURS];
    float pixels[Stage::THREAD_ENTRIES][Stage::THREAD_COLUMNS];

    static __device__ __forceinline__ int block_column(int i) {
        return threadIdx.x % Stage::Layout::BLOCK_COLUMNS + i * THREADS;
    }

    static __device__ __forceinline__ int entry(int i) {
        return threadIdx.x / Stage::Layout::BLOCK_COLUMNS % Stage::ENTRY_STEP + i * Stage::ENTRY_STEP;
    }

    __device__ __forceinline__ explicit StageLoad(const Windows& windows) {
        int positions = window_positions(windows);
#pragma unroll
        for (int i = 0; i < Stage::THREAD_COLUMNS; i++) {
            int p = blockIdx.x * Stage::Layout::BLOCK_COLUMNS + block_column(i);
            columns[i] = p < positions ? window_column(windows, p) : empty_column(windows);
        }
    }

    __device__ __forceinline__ void fetch(const Stage& shared, const Windows& windows, const float* map, const float* panels, int stage) {
        int first = stage * Stage::ROW_FOURS, last = window_rows(windows) * (ATOMS / 4);
#pragma unroll
        for (int i = 0; i < Stage::THREAD_FOURS; i++) {
            int place = threadIdx.x + i * THREADS;
            bool exists = place < Stage::ROW_FOURS && first + place < last;
            fours[i] = exists ? __ldg(reinterpret_cast<const float4*>(panels) + first + place) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        }
#pragma unroll
        for (int i = 0; i < Stage::THREAD_ENTRIES; i++) {
            if (entry(i) < Stage::ENTRIES) {
                Entry described = shared.entries[stage % 2 * Stage::ENTRIES + entry(i)];
#pragma unroll
                for (int c = 0; c < Stage::THREAD_COLUMNS; c++) {
                    pixels[i][c] = window_pixel(windows, map, columns[c], described);
                }
            }
        }
    }

    __device__ __forceinline__ void store(const Stage& shared, int stage) const {
        float4* rows = reinterpret_cast<float4*>(shared.rows) + stage % 2 * Stage::ROW_FOURS;
#pragma unroll
        for (int i = 0; i < Stage::THREAD_FOURS; i++) {
            int place = threadIdx.x + i * THREADS;
            if (place < Stage::ROW_FOURS) {
                rows[place] = fours[i];
            }
        }
#pragma unroll
        for (int i = 0; i < Stage::THREAD_ENTRIES; i++) {
            if (entry(i) < Stage::ENTRIES) {
                int row = stage % 2 * Stage::ENTRIES + entry(i);
#pragma unroll
                for (int c = 0; c < Stage::THREAD_COLUMNS; c++) {
                    shared.pixels[row * Stage::Layout::BLOCK_COLUMNS + block_column(c)] = pixels[i][c];
                }
            }
        }
    }
};

// Uses the store, Layout::STORE floats of shared memory, which is free for reuse afterwards.
// Contains barriers.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void correlate(const Windows& windows, const float* map, const float* panels, float* store,
    Registers<COLUMNS>& sums) {
    typedef ::Stage<ATOMS, COLUMNS> Stage;
    typedef typename Stage::Layout Layout;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
#pragma unroll
        for (int i = 0; i < LANE_ATOMS; i++) {
            sums[c][i] = 0.0f;
        }
    }
    Stage shared(store);
    StageLoad<ATOMS, COLUMNS> load(windows);
    int stages = (window_rows(windows) + Stage::ENTRIES - 1) / Stage::ENTRIES;
    shared.describe(windows, 0);
    shared.describe(windows, 1);
    __syncthreads();
    load.fetch(shared, windows, map, panels, 0);
    load.store(shared, 0);
#pragma unroll 1
    for (int stage = 0; stage < stages; stage++) {
        __syncthreads();
        bool more = stage + 1 < stages;
        if (more) {
            load.fetch(shared, windows, map, panels, stage + 1);
            shared.describe(windows, stage + 2);
        }
        const float* rows = shared.rows + stage % 2 * Stage::ENTRIES * ATOMS;
        const float* pixels = shared.pixels + stage % 2 * Stage::ENTRIES * Layout::BLOCK_COLUMNS;
#pragma unroll 4
        for (int k = 0; k < Stage::ENTRIES; k++) {
            Row row = load_row<ATOMS, false>(rows + k * ATOMS + Layout::lane() * 4);
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) {
                float pixel = pixels[k * Layout::BLOCK_COLUMNS + Layout::block_column(c)];
#pragma unroll
                for (int i = 0; i < LANE_ATOMS; i++) {
                    sums[c][i] = fmaf(pixel, row.entry[i], sums[c][i]);
                }
            }
        }
        if (more) {
            load.store(shared, stage + 1);
        }
    }
    __syncthreads();
}
