// Batches of images, made from bytes that stay on the device.
#include "cuda.cuh"

#include "elements.cuh"

// Ints per image in the table of picks: the image's index in the set, whether it is flipped
// horizontally, and by how many pixels it is then moved down and to the right.
constexpr int PICK_INTS = 4;

// Computes x[c, image, i, j] = (pixels[pick, c, i', j'] - mean[c, i', j']) * scale, and 0 where a
// shift uncovers the frame. One thread per number.
//
// The batch is bit-identical to that of scn-data: the same two operations in the same order, each
// rounded once. The compiler cannot fuse a product of a difference, only a sum of a product.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) make_batch(const unsigned char* pixels, const int* picks, const float* mean,
    float scale, int channels, int images, int height, int width, float* x) {
    size_t number = thread_element();
    int plane = height * width;
    if (number < (size_t)channels * images * plane) {
        // The host rejects batches of more than 2^30 numbers.
        int element = (int)number, pixel = element % plane, item = element / plane;
        int image = item % images, channel = item / images;
        const int* pick = picks + (size_t)image * PICK_INTS;
        int row = pixel / width - __ldg(pick + 2), column = pixel % width - __ldg(pick + 3);
        float value = 0.0f;
        if (row >= 0 && row < height && column >= 0 && column < width) {
            // The image is flipped before it is moved.
            int place = (channel * height + row) * width + (__ldg(pick + 1) ? width - 1 - column : column);
            // A set may have more than 2^31 bytes.
            size_t start = (size_t)__ldg(pick) * channels * plane;
            value = ((float)__ldg(pixels + start + place) - __ldg(mean + place)) * scale;
        }
        x[element] = value;
    }
}
REGISTER_KERNEL(make_batch);

// Computes x + share (partner - x), where settings[0] is the share. As in scn-data, the product and
// the sum are rounded together.
extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) mix_images(const float* partners, const float* settings, int count, float* x) {
    size_t element = thread_element();
    if (element < count) {
        float own = x[element];
        x[element] = fmaf(__ldg(settings), __ldg(partners + element) - own, own);
    }
}
REGISTER_KERNEL(mix_images);
