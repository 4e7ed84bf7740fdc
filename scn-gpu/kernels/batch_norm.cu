// Batch normalisation, per channel over the positions of a group of neighbouring images:
//
//     mu = mean x,   sigma^2 = mean (x - mu)^2
//     n = (x - mu) / sqrt(sigma^2 + epsilon),   y = gamma n + beta
//     dLoss/dx = gamma (dy - mean dy - n mean(n dy)) / sqrt(sigma^2 + epsilon)
//     dLoss/dgamma = sum n dy,   dLoss/dbeta = sum dy,   over all groups
//
// Scale gamma and shift beta are learned. If `affine` is 0 they are 1 and 0, and their pointers are
// not used.
//
// A channel of a group is one run of memory. Its sums are computed in two stages, so that even a
// few channels keep many blocks busy: the first kernel sums parts of the run, and the second adds
// up the parts in order, in every block that needs the sum.
//
// Grid: (part of the run, group, channel).
#include "cuda.cuh"

#include "reduce.cuh"

// Computes n from x.
struct Normalizer {
    float mean, inverse;

    __device__ inline float operator()(float x) const {
        return (x - mean) * inverse;
    }
};

__device__ inline Normalizer normalizer(float mean, float variance, float epsilon) {
    return Normalizer{mean, 1.0f / sqrtf(variance + epsilon)};
}

// Computes y from n.
struct Affine {
    bool exists;
    float scale, shift;

    __device__ inline float operator()(float n) const {
        return exists ? fmaf(scale, n, shift) : n;
    }
};

__device__ inline Affine channel_affine(int affine, const float* scale, const float* shift, int channel) {
    return affine ? Affine{true, __ldg(scale + channel), __ldg(shift + channel)} : Affine{false, 1.0f, 0.0f};
}

// The part of a run that a block processes: the entries `first` to `end` of the map.
struct Part {
    size_t run; // start of the run
    size_t first, end;
    int length; // length of the run
};

// Returns the first image of a group: group g begins at image g * images / groups.
__device__ inline int group_begin(int images, int group) {
    return (int)((long long)images * group / gridDim.y);
}

__device__ inline Part block_part(int images, int plane, int part) {
    int first_image = group_begin(images, blockIdx.y);
    int count = group_begin(images, blockIdx.y + 1) - first_image;
    Part result;
    result.length = count * plane;
    result.run = ((size_t)blockIdx.z * images + first_image) * plane;
    size_t first = (size_t)blockIdx.x * part, end = first + part;
    size_t length = result.length;
    result.first = result.run + (first < length ? first : length);
    result.end = result.run + (end < length ? end : length);
    return result;
}

// Sums of two terms over a run.
struct Sums {
    double first, second;
};

// Returns where the sums of the parts of the block's run begin.
__device__ inline size_t run_place(int parts) {
    return ((size_t)blockIdx.z * gridDim.y + blockIdx.y) * parts * 2;
}

// Returns the moments of the block's run. The mean is at moments[group * stride + channel], and the
// variance follows after as many entries as there are channels.
template <typename Number>
__device__ inline Number* run_moments(Number* moments, int stride) {
    return moments + (size_t)blockIdx.y * stride + blockIdx.z;
}

__device__ inline Normalizer run_normalizer(const float* moments, int stride, float epsilon) {
    const float* place = run_moments(moments, stride);
    return normalizer(__ldg(place), __ldg(place + gridDim.z), epsilon);
}

// Adds up `terms(entry, sums)` over the block's part and stores the sums.
template <typename Terms>
__device__ inline void sum_part(const Part& part, double* scratch, double* partial, Terms terms) {
    Sums sums{0.0, 0.0};
#pragma unroll 8
    for (size_t p = part.first + threadIdx.x; p < part.end; p += BLOCK_THREADS) {
        terms(p, sums);
    }
    sums.first = block_sum(sums.first, scratch);
    sums.second = block_sum(sums.second, scratch);
    if (threadIdx.x == 0) {
        double* place = partial + run_place(gridDim.x) + blockIdx.x * 2;
        place[0] = sums.first;
        place[1] = sums.second;
    }
}

// Returns the sums of consecutive parts, in every thread. A thread adds up one part or a few.
__device__ inline Sums add_parts(const double* place, int parts, double* scratch) {
    Sums sums{0.0, 0.0};
    for (int part = threadIdx.x; part < parts; part += BLOCK_THREADS) {
        sums.first += place[2 * part];
        sums.second += place[2 * part + 1];
    }
    sums.first = block_sum(sums.first, scratch);
    sums.second = block_sum(sums.second, scratch);
    return sums;
}

// Sums x - x_0 and its square. The first entry x_0 of the run is about as large as the mean, so the
// squares contain little besides the variance.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) moment_sums(const float* x, int images, int plane, int groups, int part,
    double* partial) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    Part own = block_part(images, plane, part);
    double origin = __ldg(x + own.run);
    sum_part(own, scratch, partial, [&](size_t p, Sums& sums) {
        double difference = __ldg(x + p) - origin;
        sums.first += difference;
        sums.second += difference * difference;
    });
}
REGISTER_KERNEL(moment_sums);

// Number of entries that a thread loads before it stores the first.
constexpr int AT_ONCE = 4;

// Computes y for the entries from begin to end, with all threads of the block.
__device__ inline void normalize_entries(const float* x, size_t begin, size_t end, Normalizer normal, Affine affine, float* y) {
    for (size_t first = begin + threadIdx.x; first < end; first += AT_ONCE * BLOCK_THREADS) {
        float values[AT_ONCE];
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            size_t p = first + i * BLOCK_THREADS;
            values[i] = p < end ? __ldg(x + p) : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            size_t p = first + i * BLOCK_THREADS;
            if (p < end) {
                y[p] = affine(normal(values[i]));
            }
        }
    }
}

// Computes y from x and the sums of the parts. The first block of each run stores its moments.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) normalize_batch(const float* x, const double* partial, int parts, int images,
    int plane, int groups, int part, float epsilon, int affine, const float* scale, const float* shift, int stride, float* moments,
    float* y) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    Part own = block_part(images, plane, part);
    Sums sums = add_parts(partial + run_place(parts), parts, scratch);
    double distance = sums.first / own.length, spread = sums.second / own.length - distance * distance;
    float mean = (float)(__ldg(x + own.run) + distance), variance = spread > 0.0 ? (float)spread : 0.0f;
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        float* place = run_moments(moments, stride);
        place[0] = mean;
        place[gridDim.z] = variance;
    }
    Affine own_affine = channel_affine(affine, scale, shift, blockIdx.z);
    normalize_entries(x, own.first, own.end, normalizer(mean, variance, epsilon), own_affine, y);
}
REGISTER_KERNEL(normalize_batch);

// Sums dy and n dy.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) batch_norm_sums(const float* x, const float* dy, int images, int plane,
    int groups, int part, float epsilon, int stride, const float* moments, double* partial) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    Normalizer normal = run_normalizer(moments, stride, epsilon);
    sum_part(block_part(images, plane, part), scratch, partial, [&](size_t p, Sums& sums) {
        double cotangent = __ldg(dy + p);
        sums.first += cotangent;
        sums.second += cotangent * normal(__ldg(x + p));
    });
}
REGISTER_KERNEL(batch_norm_sums);

// Computes dx from these sums, and the gradients of scale and shift if they are learned. The first
// block of a channel adds up all of its groups.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) batch_norm_backward(const float* x, const float* dy, const double* partial,
    int parts, int images, int plane, int groups, int part, float epsilon, int affine, const float* scale, int stride,
    const float* moments, float* scale_gradient, float* shift_gradient, float* dx) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    if (affine && blockIdx.x == 0 && blockIdx.y == 0) {
        Sums sums = add_parts(partial + run_place(parts), parts * groups, scratch);
        if (threadIdx.x == 0) {
            shift_gradient[blockIdx.z] = (float)sums.first;
            scale_gradient[blockIdx.z] = (float)sums.second;
        }
    }
    Part own = block_part(images, plane, part);
    Sums sums = add_parts(partial + run_place(parts), parts, scratch);
    float mean = (float)(sums.first / own.length), projection = (float)(sums.second / own.length);
    Normalizer normal = run_normalizer(moments, stride, epsilon);
    float factor = affine ? __ldg(scale + blockIdx.z) * normal.inverse : normal.inverse;
    for (size_t first = own.first + threadIdx.x; first < own.end; first += AT_ONCE * BLOCK_THREADS) {
        float cotangents[AT_ONCE], values[AT_ONCE];
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            size_t p = first + i * BLOCK_THREADS;
            cotangents[i] = p < own.end ? __ldg(dy + p) : 0.0f;
            values[i] = p < own.end ? __ldg(x + p) : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            size_t p = first + i * BLOCK_THREADS;
            if (p < own.end) {
                dx[p] = (cotangents[i] - mean - normal(values[i]) * projection) * factor;
            }
        }
    }
}
REGISTER_KERNEL(batch_norm_backward);

// Normalises with given moments, for inference. Grid: (positions, channel).
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) normalize(const float* x, const float* mean, const float* variance,
    float epsilon, int affine, const float* scale, const float* shift, int positions, float* y) {
    size_t run = (size_t)blockIdx.y * positions, first = (size_t)blockIdx.x * AT_ONCE * BLOCK_THREADS;
    size_t end = first + AT_ONCE * BLOCK_THREADS < positions ? first + AT_ONCE * BLOCK_THREADS : positions;
    Normalizer own = normalizer(__ldg(mean + blockIdx.y), __ldg(variance + blockIdx.y), epsilon);
    normalize_entries(x, run + first, run + end, own, channel_affine(affine, scale, shift, blockIdx.y), y);
}
REGISTER_KERNEL(normalize);

// Moves running moments towards the weighted mean of the moments of all groups. The moments of a
// group with weight 0 may be anything.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) blend_moments(const float* moments, const float* weights, int groups, int count,
    float rate, float* running) {
    size_t element = thread_element();
    if (element < count) {
        float mean = 0.0f;
        for (int group = 0; group < groups; group++) {
            float weight = __ldg(weights + group);
            mean = weight > 0.0f ? fmaf(weight, moments[(size_t)group * count + element], mean) : mean;
        }
        running[element] += rate * (mean - running[element]);
    }
}
REGISTER_KERNEL(blend_moments);
