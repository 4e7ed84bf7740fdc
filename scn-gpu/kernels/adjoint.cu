// Solves the linear systems of the adjoint, H_LL y_L = u_L on the active set L = {a > 0} of each
// column and y = 0 elsewhere, by conjugate gradients preconditioned with the diagonal of H.
//
// The residual is max over L of |u - H y| / max over L of |u|. The remainder that is updated in
// each pass drifts from u - H y by rounding. Once it is small, u - H y is computed from scratch,
// and the solver restarts from there if necessary.
#include "cuda.cuh"

#include "report.cuh"
#include "sizes.cuh"

// Columns per group of lanes. Conjugate gradients keep two more vectors in registers than
// Gauss-Seidel, which leaves no room for a fourth column.
constexpr int COLUMNS = 3;

// Number of restarts from a recomputed remainder before a column is given up.
constexpr int REFINEMENTS = 3;

// If H is read through the caches, the next row of H occupies the registers of y, and y is kept in
// shared memory. Otherwise the right-hand side is kept there.
template <int ATOMS>
constexpr bool y_is_stored = !Gram<ATOMS>::SHARED;
// For the same reason, the remainders of this many columns are parked in shared memory during a
// product.
template <int ATOMS>
constexpr int parked_columns = y_is_stored<ATOMS> ? 2 : 0;
// Floats of shared memory for parked remainders.
template <int ATOMS>
constexpr int PARKED = parked_columns<ATOMS> > 0 ? THREADS * LANE_ATOMS * parked_columns<ATOMS> : 1;

struct ConjugateGradients {
    Registers<COLUMNS> y, remainder, direction;
    // One word per column of the thread; bit r is set if the lane's atom r is active. In shared
    // memory, since the compiler would use a register for each bit.
    unsigned* active_sets;
    // remainder' diag(H)^-1 remainder
    float square[COLUMNS];
    // The residual at which a column stops.
    float goal[COLUMNS];
};

// Returns a / b, or 0 if a column has nothing left to solve.
__device__ __forceinline__ float quotient(float a, float b) {
    float quotient = a / b;
    return b > 0.0f && isfinite(quotient) ? quotient : 0.0f;
}

// Returns the right-hand side at the lane's atom r in column c, or 0 off the active set.
template <int ATOMS>
__device__ __forceinline__ float right_side(const float* cotangent, int atoms, int positions, float* store, int c, int r, bool active) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    if constexpr (y_is_stored<ATOMS>) {
        // Padding is never active, so the index is within bounds.
        return active ? __ldg(cotangent + (size_t)(Layout::first_atom() + r) * positions + Layout::column(c)) : 0.0f;
    } else {
        return stored(store, c, r);
    }
}

// Loads the active sets and the right-hand sides. Starts from y = 0, where the remainder is u.
template <int ATOMS>
__device__ __forceinline__ void load_systems(const float* codes, const float* cotangent, int atoms, int positions, float* store,
    ConjugateGradients& state, Progress<COLUMNS>& progress) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    load_columns<ATOMS, COLUMNS>(codes, atoms, positions, state.y);
    load_columns<ATOMS, COLUMNS>(cotangent, atoms, positions, state.remainder);
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        unsigned active_set = 0;
        int largest = 0;
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            bool active = state.y[c][r] > 0.0f;
            active_set |= (unsigned)active << r;
            float u = active ? state.remainder[c][r] : 0.0f;
            stored(store, c, r) = y_is_stored<ATOMS> ? 0.0f : u;
            state.remainder[c][r] = u;
            state.y[c][r] = 0.0f;
            largest = max(largest, magnitude(u));
        }
        state.active_sets[c * THREADS + threadIdx.x] = active_set;
        progress.scale[c] = residual_scale(group_max<Layout::GROUP>(largest));
    }
}

// Copies the lane's part of the first COUNT columns to a store; `fetch` copies it back.
template <int COUNT>
__device__ __forceinline__ void park(const Registers<COLUMNS>& values, float* store) {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            stored(store, c, r) = values[c][r];
        }
    }
}

template <int COUNT>
__device__ __forceinline__ void fetch(float* store, Registers<COLUMNS>& values) {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            values[c][r] = stored(store, c, r);
        }
    }
}

// Sets the direction of running columns to the preconditioned remainder plus `weight` times the
// previous direction. The direction of other columns becomes zero.
template <int ATOMS>
__device__ __forceinline__ void turn(const float* inverse_diagonal, const float (&weight)[COLUMNS], const bool (&running)[COLUMNS],
    ConjugateGradients& state) {
    const float* inverses = inverse_diagonal + Layout<ATOMS, COLUMNS>::first_atom();
    reload();
#pragma unroll
    for (int r = 0; r < LANE_ATOMS; r++) {
        float inverse = inverses[r];
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            float direction = fmaf(weight[c], state.direction[c][r], inverse * state.remainder[c][r]);
            state.direction[c][r] = running[c] ? direction : 0.0f;
        }
    }
}

// Computes the preconditioned square of the remainder and the residual.
template <int ATOMS>
__device__ __forceinline__ void measure_remainder(const float* inverse_diagonal, ConjugateGradients& state,
    Progress<COLUMNS>& progress) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    int largest[COLUMNS] = {};
    float square[COLUMNS] = {};
    reload();
#pragma unroll
    for (int r = 0; r < LANE_ATOMS; r++) {
        float inverse = inverse_diagonal[Layout::first_atom() + r];
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            float remainder = state.remainder[c][r];
            largest[c] = max(largest[c], magnitude(remainder));
            square[c] = fmaf(inverse * remainder, remainder, square[c]);
        }
    }
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        state.square[c] = group_sum<Layout::GROUP>(square[c]);
        progress.residual[c] = from_magnitude(group_max<Layout::GROUP>(largest[c])) / progress.scale[c];
    }
}

// Computes the remainder u - H y on the active sets from scratch.
template <int ATOMS>
__device__ __forceinline__ void take_remainder(const Gram<ATOMS>& gram, const float* cotangent, int atoms, int positions, float* store,
    ConjugateGradients& state) {
    Registers<COLUMNS> product = {};
    if constexpr (y_is_stored<ATOMS>) {
        // The solver restarts after this, so the registers of the direction are free.
        fetch<COLUMNS>(store, state.direction);
        add_product<ATOMS, COLUMNS>(gram, true, state.direction, product);
    } else {
        add_product<ATOMS, COLUMNS>(gram, true, state.y, product);
    }
    reload();
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        unsigned active_set = state.active_sets[c * THREADS + threadIdx.x];
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            bool active = active_set >> r & 1;
            float remainder = right_side<ATOMS>(cotangent, atoms, positions, store, c, r, active) - product[c][r];
            state.remainder[c][r] = active ? remainder : 0.0f;
        }
    }
}

// Takes a step along the direction and computes the next direction, for columns that are running.
template <int ATOMS>
__device__ __forceinline__ void advance(const Gram<ATOMS>& gram, const float* inverse_diagonal, float* store, float* parked,
    ConjugateGradients& state, Progress<COLUMNS>& progress) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    Registers<COLUMNS> product = {};
    park<parked_columns<ATOMS>>(state.remainder, parked);
    // A warp that is done takes part all the same: a check would take one register too many.
    add_product<ATOMS, COLUMNS>(gram, true, state.direction, product);
    float last[COLUMNS], weight[COLUMNS];
    bool stuck[COLUMNS];
    reload();
    fetch<parked_columns<ATOMS>>(parked, state.remainder);
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        unsigned active_set = state.active_sets[c * THREADS + threadIdx.x];
        float curvature = 0.0f;
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            curvature = fmaf(state.direction[c][r], product[c][r], curvature);
        }
        float step = quotient(state.square[c], group_sum<Layout::GROUP>(curvature));
        stuck[c] = step == 0.0f;
        last[c] = state.square[c];
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            bool active = active_set >> r & 1;
            float& y = y_is_stored<ATOMS> ? stored(store, c, r) : state.y[c][r];
            y = fmaf(step, state.direction[c][r], y);
            state.remainder[c][r] = active ? fmaf(-step, product[c][r], state.remainder[c][r]) : 0.0f;
        }
    }
    measure_remainder<ATOMS>(inverse_diagonal, state, progress);
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        // A NaN stops the column.
        progress.running[c] &= progress.residual[c] > state.goal[c] && !stuck[c];
        weight[c] = quotient(state.square[c], last[c]);
    }
    turn<ATOMS>(inverse_diagonal, weight, progress.running, state);
}

template <int ATOMS>
__device__ __forceinline__ void solve_adjoint(const float* codes, const float* cotangent, const float* gram_matrix,
    const float* inverse_diagonal, int atoms, int positions, const float* tolerance, int max_passes, float* store, float* parked,
    unsigned* active_sets, float* gram_store, float* adjoint, unsigned long long* report) {
    const float restart[COLUMNS] = {};
    Gram<ATOMS> gram(gram_matrix, gram_store);
    ConjugateGradients state;
    state.active_sets = active_sets;
    Progress<COLUMNS> progress;
    load_systems<ATOMS>(codes, cotangent, atoms, positions, store, state, progress);
    __syncthreads();

#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        progress.passes[c] = 0;
        state.goal[c] = *tolerance;
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            state.direction[c][r] = 0.0f;
        }
    }
    int passes = 0;
    for (int attempt = 0;; attempt++) {
        // The first attempt starts from u, later ones from the remainder of the one before.
        measure_remainder<ATOMS>(inverse_diagonal, state, progress);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            progress.running[c] = progress.residual[c] > *tolerance;
        }
        if (attempt > REFINEMENTS || passes >= max_passes || !progress.template any_runs_together<ATOMS>()) {
            break;
        }
        turn<ATOMS>(inverse_diagonal, restart, progress.running, state);
        while (passes < max_passes && progress.template any_runs_together<ATOMS>()) {
            passes++;
            progress.count_pass();
            advance<ATOMS>(gram, inverse_diagonal, store, parked, state, progress);
        }
        take_remainder<ATOMS>(gram, cotangent, atoms, positions, store, state);
        passes++;
        // From now on, solve to half the tolerance, to make up for the drift of the updated
        // remainder.
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            state.goal[c] = 0.5f * *tolerance;
        }
    }
    if constexpr (y_is_stored<ATOMS>) {
        fetch<COLUMNS>(store, state.y);
    }
    store_columns<ATOMS, COLUMNS>(state.y, atoms, positions, adjoint);
    add_to_report<ATOMS, COLUMNS>(progress, positions, *tolerance, 0, report);
}

#define ADJOINT(ATOMS)                                                                                                             \
    extern "C" __global__ void __launch_bounds__(THREADS) adjoint_n##ATOMS(const float* codes, const float* cotangent,             \
        const float* gram, const float* inverse_diagonal, int atoms, int positions, const float* tolerance, int max_passes,        \
        float* adjoint, unsigned long long* report) {                                                                              \
        SHARED_ARRAY(float, store, (Layout<ATOMS, COLUMNS>::STORE));                                                               \
        SHARED_ARRAY(float, parked, PARKED<ATOMS>);                                                                                \
        SHARED_ARRAY(unsigned, active_sets, THREADS * COLUMNS);                                                                    \
        SHARED_ARRAY(float, gram_store, Gram<ATOMS>::STORE);                                                                       \
        solve_adjoint<ATOMS>(codes, cotangent, gram, inverse_diagonal, atoms, positions, tolerance, max_passes, store, parked,     \
            active_sets, gram_store, adjoint, report);                                                                             \
    }                                                                                                                              \
    REGISTER_KERNEL(adjoint_n##ATOMS)

FOR_EACH_SIZE(ADJOINT);
