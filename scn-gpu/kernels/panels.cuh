// Panel order: the memory layout of a row of N numbers, one per atom.
//
// The atoms of a column are spread over N / 16 lanes, 16 neighbouring atoms on each, and a lane
// reads its part of a row as four float4. In panel order, the first float4 of all lanes come first,
// then the second ones, and so on. Lanes that read together then read neighbouring places.
#pragma once

#include "cuda.cuh"

constexpr int LANE_ATOMS = 16;

// Returns the place of atom l * 16 + v * 4 + e, which is v * (4 * lanes) + l * 4 + e.
__device__ inline int panel_place(int atom, int padded) {
    int lane = atom / LANE_ATOMS, part = atom / 4 % 4, element = atom % 4;
    return part * (padded / 4) + lane * 4 + element;
}

// Returns the atom at a place.
__device__ inline int panel_atom(int place, int padded) {
    int quarter = padded / 4;
    int part = place / quarter, lane = place % quarter / 4, element = place % 4;
    return lane * LANE_ATOMS + part * 4 + element;
}
