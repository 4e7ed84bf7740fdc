// Certificates of given codes.
#include "cuda.cuh"

#include "certificate.cuh"
#include "sizes.cuh"

// Columns per group of lanes, as in encode.cu.
constexpr int COLUMNS = 4;

template <int ATOMS>
__device__ __forceinline__ void certify(const Windows& windows, const float* map, const float* panels, const float* gram_matrix,
    const float* lambda1, int atoms, const float* codes, float* store, float* gram_store, float* residuals) {
    typedef Layout<ATOMS, COLUMNS> Layout;
    int positions = window_positions(windows);
    Gram<ATOMS> gram(gram_matrix, gram_store);
    Progress<COLUMNS> progress;
    store_pull<ATOMS, COLUMNS>(windows, map, panels, lambda1, store, progress.scale);
    Registers<COLUMNS> a, e;
    load_columns<ATOMS, COLUMNS>(codes, atoms, positions, a);
    take_gradient<ATOMS, COLUMNS>(gram, true, a, store, e);
    measure_residual<ATOMS, COLUMNS>(gram, a, e, progress);
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        if (Layout::lane() == 0 && Layout::column(c) < positions) {
            residuals[Layout::column(c)] = progress.residual[c];
        }
    }
}

#define CERTIFY(ATOMS)                                                                                                             \
    extern "C" __global__ void __launch_bounds__(THREADS) certify_n##ATOMS(Windows windows, const float* map,                      \
        const float* panels, const float* gram, const float* lambda1, int atoms, const float* codes, float* residuals) {           \
        SHARED_ARRAY(float, store, (Layout<ATOMS, COLUMNS>::STORE));                                                               \
        SHARED_ARRAY(float, gram_store, Gram<ATOMS>::STORE);                                                                       \
        certify<ATOMS>(windows, map, panels, gram, lambda1, atoms, codes, store, gram_store, residuals);                           \
    }                                                                                                                              \
    REGISTER_KERNEL(certify_n##ATOMS)

FOR_EACH_SIZE(CERTIFY);
