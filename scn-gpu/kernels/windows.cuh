// The k x k windows of a feature map, as columns of signals. They are never formed: kernels read
// them pixel by pixel.
//
// Column p = (image * map_height + i) * map_width + j. Entry (channel * k + dy) * k + dx of its
// window is the pixel (channel, image, i * stride + dy - k / 2, j * stride + dx - k / 2), or zero
// outside the map. With window = 1 and stride = 1, the map itself is the matrix of columns, with
// one row per channel.
#pragma once

#include "cuda.cuh"

struct Windows {
    int channels, images, height, width;
    int window, stride;
    int map_height, map_width;
};

// Returns m, the number of entries of a window.
__device__ inline int window_rows(const Windows& windows) {
    return windows.channels * windows.window * windows.window;
}

// Returns P, the number of columns of all images.
__device__ inline int window_positions(const Windows& windows) {
    return windows.images * windows.map_height * windows.map_width;
}

// The position of a window: the pixel of its entry dy = dx = 0, which may lie outside the map.
struct Column {
    int top, left;
    long long offset; // offset of that pixel in channel 0
};

// The position of an entry relative to the position of its window.
struct Entry {
    int dy, dx;
    long long offset;
};

__device__ inline Column window_column(const Windows& windows, int p) {
    int i = p / windows.map_width, j = p - i * windows.map_width;
    int image = i / windows.map_height;
    Column column;
    column.top = (i - image * windows.map_height) * windows.stride - windows.window / 2;
    column.left = j * windows.stride - windows.window / 2;
    column.offset = ((long long)image * windows.height + column.top) * windows.width + column.left;
    return column;
}

// Returns a column of zeros: a window above the map.
__device__ inline Column empty_column(const Windows& windows) {
    return Column{-windows.window, 0, 0};
}

__device__ inline Entry window_entry(const Windows& windows, int k) {
    int line = k / windows.window, dx = k - line * windows.window;
    int channel = line / windows.window, dy = line - channel * windows.window;
    long long first = (long long)channel * windows.images * windows.height * windows.width;
    return Entry{dy, dx, first + (long long)dy * windows.width + dx};
}

// Returns an entry that is zero in every window: it lies below the map.
__device__ inline Entry empty_entry(const Windows& windows) {
    return Entry{windows.height + windows.window, 0, 0};
}

__device__ inline float window_pixel(const Windows& windows, const float* map, const Column& column, const Entry& entry) {
    // One unsigned comparison for both bounds: a negative row or column becomes a huge number.
    bool inside = (unsigned)(column.top + entry.dy) < (unsigned)windows.height
        && (unsigned)(column.left + entry.dx) < (unsigned)windows.width;
    return inside ? __ldg(map + column.offset + entry.offset) : 0.0f;
}
