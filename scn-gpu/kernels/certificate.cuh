// The certificate of a code: the residual max_j |min(H_jj a_j, e_j)| / max_j |c_j|, with c = D'x
// and e = H a - c + lambda1.
#pragma once

#include "correlate.cuh"
#include "report.cuh"

// Writes c - lambda1 to the store, each thread its own part, and the scale of the residual to
// `scale`. Contains barriers.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void store_pull(const Windows& windows, const float* map, const float* panels, const float* lambda1,
    float* store, float (&scale)[COLUMNS]) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    Registers<COLUMNS> correlations;
    correlate<ATOMS, COLUMNS>(windows, map, panels, store, correlations);
    int largest[COLUMNS] = {};
#pragma unroll
    for (int r = 0; r < LANE_ATOMS; r++) {
        float penalty = __ldg(lambda1 + Layout::first_atom() + r);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            largest[c] = max(largest[c], magnitude(correlations[c][r]));
            stored(store, c, r) = correlations[c][r] - penalty;
        }
    }
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        scale[c] = residual_scale(group_max<Layout::GROUP>(largest[c]));
    }
}

// Computes e = H a - (c - lambda1) from scratch. A warp that does not work may omit H a.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void take_gradient(const Gram<ATOMS>& gram, bool works, const Registers<COLUMNS>& a, float* store,
    Registers<COLUMNS>& e) {
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
#pragma unroll
        for (int r = 0; r < LANE_ATOMS; r++) {
            e[c][r] = -stored(store, c, r);
        }
    }
    add_product<ATOMS, COLUMNS>(gram, works, a, e);
}

// Computes the residual for this e, as accurately as e is known. A NaN in e or a gives a NaN.
template <int ATOMS, int COLUMNS>
__device__ __forceinline__ void measure_residual(const Gram<ATOMS>& gram, const Registers<COLUMNS>& a, const Registers<COLUMNS>& e,
    Progress<COLUMNS>& progress) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    int largest[COLUMNS] = {};
    reload();
#pragma unroll
    for (int r = 0; r < LANE_ATOMS; r++) {
        float diagonal = gram.diagonal(r, Layout::lane());
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            float scaled = diagonal * a[c][r];
            // Written so that a NaN in e is kept. A NaN in a has already made all of e NaN.
            largest[c] = max(largest[c], magnitude(scaled <= e[c][r] ? scaled : e[c][r]));
        }
    }
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        progress.residual[c] = from_magnitude(group_max<Layout::GROUP>(largest[c])) / progress.scale[c];
    }
}
