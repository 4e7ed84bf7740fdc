// Images as a feature map: (image, channel, pixel) becomes (channel, image, pixel).
#include "cuda.cuh"

#include "elements.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) lay_out_images(const float* images, int image_count, int channels,
    int plane, float* map) {
    int element = thread_element();
    if (element < image_count * channels * plane) {
        int line = element / plane, pixel = element - line * plane;
        int channel = line / image_count, image = line - channel * image_count;
        map[element] = __ldg(images + ((size_t)image * channels + channel) * plane + pixel);
    }
}
REGISTER_KERNEL(lay_out_images);
