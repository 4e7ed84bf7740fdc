// Columns in the registers of a warp.
//
// The ATOMS entries of a column (a multiple of 16, padded with zeros) are spread over a group of
// ATOMS / 16 lanes, and each group holds COLUMNS columns. A row of H is then 16 numbers per lane,
// each used COLUMNS times, and only the factors of the rows are exchanged between lanes. A group
// never extends beyond a warp, so warps run independently. Only with more than 128 atoms do the
// warps of a block go through H together.
#pragma once

#include "cuda.cuh"
#include "panels.cuh"

constexpr int THREADS = 128;
constexpr int WARP_LANES = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

// A lane's part of the columns of its group.
template <int COLUMNS>
using Registers = float[COLUMNS][LANE_ATOMS];

template <int ATOMS, int COLUMNS>
struct Layout {
    static constexpr int GROUP = ATOMS / LANE_ATOMS;
    static constexpr int GROUPS = WARP_LANES / GROUP;
    static constexpr int WARP_COLUMNS = GROUPS * COLUMNS;
    static constexpr int BLOCK_COLUMNS = THREADS / WARP_LANES * WARP_COLUMNS;
    // Floats of shared memory needed to hold one number per register of each thread.
    static constexpr int STORE = THREADS * LANE_ATOMS * COLUMNS;

    static __device__ __forceinline__ int lane() {
        return threadIdx.x % GROUP;
    }

    static __device__ __forceinline__ int first_atom() {
        return lane() * LANE_ATOMS;
    }

    // Returns the index within the block of the group's column c. Neighbouring groups hold
    // neighbouring columns, as in memory.
    static __device__ __forceinline__ int block_column(int c) {
        int warp = threadIdx.x / WARP_LANES, group = threadIdx.x % WARP_LANES / GROUP;
        return warp * WARP_COLUMNS + c * GROUPS + group;
    }

    static __device__ __forceinline__ int column(int c) {
        return blockIdx.x * BLOCK_COLUMNS + block_column(c);
    }
};

// Returns a place in the store that belongs to this thread. Written so that all places of a thread
// are at constant offsets from one address.
__device__ __forceinline__ float& stored(float* store, int c, int r) {
    return (store + threadIdx.x)[(c * LANE_ATOMS + r) * THREADS];
}

// Loads columns from a matrix with one row per atom.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void load_columns(const float* values, int atoms, int positions, Registers<COLUMNS>& columns) {
    typedef Layout<ATOMS, COLUMNS> Layout;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        int p = Layout::column(c);
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            int j = Layout::first_atom() + r;
            columns[c][r] = p < positions && j < atoms ? __ldg(values + (size_t)j * positions + p) : 0.0f;
        }
    }
}

// Stores columns in a matrix with one row per atom. Returns how many of the lane's numbers are not
// zero.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ unsigned store_columns(const Registers<COLUMNS>& columns, int atoms, int positions, float* values) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    unsigned nonzero = 0;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        int p = Layout::column(c);
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            int j = Layout::first_atom() + r;
            if (p < positions && j < atoms) {
                values[(size_t)j * positions + p] = columns[c][r];
                nonzero += columns[c][r] != 0.0f;
            }
        }
    }
    return nonzero;
}

// A lane's part of a row in panel order.
struct Row {
    float entry[LANE_ATOMS];
};

template <int ATOMS, bool THROUGH_CACHE>
__device__ __forceinline__ Row load_row(const float* part) {
    Row row;
#pragma unroll
    for (int v = 0; v < LANE_ATOMS / 4; v++) {
        const float4* place = reinterpret_cast<const float4*>(part + v * (ATOMS / 4));
        float4 four;
        if constexpr (THROUGH_CACHE) {
            four = __ldg(place);
        } else {
            four = *place;
        }
        row.entry[4 * v] = four.x;
        row.entry[4 * v + 1] = four.y;
        row.entry[4 * v + 2] = four.z;
        row.entry[4 * v + 3] = four.w;
    }
    return row;
}

// The Gram matrix H, in shared memory if it fits.
template <int ATOMS>
struct Gram {
    static constexpr bool SHARED = ATOMS <= 64;
    // H exceeds the L1 cache, so each product reads all of it from L2. The warps of a block
    // therefore stay within the rows of one lane (16 KB), and the first warp that needs a row
    // fetches it for all.
    static constexpr bool TOGETHER = ATOMS > 128;
    // Floats of shared memory that a kernel has to reserve.
    static constexpr int STORE = SHARED ? ATOMS * ATOMS : 4;

    const float* rows;

    // A barrier must follow before the first row is read.
    __device__ __forceinline__ Gram(const float* gram, float* store) : rows(gram) {
        if constexpr (SHARED) {
            for (int i = 4 * threadIdx.x; i < ATOMS * ATOMS; i += 4 * THREADS) {
                *reinterpret_cast<float4*>(store + i) = __ldg(reinterpret_cast<const float4*>(gram + i));
            }
            rows = store;
        }
    }

    __device__ __forceinline__ Row row(int atom, int lane) const {
        return load_row<ATOMS, !SHARED>(rows + atom * ATOMS + lane * 4);
    }

    // Returns H_jj of the lane's atom r. Does not use __ldg, so that `reload` has an effect.
    __device__ __forceinline__ float diagonal(int r, int lane) const {
        return rows[(lane * LANE_ATOMS + r) * ATOMS + r / 4 * (ATOMS / 4) + lane * 4 + r % 4];
    }
};

// Makes the compiler reload values that it would otherwise keep in registers across loops that need
// all registers.
__device__ __forceinline__ void reload() {
    __syncwarp();
}

// Adds factor * row to the sums, for the row of one atom and its factor in each column. Skips an
// atom whose factors are zero in all columns of the warp, because no code uses it or only columns
// that are done do.
template <int COLUMNS>
__device__ __forceinline__ void add_multiples(const Row& row, const float (&factor)[COLUMNS], Registers<COLUMNS>& sums) {
    bool moves = false;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        moves |= factor[c] != 0.0f;
    }
    if (__any_sync(ALL_LANES, moves)) {
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
#pragma unroll
            for (int i = 0; i < LANE_ATOMS; i++) {
                sums[c][i] = fmaf(factor[c], row.entry[i], sums[c][i]);
            }
        }
    }
}

// Visits the atoms in order. `factors(owner, r, factor)` sets the factors of atom owner * 16 + r on
// all lanes of the group, and may depend on the sums so far. The atom's row of H times these
// factors is added to the sums. While the factors are computed, the row is being loaded, or the
// next row if H is not in shared memory. If the warps of a block go through H together, a warp that
// does not work (none of its columns would change) only takes part in the barriers. All threads
// must therefore call this.
template <int ATOMS, int COLUMNS, typename Factors>
__device__ __forceinline__ void add_rows(const Gram<ATOMS>& gram, bool works, Registers<COLUMNS>& sums, Factors factors) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    constexpr bool AHEAD = !Gram<ATOMS>::SHARED;
    int lane = Layout::lane();
    Row row;
    if constexpr (AHEAD) {
        row = load_row<ATOMS, false>(gram.rows + lane * 4);
    }
#pragma unroll 1
    for (int owner = 0; owner < Layout::GROUP; owner++) {
        if constexpr (Gram<ATOMS>::TOGETHER) {
            __syncthreads();
            if (!works) {
                continue;
            }
        }
        int first = owner * LANE_ATOMS;
        int first_after = owner + 1 < Layout::GROUP ? first + LANE_ATOMS : 0;
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            Row following;
            if constexpr (AHEAD) {
                following = r + 1 < LANE_ATOMS ? gram.row(first + r + 1, lane) : gram.row(first_after, lane);
            } else {
                row = gram.row(first + r, lane);
            }
            float factor[COLUMNS];
            factors(owner, r, factor);
            add_multiples<COLUMNS>(row, factor, sums);
            if constexpr (AHEAD) {
                row = following;
            }
        }
    }
}

// Returns the value of lane `owner` of the group.
template <int GROUP>
__device__ __forceinline__ float broadcast(float value, int owner) {
    if constexpr (GROUP == 1) {
        return value;
    } else {
        return __shfl_sync(ALL_LANES, value, owner, GROUP);
    }
}

// Adds H x to the sums. A warp that does not work may leave them unchanged.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void add_product(const Gram<ATOMS>& gram, bool works, const Registers<COLUMNS>& x, Registers<COLUMNS>& sums) {
    add_rows<ATOMS, COLUMNS>(gram, works, sums, [&](int owner, int r, float (&factor)[COLUMNS]) {
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            factor[c] = broadcast<ATOMS / LANE_ATOMS>(x[c][r], owner);
        }
    });
}

// Returns the sum over the lanes of a group, in each of them.
template <int GROUP>
__device__ __forceinline__ float group_sum(float value) {
#pragma unroll
    for (int distance = GROUP / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(ALL_LANES, value, distance);
    }
    return value;
}

template <int GROUP>
__device__ __forceinline__ int group_max(int value) {
#pragma unroll
    for (int distance = GROUP / 2; distance > 0; distance /= 2) {
        value = max(value, __shfl_xor_sync(ALL_LANES, value, distance));
    }
    return value;
}

// Returns |value| as an integer with the same order, and NaN above infinity. A maximum of these
// integers keeps a NaN, whereas a maximum of floats loses it.
__device__ __forceinline__ int magnitude(float value) {
    return (int)__float_as_uint(fabsf(value));
}

__device__ __forceinline__ float from_magnitude(int bits) {
    return __uint_as_float((unsigned)bits);
}
