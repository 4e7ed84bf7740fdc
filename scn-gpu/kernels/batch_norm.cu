// Batch normalisation without learned scale and shift, per channel over all positions:
//
//     mu = mean x,   sigma^2 = mean (x - mu)^2,   y = (x - mu) / sqrt(sigma^2 + epsilon)
//     dLoss/dx = (dy - mean dy - y mean(y dy)) / sqrt(sigma^2 + epsilon)
#include "cuda.cuh"

#include "reduce.cuh"

__device__ inline float inverse_deviation(float variance, float epsilon) {
    return 1.0f / sqrtf(variance + epsilon);
}

// One block per channel.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) batch_moments(const float* x, int positions, float* mean, float* variance) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    const float* values = x + (size_t)blockIdx.x * positions;
    // Any number of about their size: the squares then hold little besides the variance.
    double origin = __ldg(values);
    double sum = 0.0, square = 0.0;
#pragma unroll 16
    for (int p = threadIdx.x; p < positions; p += BLOCK_THREADS) {
        double difference = __ldg(values + p) - origin;
        sum += difference;
        square += difference * difference;
    }
    sum = block_sum(sum, scratch) / positions;
    square = block_sum(square, scratch) / positions;
    if (threadIdx.x == 0) {
        double spread = square - sum * sum;
        mean[blockIdx.x] = (float)(origin + sum);
        variance[blockIdx.x] = spread > 0.0 ? (float)spread : 0.0f;
    }
}
REGISTER_KERNEL(batch_moments);

// y may be x.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) normalize(const float* x, const float* mean, const float* variance,
    float epsilon, int channels, int positions, float* y) {
    int element = thread_element();
    if (element < channels * positions) {
        int channel = element / positions;
        y[element] = (x[element] - __ldg(mean + channel)) * inverse_deviation(__ldg(variance + channel), epsilon);
    }
}
REGISTER_KERNEL(normalize);

// One block per channel; dx may be dy.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) batch_norm_backward(const float* y, const float* variance, float epsilon,
    const float* dy, int positions, float* dx) {
    SHARED_ARRAY(double, scratch, BLOCK_WARPS);
    size_t channel = (size_t)blockIdx.x * positions;
    double sum = 0.0, product = 0.0;
#pragma unroll 8
    for (int p = threadIdx.x; p < positions; p += BLOCK_THREADS) {
        double cotangent = dy[channel + p];
        sum += cotangent;
        product += cotangent * __ldg(y + channel + p);
    }
    float mean = (float)(block_sum(sum, scratch) / positions);
    float projection = (float)(block_sum(product, scratch) / positions);
    float inverse = inverse_deviation(__ldg(variance + blockIdx.x), epsilon);
    for (int p = threadIdx.x; p < positions; p += BLOCK_THREADS) {
        dx[channel + p] = (dy[channel + p] - mean - __ldg(y + channel + p) * projection) * inverse;
    }
}
REGISTER_KERNEL(batch_norm_backward);

// Moves the running moments towards those of a batch.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) blend_moments(float* running_mean, float* running_variance,
    const float* mean, const float* variance, float rate, int channels) {
    int channel = thread_element();
    if (channel < channels) {
        running_mean[channel] += rate * (mean[channel] - running_mean[channel]);
        running_variance[channel] += rate * (variance[channel] - running_variance[channel]);
    }
}
REGISTER_KERNEL(blend_moments);
