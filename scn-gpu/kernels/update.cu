// Steps of the optimiser, and sums of gradients of several devices.
#include "cuda.cuh"

#include "elements.cuh"

// v <- momentum v - rate (decay w + gradient),   w <- w + v,   w <- max(w, 0) where it may not be negative.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) sgd_step(float* value, const float* gradient, float* velocity, int count,
    float rate, float momentum, float weight_decay, int nonnegative) {
    int element = thread_element();
    if (element < count) {
        float w = value[element];
        float v = momentum * velocity[element] - rate * (weight_decay * w + gradient[element]);
        w += v;
        velocity[element] = v;
        value[element] = nonnegative ? fmaxf(w, 0.0f) : w;
    }
}
REGISTER_KERNEL(sgd_step);

// Sets the report to 1 where a number is not finite; leaves it alone otherwise.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) find_non_finite(const float* gradient, int count, unsigned long long* report) {
    int element = thread_element();
    bool found = element < count && !isfinite(gradient[element]);
    if (__any_sync(0xffffffffu, found) && warp_lane() == 0) {
        atomicOr(report, 1ull);
    }
}
REGISTER_KERNEL(find_non_finite);

// The parts of all devices lie one after another.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) add_in_order(float* sum, const float* parts, int parts_count, int count) {
    int element = thread_element();
    if (element < count) {
        float total = parts[element];
        for (int part = 1; part < parts_count; part++) {
            total += parts[(size_t)part * count + element];
        }
        sum[element] = total;
    }
}
REGISTER_KERNEL(add_in_order);
