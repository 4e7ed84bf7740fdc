// Softmax cross-entropy, averaged over the N images of a batch, of which these may be a part:
//
//     loss = 1/N sum_i (log sum_k exp z_ki - z_(label i) i),     dloss/dz_ki = (softmax(z_i)_k - [k = label i]) / N
#include "cuda.cuh"

#include "reduce.cuh"

// The class with the largest logit, the first of several; -1 if a logit is not a number.
__device__ inline int predicted_class(const float* logits, int classes, int images) {
    int best = 0;
    float largest = logits[0];
    bool numbers = true;
    for (int label = 0; label < classes; label++) {
        float z = logits[(size_t)label * images];
        numbers = numbers && z == z;
        if (z > largest) {
            best = label;
            largest = z;
        }
    }
    return numbers ? best : -1;
}

// One block. report[0]: the bits of what these images have in the loss, a double; report[1]: images whose prediction is not their label.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) softmax_cross_entropy(const float* logits, const int* labels, int classes,
    int images, int batch_images, float* gradient, unsigned long long* report) {
    SHARED_ARRAY(double, loss_scratch, BLOCK_WARPS);
    SHARED_ARRAY(int, error_scratch, BLOCK_WARPS);
    double loss = 0.0;
    int errors = 0;
    for (int image = threadIdx.x; image < images; image += BLOCK_THREADS) {
        const float* column = logits + image;
        int own = labels[image], prediction = predicted_class(column, classes, images);
        double largest = column[(size_t)(prediction < 0 ? 0 : prediction) * images];
        double sum = 0.0;
        for (int label = 0; label < classes; label++) {
            sum += exp(column[(size_t)label * images] - largest);
        }
        for (int label = 0; label < classes; label++) {
            double probability = exp(column[(size_t)label * images] - largest) / sum;
            double target = label == own ? 1.0 : 0.0;
            gradient[(size_t)label * images + image] = (float)((probability - target) / batch_images);
        }
        loss += log(sum) + largest - column[(size_t)own * images];
        errors += prediction != own;
    }
    loss = block_sum(loss, loss_scratch);
    errors = block_sum(errors, error_scratch);
    if (threadIdx.x == 0) {
        report[0] = (unsigned long long)__double_as_longlong(loss / batch_images);
        report[1] = (unsigned long long)errors;
    }
}
REGISTER_KERNEL(softmax_cross_entropy);
