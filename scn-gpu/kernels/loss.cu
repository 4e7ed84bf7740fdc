// Softmax cross-entropy of soft labels, averaged over the N images of a batch, of which a launch
// may process only a part:
//
//     loss = 1/N sum_i sum_k t_ki (log sum_j exp z_ji - z_ki)
//     dloss/dz_ki = (softmax(z_i)_k - t_ki) / N
//     t_ki = (1 - smoothing) ((1 - share) [k = label i] + share [k = label of the partner of i])
//            + smoothing / K
#include "cuda.cuh"

#include "reduce.cuh"

// One block, so that the losses are added in a fixed order. It is large because each warp processes
// its images one after another.
constexpr int LOSS_THREADS = 512;
constexpr int LOSS_WARPS = LOSS_THREADS / WARP_THREADS;

// A class and its logit. The class is -1 if the logit is NaN.
struct Best {
    float logit;
    int label;
};

// Returns the one with the larger logit, or with the lower class if the logits are equal. A NaN
// takes precedence.
__device__ inline Best better(Best a, Best b) {
    if (a.label < 0 || b.label < 0) {
        return a.label < 0 ? a : b;
    }
    bool keeps = a.logit > b.logit || (a.logit == b.logit && a.label < b.label);
    return keeps ? a : b;
}

// Returns the class with the largest logit of an image, in all lanes of its warp.
__device__ inline Best predicted_class(const float* column, int classes, int images) {
    // Minus infinity, with a class above all others: any logit is better.
    Best best{__uint_as_float(0xff800000u), classes};
    for (int label = warp_lane(); label < classes; label += WARP_THREADS) {
        float logit = __ldg(column + (size_t)label * images);
        best = better(best, Best{logit, logit == logit ? label : -1});
    }
#pragma unroll
    for (int distance = WARP_THREADS / 2; distance > 0; distance /= 2) {
        Best other{__shfl_xor_sync(0xffffffffu, best.logit, distance), __shfl_xor_sync(0xffffffffu, best.label, distance)};
        best = better(best, other);
    }
    return best;
}

// One warp per image. `settings`: share, smoothing. Terms with weight 0 are left out, because a
// logit may be infinite. `report[0]`: the contribution of these images to the loss, as the bits of
// a double. `report[1]`: the number of images whose predicted class is not their label.
extern "C" __global__ void __launch_bounds__(LOSS_THREADS) softmax_cross_entropy(const float* logits, const int* labels,
    const int* partner_labels, const float* settings, int classes, int images, int batch_images, float* gradient, unsigned long long* report) {
    SHARED_ARRAY(double, loss_scratch, LOSS_WARPS);
    SHARED_ARRAY(int, error_scratch, LOSS_WARPS);
    double share = __ldg(settings), smoothing = __ldg(settings + 1);
    // Totals of the warp, in its first lane.
    double loss = 0.0;
    int errors = 0;
    for (int image = threadIdx.x / WARP_THREADS; image < images; image += LOSS_WARPS) {
        const float* column = logits + image;
        int own = __ldg(labels + image), partner = __ldg(partner_labels + image);
        Best best = predicted_class(column, classes, images);
        double largest = best.label < 0 ? __ldg(column) : best.logit, sum = 0.0, total = 0.0;
        for (int label = warp_lane(); label < classes; label += WARP_THREADS) {
            double logit = __ldg(column + (size_t)label * images);
            sum += exp(logit - largest);
            total += logit;
        }
        sum = warp_sum(sum);
        total = warp_sum(total);
        for (int label = warp_lane(); label < classes; label += WARP_THREADS) {
            double probability = exp(__ldg(column + (size_t)label * images) - largest) / sum;
            double target = (label == own ? 1.0 - share : 0.0) + (label == partner ? share : 0.0);
            target = (1.0 - smoothing) * target + smoothing / classes;
            gradient[(size_t)label * images + image] = (float)((probability - target) / batch_images);
        }
        if (warp_lane() == 0) {
            double aimed_at = __ldg(column + (size_t)own * images);
            if (share > 0.0) {
                aimed_at = (1.0 - share) * aimed_at + share * __ldg(column + (size_t)partner * images);
            }
            if (smoothing > 0.0) {
                aimed_at = (1.0 - smoothing) * aimed_at + smoothing * (total / classes);
            }
            loss += log(sum) + largest - aimed_at;
            errors += best.label != own;
        }
    }
    loss = block_sum<LOSS_WARPS>(loss, loss_scratch);
    errors = block_sum<LOSS_WARPS>(errors, error_scratch);
    if (threadIdx.x == 0) {
        report[0] = (unsigned long long)__double_as_longlong(loss / batch_images);
        report[1] = (unsigned long long)errors;
    }
}
REGISTER_KERNEL(softmax_cross_entropy);
