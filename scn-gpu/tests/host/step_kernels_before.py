"""The needs of the kernels of the original training step (steps/*-as-it-was.log, with kernels/ at that time), for
comparison with the present step. See step_kernels.py for the present kernels."""

import math

from roofline import Cycles
from step_device import CACHE_LATENCY, CONVERSIONS, DOUBLE_LATENCY, DOUBLES, MEMORY_LATENCY, PORT_BYTES, Need
from step_kernels import TileLoads, add, adjoint, elementwise, encode, gathered, small, tile_block

# Like COUNTED in step_kernels.py, for the kernels of that time: 150 instructions for 8 numbers of a window, each load
# in its own branch.
COUNTED = TileLoads(19, 15, 22, 26, True)

# Counts of the column kernels of that time, in steps/.
INSTRUCTIONS = "instructions-as-it-was.json"


def channel_pass(positions, unrolled, arrays, latency, doubles=0, conversions=0, threads=256):
    """Returns the cycles in which a block goes through the numbers of a channel: each thread has `unrolled` loads in
    flight at a time, then processes their results."""
    rounds = math.ceil(positions / threads / unrolled)
    port = threads * unrolled * arrays * 4 / PORT_BYTES
    work = unrolled * max(threads * (doubles / DOUBLES + conversions / CONVERSIONS), DOUBLE_LATENCY if doubles else 0)
    return rounds * (max(latency, port) + work)


def batch_moments(line):
    [positions], channels = line.numbers, line.blocks
    return Need(fresh=4 * channels * positions, latency=channel_pass(positions, 16, 1, CACHE_LATENCY, doubles=3, conversions=1))


def batch_norm_backward(line):
    epsilon, positions = line.numbers
    channels = line.blocks
    sums = channel_pass(positions, 8, 2, MEMORY_LATENCY, doubles=2, conversions=2)
    # dx may be dy, so a load of dy waits for the previous store.
    differences = channel_pass(positions, 1, 2, CACHE_LATENCY)
    each = 4 * channels * positions
    return Need(fresh=each, stale=each, written=each, again=2 * each, latency=sums + differences)


def penalty_gradients(line):
    atoms, positions = line.numbers
    both = channel_pass(positions, 8, 2, MEMORY_LATENCY, doubles=2, conversions=2)
    return Need(fresh=4 * atoms * positions, stale=4 * atoms * positions, latency=both)


def outer_sums(line, step):
    windows, atoms, per_chunk = line.numbers
    row_tiles, atom_tiles, chunks = line.grid
    stage_count = min(per_chunk, windows.positions) / 32
    total = Cycles()
    for i in range(row_tiles):
        left = windows.rows - 64 * i
        rows = 1 if left <= 16 else 2 if left <= 32 else 4
        for j in range(atom_tiles):
            right = atoms - 64 * j
            cols = 2 if right <= 16 else 4 if right <= 32 else 8
            total = add(total, tile_block(rows, cols, 32, step.loads.left, step.loads.adjoint, stage_count))
    tiles = row_tiles * atom_tiles
    # A warp loads up to 16 rows.
    wait = (16 if step.loads.one_by_one and windows.rows > 32 else 1) * CACHE_LATENCY
    codes = 4 * atoms * windows.positions
    # Neighbouring taps of a row share their lines in the L1 cache.
    map_again = 4 * windows.rows * windows.positions / windows.window * atom_tiles
    # The adjoint is fresh; the map or the codes are not.
    return Need(fresh=codes, stale=4 * windows.map, written=4 * chunks * windows.rows * atoms, again=map_again + (row_tiles - 1) * codes,
                block=add(Cycles(), total, 1 / tiles), resident=4, latency=stage_count * (wait + CACHE_LATENCY))


def add_partials(line):
    chunks, count = line.numbers
    return Need(fresh=4 * chunks * count, written=4 * count, latency=(math.ceil(chunks / 8 / 4) + 2) * CACHE_LATENCY)


def dictionary_gradient(line, step):
    rows, atoms = line.numbers
    stage_count = math.ceil(atoms / 32)
    block = tile_block(4, 8, 32, step.loads.adjoint, step.loads.adjoint, stage_count)
    # The transpose is loaded separately, one load after another.
    return Need(block=block, resident=4, latency=stage_count * (block.issue / stage_count + 8 * CACHE_LATENCY) + 2 * CACHE_LATENCY)


def signal_gradient(line, step):
    channels = line.numbers[0].channels
    return gathered(line, step, rows=2 if channels <= 16 else 4, pixels_each=64 if channels > 32 else 128, resident=4)


def gram_matrix(line):
    lambda1_count, rows, atoms, padded = line.numbers
    return small(math.ceil(rows / 32) * 1.3 + 3)


# By kernel name without _n64: its needs, from its launch and the step. `numbers` are the arguments without pointers, in
# order.
KERNELS = {
    "encode_gauss_seidel": encode,
    "adjoint": lambda line, step: adjoint(line, step, per_lane=2),
    "outer_sums": outer_sums,
    "add_partials": lambda line, step: add_partials(line),
    "dictionary_gradient": dictionary_gradient,
    "penalty_gradients": lambda line, step: penalty_gradients(line),
    "add_penalty_gradients": lambda line, step: small(6),
    "signal_gradient": signal_gradient,
    "batch_moments": lambda line, step: batch_moments(line),
    "normalize": lambda line, step: elementwise(fresh=line.numbers[1] * line.numbers[2], written=line.numbers[1] * line.numbers[2]),
    "batch_norm_backward": lambda line, step: batch_norm_backward(line),
    "blend_moments": lambda line, step: small(2),
    "average_pooling": lambda line, step: elementwise(fresh=line.numbers[0] * line.numbers[1]),
    "spread_pooling": lambda line, step: elementwise(written=line.numbers[0] * line.numbers[1]),
    # Sums over features, eight loads at a time.
    "classifier_forward": lambda line, step: small(line.numbers[1] / 8 + 2),
    "classifier_weight_gradient": lambda line, step: small(line.numbers[2] / 32 + 4),
    "classifier_input_gradient": lambda line, step: small(line.numbers[0] + 2),
    # Passes over the classes, in which logits and exponentials depend on each other.
    "softmax_cross_entropy": lambda line, step: small(3 * line.numbers[0]),
    "gram_matrix": lambda line, step: gram_matrix(line),
    "pack_dictionary": lambda line, step: elementwise(fresh=line.numbers[0] * line.numbers[2], written=line.numbers[0] * line.numbers[2]),
    "sgd_step": lambda line, step: elementwise(fresh=line.numbers[0], stale=2 * line.numbers[0], written=2 * line.numbers[0]),
    "find_non_finite": lambda line, step: elementwise(fresh=line.numbers[0]),
}
