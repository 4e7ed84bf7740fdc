// Steps of the optimiser, and sums of gradients over several devices.
//
// All parameters lie in one buffer, and their gradients and velocities in two others at the same
// places. Each parameter begins at a new block of threads, and the numbers between its end and the
// next parameter are zero. `owners` maps blocks to parameters.
#include "cuda.cuh"

#include "reduce.cuh"

// How the optimiser treats a parameter: three numbers of `rules`.
constexpr int RULE_NUMBERS = 3;
struct Rule {
    float rate; // factor on the learning rate
    bool nonnegative, learned;
};

__device__ inline Rule rule_of(int block, const int* owners, const float* rules) {
    const float* rule = rules + RULE_NUMBERS * __ldg(owners + block);
    return Rule{__ldg(rule), __ldg(rule + 1) != 0.0f, __ldg(rule + 2) != 0.0f};
}

__device__ inline Rule block_rule(const int* owners, const float* rules) {
    return rule_of(blockIdx.x, owners, rules);
}

// Indices of the numbers of a step in `settings`.
constexpr int RATE = 0, MOMENTUM = 1, DECAY = 2, CLIP_NORM = 3, AVERAGE = 4;

// One block, so that the squares are added in a fixed order.
constexpr int NORM_THREADS = 1024;
constexpr int NORM_WARPS = NORM_THREADS / WARP_THREADS;

// Computes the factor that scales the gradients of all learned parameters so that their joint norm
// does not exceed the limit.
extern "C" __global__ void __launch_bounds__(NORM_THREADS) clip_scale(const float* gradients, const int* owners, const float* rules,
    int blocks, const float* settings, float* scale) {
    SHARED_ARRAY(double, scratch, NORM_WARPS);
    double squares = 0.0;
    for (int block = threadIdx.x / BLOCK_THREADS; block < blocks; block += NORM_THREADS / BLOCK_THREADS) {
        if (rule_of(block, owners, rules).learned) {
            double gradient = __ldg(gradients + (size_t)block * BLOCK_THREADS + threadIdx.x % BLOCK_THREADS);
            squares += gradient * gradient;
        }
    }
    squares = block_sum<NORM_WARPS>(squares, scratch);
    if (threadIdx.x == 0) {
        double norm = sqrt(squares), largest = __ldg(settings + CLIP_NORM);
        *scale = norm > largest ? (float)(largest / norm) : 1.0f;
    }
}
REGISTER_KERNEL(clip_scale);

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) clip_gradients(const int* owners, const float* rules, const float* scale,
    float* gradients) {
    if (block_rule(owners, rules).learned) {
        gradients[thread_element()] *= __ldg(scale);
    }
}
REGISTER_KERNEL(clip_gradients);

// v <- momentum v - rate (decay w + gradient),   w <- w + v,
// and w <- max(w, 0) for parameters that must be nonnegative.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) descend(const float* gradients, const int* owners, const float* rules,
    const float* settings, float* values, float* velocities) {
    Rule rule = block_rule(owners, rules);
    if (rule.learned) {
        size_t element = thread_element();
        float rate = __ldg(settings + RATE) * rule.rate, momentum = __ldg(settings + MOMENTUM), decay = __ldg(settings + DECAY);
        float w = values[element];
        float v = momentum * velocities[element] - rate * (decay * w + __ldg(gradients + element));
        w += v;
        velocities[element] = v;
        values[element] = rule.nonnegative ? fmaxf(w, 0.0f) : w;
    }
}
REGISTER_KERNEL(descend);

// average <- average + weight (value - average)
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) follow_average(const float* values, const float* settings, int count,
    float* average) {
    size_t element = thread_element();
    if (element < count) {
        float mean = average[element];
        average[element] = mean + __ldg(settings + AVERAGE) * (__ldg(values + element) - mean);
    }
}
REGISTER_KERNEL(follow_average);

// Sets the report of each learned parameter to 1 if its gradient has a number that is not finite,
// and leaves it unchanged otherwise.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) find_non_finite(const float* gradients, const int* owners, const float* rules,
    int words, unsigned long long* report) {
    bool found = !isfinite(__ldg(gradients + thread_element()));
    if (__any_sync(0xffffffffu, found) && warp_lane() == 0 && block_rule(owners, rules).learned) {
        atomicOr(report + (size_t)words * __ldg(owners + blockIdx.x), 1ull);
    }
}
REGISTER_KERNEL(find_non_finite);

// Adds up the parts of all devices, which lie one after another, in order.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) add_in_order(const float* parts, int parts_count, int count, float* sum) {
    size_t element = thread_element();
    if (element < count) {
        float total = __ldg(parts + element);
        for (int part = 1; part < parts_count; part++) {
            total += __ldg(parts + (size_t)part * count + element);
        }
        sum[element] = total;
    }
}
REGISTER_KERNEL(add_in_order);
