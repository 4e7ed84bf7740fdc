// The classifier z = W x + b of pooled features x (features x images), and its adjoint dW = dz x', db = sum dz, dx = W'dz.
#include "cuda.cuh"

#include "reduce.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) classifier_forward(const float* weight, const float* bias, const float* x,
    int classes, int features, int images, float* logits) {
    int element = thread_element();
    if (element < classes * images) {
        int label = element / images, image = element - label * images;
        float sum = 0.0f;
#pragma unroll 8
        for (int feature = 0; feature < features; feature++) {
            sum = fmaf(__ldg(weight + label * features + feature), __ldg(x + feature * images + image), sum);
        }
        logits[element] = sum + __ldg(bias + label);
    }
}
REGISTER_KERNEL(classifier_forward);

// One warp per weight, and one per bias: the last item of each class. Adds to the gradients.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) classifier_weight_gradient(const float* x, const float* dlogits,
    int classes, int features, int images, float* weight_gradient, float* bias_gradient) {
    int item = warp_item();
    int label = item / (features + 1), feature = item - label * (features + 1);
    if (label < classes) {
        bool is_bias = feature == features;
        float sum = 0.0f;
        for (int image = warp_lane(); image < images; image += WARP_THREADS) {
            float input = is_bias ? 1.0f : __ldg(x + feature * images + image);
            sum = fmaf(__ldg(dlogits + label * images + image), input, sum);
        }
        sum = warp_sum(sum);
        if (warp_lane() == 0) {
            float* gradient = is_bias ? bias_gradient + label : weight_gradient + label * features + feature;
            *gradient += sum;
        }
    }
}
REGISTER_KERNEL(classifier_weight_gradient);

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) classifier_input_gradient(const float* weight, const float* dlogits,
    int classes, int features, int images, float* dx) {
    int element = thread_element();
    if (element < features * images) {
        int feature = element / images, image = element - feature * images;
        float sum = 0.0f;
#pragma unroll 4
        for (int label = 0; label < classes; label++) {
            sum = fmaf(__ldg(weight + label * features + feature), __ldg(dlogits + label * images + image), sum);
        }
        dx[element] = sum;
    }
}
REGISTER_KERNEL(classifier_input_gradient);
