// Panel order: how a row of N numbers, one per atom, lies in memory.
//
// A column's atoms lie on N / 16 lanes, 16 neighbouring atoms on each, and a lane reads its part of a row as four float4. In panel
// order the first float4 of all lanes come first, then the second ones: lanes that read together read neighbouring places.
#pragma once

#include "cuda.cuh"

constexpr int LANE_ATOMS = 16;

// Where atom l * 16 + v * 4 + e is: at v * (4 * lanes) + l * 4 + e.
__device__ inline int panel_place(int atom, int padded) {
    int lane = atom / LANE_ATOMS, part = atom / 4 % 4, element = atom % 4;
    return part * (padded / 4) + lane * 4 + element;
}

// The atom that is there.
__device__ inline int panel_atom(int place, int padded) {
    int quarter = padded / 4;
    int part = place / quarter, lane = place % quarter / 4, element = place % 4;
    return lane * LANE_ATOMS + part * 4 + element;
}
