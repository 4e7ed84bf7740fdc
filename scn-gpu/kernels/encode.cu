// Nonnegative codes by Gauss-Seidel passes: each atom in turn takes its best value,
// max(0, a_j - e_j / H_jj), and e is updated.
//
// After the correlations, each warp runs independently until its columns are done. With more than
// 128 atoms, each block does. Since e is kept up to date, the residual after a pass is almost free.
// It has drifted by rounding, so it only decides when the certificate, with e computed from
// scratch, is worth its product with H.
#include "cuda.cuh"

#include "certificate.cuh"
#include "sizes.cuh"

// Columns per group of lanes. Each row of H that is read serves all of them. But a small batch is
// finished sooner with half as many columns per group, on twice as many multiprocessors. The result
// for a column is the same.
constexpr int WIDE_COLUMNS = 4;
constexpr int NARROW_COLUMNS = 2;

// Passes between checks of the residual: with few atoms, a check costs a quarter of a pass.
template <int ATOMS>
constexpr int sweeps_per_look = ATOMS >= 64 ? 1 : 2;

// Performs one pass. Columns that are not running keep their codes.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void sweep(const Gram<ATOMS>& gram, bool works, const float* inverse_diagonal, const bool (&running)[COLUMNS],
    Registers<COLUMNS>& a, Registers<COLUMNS>& e) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    float inverse[LANE_ATOMS];
#pragma unroll
    for (int r = 0; r < LANE_ATOMS; r++) {
        inverse[r] = inverse_diagonal[Layout::first_atom() + r];
    }
    add_rows<ATOMS, COLUMNS>(gram, works, e, [&](int owner, int r, float (&change)[COLUMNS]) {
        bool own = Layout::lane() == owner;
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            float own_change = fmaxf(-a[c][r], -e[c][r] * inverse[r]);
            change[c] = broadcast<Layout::GROUP>(running[c] ? own_change : 0.0f, owner);
            if (own) {
                a[c][r] += change[c];
            }
        }
    });
}

template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void encode_by_gauss_seidel(const Windows& windows, const float* map, const float* panels,
    const float* gram_matrix, const float* inverse_diagonal, const float* lambda1, int atoms, const float* tolerance, int max_passes,
    float* store, float* gram_store, float* codes, unsigned long long* report) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    int positions = window_positions(windows);
    Gram<ATOMS> gram(gram_matrix, gram_store);
    Progress<COLUMNS> progress;
    store_pull<ATOMS, COLUMNS>(windows, map, panels, lambda1, store, progress.scale);

    Registers<COLUMNS> a, e;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        progress.passes[c] = 0;
        // If a signal is not finite there is nothing to solve, and its code is zero.
        progress.running[c] = Layout::column(c) < positions && !isnan(progress.scale[c]);
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            a[c][r] = 0.0f;
            e[c][r] = -stored(store, c, r);
        }
    }
    int passes = 0;
    while (true) {
        while (passes < max_passes && progress.template any_runs_together<ATOMS>()) {
            sweep<ATOMS, COLUMNS>(gram, progress.template works<ATOMS>(), inverse_diagonal, progress.running, a, e);
            passes++;
            progress.count_pass();
            if (passes % sweeps_per_look<ATOMS> == 0) {
                measure_residual<ATOMS, COLUMNS>(gram, a, e, progress);
#pragma unroll
                for (int c = 0; c < COLUMNS; c++) {
                    // A NaN stops the column.
                    progress.running[c] &= progress.residual[c] > *tolerance;
                }
            }
        }
        take_gradient<ATOMS, COLUMNS>(gram, true, a, store, e);
        measure_residual<ATOMS, COLUMNS>(gram, a, e, progress);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            progress.running[c] = Layout::column(c) < positions && progress.residual[c] > *tolerance;
        }
        if (passes >= max_passes || !progress.template any_runs_together<ATOMS>()) {
            break;
        }
    }
    unsigned nonzero = store_columns<ATOMS, COLUMNS>(a, atoms, positions, codes);
    add_to_report<ATOMS, COLUMNS>(progress, positions, *tolerance, nonzero, report);
}

#define ENCODE_GAUSS_SEIDEL(ATOMS)                                                                                                 \
    extern "C" __global__ void __launch_bounds__(THREADS) encode_gauss_seidel_n##ATOMS(Windows windows, const float* map,          \
        const float* panels, const float* gram, const float* inverse_diagonal, const float* lambda1, int atoms,                    \
        const float* tolerance, int max_passes, float* codes, unsigned long long* report) {                                        \
        SHARED_ARRAY(float, store, (Layout<ATOMS, WIDE_COLUMNS>::STORE));                                                          \
        SHARED_ARRAY(float, gram_store, Gram<ATOMS>::STORE);                                                                       \
        encode_by_gauss_seidel<ATOMS, WIDE_COLUMNS>(windows, map, panels, gram, inverse_diagonal, lambda1, atoms, tolerance,       \
            max_passes, store, gram_store, codes, report);                                                                         \
    }                                                                                                                              \
    REGISTER_KERNEL(encode_gauss_seidel_n##ATOMS)

// Three blocks per multiprocessor: left to itself, the compiler makes room for four by spilling.
// With 256 atoms, three do not fit.
template <int ATOMS>
constexpr int narrow_blocks = ATOMS <= 128 ? 3 : 2;

#define ENCODE_GAUSS_SEIDEL_NARROW(ATOMS)                                                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS, narrow_blocks<ATOMS>) encode_gauss_seidel_narrow_n##ATOMS(Windows windows,\
        const float* map, const float* panels, const float* gram, const float* inverse_diagonal, const float* lambda1, int atoms,  \
        const float* tolerance, int max_passes, float* codes, unsigned long long* report) {                                        \
        SHARED_ARRAY(float, store, (Layout<ATOMS, NARROW_COLUMNS>::STORE));                                                        \
        SHARED_ARRAY(float, gram_store, Gram<ATOMS>::STORE);                                                                       \
        encode_by_gauss_seidel<ATOMS, NARROW_COLUMNS>(windows, map, panels, gram, inverse_diagonal, lambda1, atoms, tolerance,     \
            max_passes, store, gram_store, codes, report);                                                                         \
    }                                                                                                                              \
    REGISTER_KERNEL(encode_gauss_seidel_narrow_n##ATOMS)

FOR_EACH_SIZE(ENCODE_GAUSS_SEIDEL);
FOR_EACH_SIZE(ENCODE_GAUSS_SEIDEL_NARROW);
