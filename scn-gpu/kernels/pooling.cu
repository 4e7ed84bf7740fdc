// Average pooling: the mean of each channel of each image over its plane of pixels, and its
// transpose.
#include "cuda.cuh"

#include "reduce.cuh"

// One warp per plane.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) average_pooling(const float* x, int planes, int plane, float* y) {
    size_t item = warp_item();
    if (item < planes) {
        float sum = 0.0f;
        for (int pixel = warp_lane(); pixel < plane; pixel += WARP_THREADS) {
            sum += __ldg(x + item * plane + pixel);
        }
        sum = warp_sum(sum);
        if (warp_lane() == 0) {
            y[item] = sum / (float)plane;
        }
    }
}
REGISTER_KERNEL(average_pooling);

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) spread_pooling(const float* dy, int planes, int plane, float* dx) {
    size_t element = thread_element();
    if (element < (size_t)planes * plane) {
        dx[element] = __ldg(dy + element / plane) / (float)plane;
    }
}
REGISTER_KERNEL(spread_pooling);
