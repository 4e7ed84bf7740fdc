// Batch normalisation without learned scale and shift, per channel over the positions of a group of neighbouring images:
//
//     mu = mean x,   sigma^2 = mean (x - mu)^2,   y = (x - mu) / sqrt(sigma^2 + epsilon)
//     dLoss/dx = (dy - mean dy - y mean(y dy)) / sqrt(sigma^2 + epsilon)
//
// A channel of a group is one run of memory. Its sums are taken in two stages, so that a few channels still keep many blocks busy: the
// first kernel sums parts of the run, the second adds the parts up in their order, once in every block that needs the sum.
//
// Blocks of the grid: (part of the run, group, channel).
#include "cuda.cuh"

#include "reduce.cuh"

__device__ inline float inverse_deviation(float variance, float epsilon) {
    return 1.0f / sqrtf(variance + epsilon);
}

// The part of a run that a block works on: entries first to end of the map.
struct Part {
    size_t run; // first entry of the run
    size_t first, end;
    int length; // of the run
};

__device__ inline Part block_part(int images, int plane, int group_images, int part) {
    int first_image = blockIdx.y * group_images;
    int count = images - first_image < group_images ? images - first_image : group_images;
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

// Where the sums of the parts of the block's run lie.
__device__ inline size_t run_place(int parts) {
    return ((size_t)blockIdx.z * gridDim.y + blockIdx.y) * parts * 2;
}

// Adds up the block's part of `terms(entry, sums)` and writes it down.
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

// The sums of the block's run, for every thread. A thread takes one part, or few.
__device__ inline Sums add_parts(const double* partial, int parts, double* scratch) {
    const double* place = partial + run_place(parts);
    Sums sums{0.0, 0.0};
    for (int part = threadIdx.x; part < parts; part += BLOCK_THREADS) {
        sums.first += place[2 * part];
        sums.second += place[2 * part + 1];
    }
    sums.first = block_sum(sums.first, scratch);
    sums.second = block_sum(sums.second, scratch);
    return sums;
}

// Sums of x - x_0 and of its square. The first entry x_0 of the run is about as large as the mean, so the squares hold little besides
// the variance.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) moment_sums(const float* x, int images, int plane, int group_images, int part,
    double* partial) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    Part own = block_part(images, plane, group_images, part);
    double origin = __ldg(x + own.run);
    sum_part(own, scratch, partial, [&](size_t p, Sums& sums) {
        double difference = __ldg(x + p) - origin;
        sums.first += difference;
        sums.second += difference * difference;
    });
}
REGISTER_KERNEL(moment_sums);

// Entries of which a thread loads all before it stores the first.
constexpr int AT_ONCE = 4;

// y = (x - mean) inverse for the entries from begin to end, by all threads of a block.
__device__ inline void normalize_entries(const float* x, size_t begin, size_t end, float mean, float inverse, float* y) {
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
                y[p] = (values[i] - mean) * inverse;
            }
        }
    }
}

// y from x and the sums of its parts; the first block of each run writes down its mean to moments[group * stride + channel], and its
// variance as many places further as there are channels.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) normalize_batch(const float* x, const double* partial, int parts, int images,
    int plane, int group_images, int part, float epsilon, int stride, float* moments, float* y) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    Part own = block_part(images, plane, group_images, part);
    Sums sums = add_parts(partial, parts, scratch);
    double shift = sums.first / own.length, spread = sums.second / own.length - shift * shift;
    float mean = (float)(__ldg(x + own.run) + shift), variance = spread > 0.0 ? (float)spread : 0.0f;
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        float* place = moments + (size_t)blockIdx.y * stride + blockIdx.z;
        place[0] = mean;
        place[gridDim.z] = variance;
    }
    normalize_entries(x, own.first, own.end, mean, inverse_deviation(variance, epsilon), y);
}
REGISTER_KERNEL(normalize_batch);

// Sums of dy and of y dy.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) batch_norm_sums(const float* y, const float* dy, int images, int plane,
    int group_images, int part, double* partial) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    sum_part(block_part(images, plane, group_images, part), scratch, partial, [&](size_t p, Sums& sums) {
        double cotangent = __ldg(dy + p);
        sums.first += cotangent;
        sums.second += cotangent * __ldg(y + p);
    });
}
REGISTER_KERNEL(batch_norm_sums);

// dx from these; moments as `normalize_batch` writes them.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) batch_norm_backward(const float* y, const float* dy, const double* partial,
    int parts, int images, int plane, int group_images, int part, float epsilon, int stride, const float* moments, float* dx) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    Part own = block_part(images, plane, group_images, part);
    Sums sums = add_parts(partial, parts, scratch);
    float mean = (float)(sums.first / own.length), projection = (float)(sums.second / own.length);
    float inverse = inverse_deviation(__ldg(moments + (size_t)blockIdx.y * stride + gridDim.z + blockIdx.z), epsilon);
    for (size_t first = own.first + threadIdx.x; first < own.end; first += AT_ONCE * BLOCK_THREADS) {
        float cotangents[AT_ONCE], values[AT_ONCE];
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            size_t p = first + i * BLOCK_THREADS;
            cotangents[i] = p < own.end ? __ldg(dy + p) : 0.0f;
            values[i] = p < own.end ? __ldg(y + p) : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) {
            size_t p = first + i * BLOCK_THREADS;
            if (p < own.end) {
                dx[p] = (cotangents[i] - mean - values[i] * projection) * inverse;
            }
        }
    }
}
REGISTER_KERNEL(batch_norm_backward);

// With given moments, in inference. Blocks: (positions, channel).
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) normalize(const float* x, const float* mean, const float* variance,
    float epsilon, int positions, float* y) {
    size_t run = (size_t)blockIdx.y * positions, first = (size_t)blockIdx.x * AT_ONCE * BLOCK_THREADS;
    size_t end = first + AT_ONCE * BLOCK_THREADS < positions ? first + AT_ONCE * BLOCK_THREADS : positions;
    float inverse = inverse_deviation(__ldg(variance + blockIdx.y), epsilon);
    normalize_entries(x, run + first, run + end, __ldg(mean + blockIdx.y), inverse, y);
}
REGISTER_KERNEL(normalize);

// Moves running moments towards the weighted mean of those of all groups. A group without weight may hold anything.
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
