// Steps of the optimiser, and sums of gradients of several devices.
//
// All parameters lie in one buffer, their gradients and momenta in two others at the same places. Each begins with a block of threads of
// its own, and what is between its end and the next is zero; `owners` says for each block whose it is.
#include "cuda.cuh"

#include "elements.cuh"

// What the optimiser does with a parameter: three numbers of `rules`.
constexpr int RULE_NUMBERS = 3;
struct Rule {
    float rate; // times the learning rate
    bool nonnegative, learned;
};

__device__ inline Rule block_rule(const int* owners, const float* rules) {
    const float* rule = rules + RULE_NUMBERS * __ldg(owners + blockIdx.x);
    return Rule{__ldg(rule), __ldg(rule + 1) != 0.0f, __ldg(rule + 2) != 0.0f};
}

// v <- momentum v - rate (decay w + gradient),   w <- w + v,   w <- max(w, 0) where it may not be negative.
// settings: rate, momentum, decay.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) descend(const float* gradients, const int* owners, const float* rules,
    const float* settings, float* values, float* velocities) {
    Rule rule = block_rule(owners, rules);
    if (rule.learned) {
        size_t element = thread_element();
        float rate = __ldg(settings) * rule.rate, momentum = __ldg(settings + 1), decay = __ldg(settings + 2);
        float w = values[element];
        float v = momentum * velocities[element] - rate * (decay * w + __ldg(gradients + element));
        w += v;
        velocities[element] = v;
        values[element] = rule.nonnegative ? fmaxf(w, 0.0f) : w;
    }
}
REGISTER_KERNEL(descend);

// For each parameter that is learned, sets its report to 1 where a number of its gradient is not finite; leaves it alone otherwise.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) find_non_finite(const float* gradients, const int* owners, const float* rules,
    int words, unsigned long long* report) {
    bool found = !isfinite(__ldg(gradients + thread_element()));
    if (__any_sync(0xffffffffu, found) && warp_lane() == 0 && block_rule(owners, rules).learned) {
        atomicOr(report + (size_t)words * __ldg(owners + blockIdx.x), 1ull);
    }
}
REGISTER_KERNEL(find_non_finite);

// The parts of all devices lie one after another.
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
