// Nonnegative codes by FISTA with constant step:
//
//     a' = max(0, z - step (H z - c + lambda1)),   s' = (1 + sqrt(1 + 4 s^2)) / 2
//     z' = a' + (s - 1) / s' (a' - a)
//
// A column whose step goes uphill along its momentum restarts with s = 1 (the gradient scheme of
// O'Donoghue and Candes, 2015).
#include "cuda.cuh"

#include "certificate.cuh"
#include "sizes.cuh"

// Columns per group of lanes. FISTA keeps one more vector in registers than Gauss-Seidel.
constexpr int COLUMNS = 2;

// Passes between checks, which test for a restart and estimate the residual.
constexpr int PASSES_PER_LOOK = 2;

struct Fista {
    Registers<COLUMNS> a, z;
    float s[COLUMNS];
    // Factor on the tolerance that the estimate of the residual has to reach.
    float aim[COLUMNS];
};

// Takes a step from z, whose gradient is e. With `look`, also restarts columns that went uphill and
// stores the estimate |a' - z| / step of the residual in `progress`.
template <int ATOMS>
__device__ __forceinline__ void take_step(const Registers<COLUMNS>& e, float step, bool look, Fista& state, Progress<COLUMNS>& progress) {
    typedef Layout<ATOMS, COLUMNS> Layout;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        float following = 0.5f * (1.0f + sqrtf(fmaf(4.0f * state.s[c], state.s[c], 1.0f)));
        float weight = (state.s[c] - 1.0f) / following;
        int largest = 0;
        float uphill = 0.0f;
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            float z = state.z[c][r], old = state.a[c][r];
            float a = fmaxf(0.0f, fmaf(-step, e[c][r], z));
            largest = max(largest, magnitude(a - z));
            uphill = fmaf(z - a, a - old, uphill);
            if (progress.running[c]) {
                state.a[c][r] = a;
                state.z[c][r] = fmaf(weight, a - old, a);
            }
        }
        state.s[c] = following;
        if (look) {
            float estimate = from_magnitude(group_max<Layout::GROUP>(largest)) / (step * progress.scale[c]);
            if (group_sum<Layout::GROUP>(uphill) > 0.0f) {
                state.s[c] = 1.0f;
            }
            progress.residual[c] = estimate;
        }
    }
}

template <int ATOMS>
__device__ __forceinline__ void encode_by_fista(const Windows& windows, const float* map, const float* panels,
    const float* gram_matrix, const float* lambda1, const float* step_size, int atoms, const float* tolerance, int max_passes, float* store,
    float* gram_store, float* codes, unsigned long long* report) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    int positions = window_positions(windows);
    Gram<ATOMS> gram(gram_matrix, gram_store);
    Progress<COLUMNS> progress;
    store_pull<ATOMS, COLUMNS>(windows, map, panels, lambda1, store, progress.scale);

    Fista state;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        progress.passes[c] = 0;
        // If a signal is not finite there is nothing to solve, and its code is zero.
        progress.running[c] = Layout::column(c) < positions && !isnan(progress.scale[c]);
        state.s[c] = 1.0f;
        state.aim[c] = 1.0f;
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            state.a[c][r] = 0.0f;
            state.z[c][r] = 0.0f;
        }
    }
    float step = __ldg(step_size);
    Registers<COLUMNS> e;
    int passes = 0;
    while (true) {
        while (passes < max_passes && progress.template any_runs_together<ATOMS>()) {
            take_gradient<ATOMS, COLUMNS>(gram, progress.template works<ATOMS>(), state.z, store, e);
            passes++;
            progress.count_pass();
            bool look = passes % PASSES_PER_LOOK == 0;
            take_step<ATOMS>(e, step, look, state, progress);
            if (look) {
#pragma unroll
                for (int c = 0; c < COLUMNS; c++) {
                    // A NaN stops the column.
                    progress.running[c] &= progress.residual[c] > state.aim[c] * *tolerance;
                }
            }
        }
        take_gradient<ATOMS, COLUMNS>(gram, true, state.a, store, e);
        measure_residual<ATOMS, COLUMNS>(gram, state.a, e, progress);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            progress.running[c] = Layout::column(c) < positions && progress.residual[c] > *tolerance;
            // The estimate, which is for z, was too low.
            state.aim[c] *= progress.running[c] ? 0.7f : 1.0f;
        }
        if (passes >= max_passes || !progress.template any_runs_together<ATOMS>()) {
            break;
        }
    }
    unsigned nonzero = store_columns<ATOMS, COLUMNS>(state.a, atoms, positions, codes);
    add_to_report<ATOMS, COLUMNS>(progress, positions, *tolerance, nonzero, report);
}

#define ENCODE_FISTA(ATOMS)                                                                                                        \
    extern "C" __global__ void __launch_bounds__(THREADS) encode_fista_n##ATOMS(Windows windows, const float* map,                 \
        const float* panels, const float* gram, const float* inverse_diagonal, const float* lambda1, const float* step, int atoms, \
        const float* tolerance, int max_passes, float* codes, unsigned long long* report) {                                        \
        SHARED_ARRAY(float, store, (Layout<ATOMS, COLUMNS>::STORE));                                                               \
        SHARED_ARRAY(float, gram_store, Gram<ATOMS>::STORE);                                                                       \
        encode_by_fista<ATOMS>(windows, map, panels, gram, lambda1, step, atoms, tolerance, max_passes, store, gram_store, codes,  \
            report);                                                                                                               \
    }                                                                                                                              \
    REGISTER_KERNEL(encode_fista_n##ATOMS)

FOR_EACH_SIZE(ENCODE_FISTA);
