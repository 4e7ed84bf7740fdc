// The classifier z = W x + b of pooled features x (features x images), and its adjoint dW = dz x',
// db = sum dz, dx = W'dz.
#include "cuda.cuh"

#include "reduce.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) classifier_forward(const float* weight, const float* bias, const float* x,
    int classes, int features, int images, float* logits) {
    size_t element = thread_element();
    if (element < (size_t)classes * images) {
        size_t label = element / images, image = element - label * images;
        float sum = 0.0f;
#pragma unroll 8
        for (int feature = 0; feature < features; feature++) {
            sum = fmaf(__ldg(weight + label * features + feature), __ldg(x + (size_t)feature * images + image), sum);
        }
        logits[element] = sum + __ldg(bias + label);
    }
}
REGISTER_KERNEL(classifier_forward);

// Computes the gradient of one weight or bias per warp. The bias is the last item of each class.
__device__ inline void weight_gradient_of(size_t item, const float* x, const float* dlogits, int classes, int features, int images,
    float* weight_gradient, float* bias_gradient) {
    size_t label = item / (features + 1), feature = item - label * (features + 1);
    if (label < classes) {
        bool is_bias = feature == features;
        float sum = 0.0f;
        for (int image = warp_lane(); image < images; image += WARP_THREADS) {
            float input = is_bias ? 1.0f : __ldg(x + feature * images + image);
            sum = fmaf(__ldg(dlogits + label * images + image), input, sum);
        }
        sum = warp_sum(sum);
        if (warp_lane() == 0) {
            *(is_bias ? bias_gradient + label : weight_gradient + label * features + feature) = sum;
        }
    }
}

// Computes one entry of dx per thread.
__device__ inline void input_gradient_of(size_t element, const float* weight, const float* dlogits, int classes, int features, int images,
    float* dx) {
    if (element < (size_t)features * images) {
        size_t feature = element / images, image = element - feature * images;
        float sum = 0.0f;
#pragma unroll 4
        for (int label = 0; label < classes; label++) {
            sum = fmaf(__ldg(weight + (size_t)label * features + feature), __ldg(dlogits + (size_t)label * images + image), sum);
        }
        dx[element] = sum;
    }
}

// The first `weight_blocks` blocks compute dW and db, the others dx.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) classifier_backward(const float* weight, const float* x, const float* dlogits,
    int classes, int features, int images, int weight_blocks, float* weight_gradient, float* bias_gradient, float* dx) {
    if (blockIdx.x < weight_blocks) {
        weight_gradient_of(warp_item(), x, dlogits, classes, features, images, weight_gradient, bias_gradient);
    } else {
        size_t element = thread_element() - (size_t)weight_blocks * BLOCK_THREADS;
        input_gradient_of(element, weight, dlogits, classes, features, images, dx);
    }
}
REGISTER_KERNEL(classifier_backward);
