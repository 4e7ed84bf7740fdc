// dLoss/dx = D y of every window, summed over the windows that contain a pixel. Each pixel gathers
// its own terms:
//
//     dx(channel, pixel) = sum over taps (dy, dx) and atoms j of
//         D[(channel, dy, dx)][j] * y[j][window whose tap is the pixel]
//
// that is, one matrix product per tap: channels x atoms times atoms x pixels.
//
// With a stride s, only every s-th pixel belongs to a tap. The pixels of a block therefore have the
// same residue modulo s (the phase, blockIdx.z). A tap then serves all of them or none, and
// neighbouring pixels read neighbouring columns.
#include "cuda.cuh"

#include "tile.cuh"
#include "windows.cuh"

constexpr int GRADIENT_CHANNELS = 64;
constexpr int GRADIENT_PIXELS = 256;
// The largest pair of tiles has 32 channels and 256 pixels.
constexpr int GRADIENT_TILE_ROWS = 288;
// Blocks that have to fit on a multiprocessor. This limits a thread, which holds 64 sums, to 168
// registers.
constexpr int GRADIENT_BLOCKS = 3;
// From this number of pixels on, large tiles keep even a large device busy. Small tiles load more
// per multiply-add.
constexpr int MANY_PIXELS = 1 << 14;

// The pixel (phase + stride * row, phase + stride * column) of an image.
struct PhasePixel {
    int image, row, column;
};

struct Phase {
    int y, x;
    int height, width; // size of the grid of its pixels
};

// Computes the channels x pixels of one tile.
template <int ROWS, int COLUMN_GROUPS>
__device__ inline void gather_signal_gradient(const Windows& windows, const float* dictionary, const float* adjoint, int atoms,
    Phase phase, PhasePixel* pixels, float* tiles, float* map_gradient) {
    typedef TileProduct<ROWS, 8, COLUMN_GROUPS> Product;
    int count = windows.images * phase.height * phase.width;
    int first_pixel = blockIdx.x * Product::TILE_COLUMNS;
    if (first_pixel >= count) {
        return;
    }
    for (int q = threadIdx.x; q < Product::TILE_COLUMNS; q += TILE_THREADS) {
        int place = first_pixel + q, line = place / phase.width, image = line / phase.height;
        pixels[q] = PhasePixel{place < count ? image : -1, line - image * phase.height, place - line * phase.width};
    }

    float* dictionary_tile = tiles;
    float* adjoint_tile = tiles + Product::TILE_ROWS * TILE_STRIDE;
    Product product;
    product.clear();
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int first_channel = blockIdx.y * GRADIENT_CHANNELS;
    int taps = windows.window * windows.window;
    size_t positions = window_positions(windows);
    for (int tap = 0; tap < taps; tap++) {
        int dy = tap / windows.window, dx = tap - dy * windows.window;
        int down = phase.y + windows.window / 2 - dy, right = phase.x + windows.window / 2 - dx;
        if (down % windows.stride != 0 || right % windows.stride != 0) {
            continue;
        }
        down /= windows.stride;
        right /= windows.stride;
        for (int first_atom = 0; first_atom < atoms; first_atom += TILE_DEPTH) {
            int depth = tile_depth(atoms - first_atom);
            __syncthreads();
#pragma unroll 4
            for (int row = warp; row < Product::TILE_ROWS; row += TILE_WARPS) {
                int channel = first_channel + row;
                bool exists = channel < windows.channels && first_atom + lane < atoms;
                size_t entry = (size_t)channel * taps + tap;
                dictionary_tile[row * TILE_STRIDE + lane] = exists ? __ldg(dictionary + entry * atoms + first_atom + lane) : 0.0f;
            }
            // A warp reads eight neighbouring pixels of four atoms: whole sectors of memory, and
            // different banks of the tile.
            for (int q = warp * 8 + lane % 8; q < Product::TILE_COLUMNS; q += TILE_WARPS * 8) {
                PhasePixel pixel = pixels[q];
                int i = pixel.row + down, j = pixel.column + right;
                bool inside = pixel.image >= 0 && (unsigned)i < (unsigned)windows.map_height && (unsigned)j < (unsigned)windows.map_width;
                size_t column = ((size_t)pixel.image * windows.map_height + i) * windows.map_width + j;
#pragma unroll 4
                for (int atom = lane / 8; atom < depth; atom += 4) {
                    bool exists = inside && first_atom + atom < atoms;
                    adjoint_tile[q * TILE_STRIDE + atom] = exists ? __ldg(adjoint + (first_atom + atom) * positions + column) : 0.0f;
                }
            }
            __syncthreads();
            product.add(dictionary_tile, adjoint_tile, depth);
        }
    }

    // If no tap serves the phase, the block has not reached a barrier since it wrote `pixels`.
    __syncthreads();
#pragma unroll
    for (int c = 0; c < 8; c++) {
        PhasePixel pixel = pixels[product.column(c)];
        int y = phase.y + windows.stride * pixel.row, x = phase.x + windows.stride * pixel.column;
        bool exists = pixel.image >= 0 && y < windows.height && x < windows.width;
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            int channel = first_channel + product.row(r);
            if (exists && channel < windows.channels) {
                size_t line = ((size_t)channel * windows.images + pixel.image) * windows.height + y;
                map_gradient[line * windows.width + x] = product.sums[r][c];
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS, GRADIENT_BLOCKS) signal_gradient(Windows windows, const float* dictionary,
    const float* adjoint, int atoms, float* map_gradient) {
    SHARED_ARRAY(float, tiles, GRADIENT_TILE_ROWS * TILE_STRIDE);
    SHARED_ARRAY(PhasePixel, pixels, GRADIENT_PIXELS);
    int stride = windows.stride;
    Phase phase;
    phase.y = blockIdx.z / stride;
    phase.x = blockIdx.z % stride;
    phase.height = (windows.height + stride - 1) / stride;
    phase.width = (windows.width + stride - 1) / stride;
    // With few channels, tiles have more pixels instead, and the last blocks of the grid have no
    // work.
    if (windows.channels <= 16) {
        gather_signal_gradient<4, 32>(windows, dictionary, adjoint, atoms, phase, pixels, tiles, map_gradient);
    } else if (windows.channels <= 32) {
        gather_signal_gradient<8, 32>(windows, dictionary, adjoint, atoms, phase, pixels, tiles, map_gradient);
    } else if (windows.images * phase.height * phase.width >= MANY_PIXELS) {
        gather_signal_gradient<8, 16>(windows, dictionary, adjoint, atoms, phase, pixels, tiles, map_gradient);
    } else {
        gather_signal_gradient<4, 8>(windows, dictionary, adjoint, atoms, phase, pixels, tiles, map_gradient);
    }
}
REGISTER_KERNEL(signal_gradient);
