"""The needs of the kernels of a training step: formulas for step_model.py. step_kernels_before.py has those of the
original step."""

import math
import sys
from dataclasses import dataclass

from instructions import LANE_ATOMS, WARP_LANES
from roofline import BLOCK_WARPS, SCHEDULERS, Cycles, warp_cycles, warps
from step_device import BLOCK_SUM, CACHE_LATENCY, CONVERSIONS, DOUBLE_LATENCY, DOUBLES, FIRST_CACHE_LATENCY, H100, MEMORY_LATENCY, PORT_BYTES, Need

# The columns of a warp wait for the slowest of them. Passes of the slowest of 8, 16, 32, 64 and 128 neighbouring
# columns relative to the mean, for Gauss-Seidel to 1e-3 on random dictionaries of the shapes of the networks with
# windows of smooth random maps: 1.09, 1.16, 1.3 to 1.5, -, 1.7.
def slowest(columns):
    return 1.1 + 0.15 * math.log2(columns / 8)


# --- a step

@dataclass
class TileLoads:
    """Instructions per number that is loaded into the tiles of a product (kernels/tile.cuh)."""

    # In outer_sums: the left factor of the product, and the adjoint.
    left: float
    adjoint: float
    # In signal_gradient.
    dictionary: float
    pixel: float
    # Whether each load of the left factor waits for the previous one.
    one_by_one: bool


# First guesses from the sources.
ASSUMED = TileLoads(8, 4, 5, 6, False)
# Counted in the output of NVRTC 12.1 for 9.0: 142 to 150 instructions for 8 numbers of a window (93 for 4 of the
# codes), each load in its own branch, and 124 for 8 of the adjoint; in signal_gradient 87 to 91 for 4 of the
# dictionary, and for pixels 65 for 4 besides the 83 around them for 8.
COUNTED = TileLoads(19, 15, 22, 26, True)

# Counts of the column kernels, in steps/.
INSTRUCTIONS = "instructions.json"


class Step:
    """What formulas need besides the arguments of a launch."""

    def __init__(self, kernels, passes, lines, formulas, loads):
        self.kernels = {kernel.name: kernel for kernel in kernels}
        self.passes = passes
        # Kernels that process all layers have their sizes in tables, which are not in the log.
        self.layers = [line for line in lines if line.kernel == "outer_sums"]
        # By kernel name.
        self.formulas = formulas
        self.loads = loads
        self.encoded = 0
        self.solved = 0

    def kernel(self, line):
        name = f"{line.kernel}_n{line.padded}"
        if name not in self.kernels:
            sys.exit(f"--counts has no kernel {name}")
        return self.kernels[name]

    def passes_of_codes(self):
        self.encoded += 1
        return self.passes[(self.encoded - 1) % len(self.passes)][0]

    def passes_of_adjoint(self):
        # The backward pass begins with the last layer.
        self.solved += 1
        return self.passes[-1 - (self.solved - 1) % len(self.passes)][1]


# --- formulas; a number has four bytes

def elementwise(fresh=0, stale=0, written=0, chain=2):
    """One thread per number, which processes it and ends. `chain` loads depend on each other."""
    return Need(fresh=4 * fresh, stale=4 * stale, written=4 * written, latency=chain * MEMORY_LATENCY)


def small(chain):
    """Little of everything. `chain` loads depend on each other."""
    return Need(latency=chain * MEMORY_LATENCY)


def table_row(layers):
    """Returns the cycles until a block knows its layer: it reads rows of a table one after another
    (kernels/tables.cuh), 32 integers per cache line."""
    lines = math.ceil(layers * 8 / 32)
    return lines * CACHE_LATENCY + (layers - lines) * FIRST_CACHE_LATENCY + CACHE_LATENCY


def add(total, cycles, times=1):
    return Cycles(total.issue + times * cycles.issue, total.multiply + times * cycles.multiply, total.load + times * cycles.load)


def sums_of_parts(line, sizes, arrays, load_latency, doubles, conversions):
    """The first stage of batch normalisation: a block loads all numbers of its part at once and adds them up in f64."""
    images, plane, _, part = sizes
    numbers = images * plane * line.grid[2]
    work = part * (doubles / DOUBLES + conversions / CONVERSIONS)
    # The blocks of a multiprocessor reach their additions at the same time.
    together = min(8, math.ceil(line.blocks / H100.multiprocessors))
    port = together * part * arrays * 4 / PORT_BYTES
    return numbers, dict(doubles=work, latency=max(load_latency, port) + together * work + 2 * BLOCK_SUM)


def moment_sums(line):
    # A conversion, the difference, its sum and the sum of its square.
    numbers, work = sums_of_parts(line, line.numbers, 1, CACHE_LATENCY, doubles=3, conversions=1)
    return Need(fresh=4 * numbers, **work)


def batch_norm_sums(line):
    # dy is fresh; x is from the forward pass.
    numbers, work = sums_of_parts(line, line.numbers[:4], 2, MEMORY_LATENCY, doubles=2, conversions=2)
    return Need(fresh=4 * numbers, stale=4 * numbers, **work)


def from_parts(line, arrays, instructions):
    """The second stage: every block adds up the parts, then loads numbers, four per thread at a time, and writes
    results."""
    parts, images, plane, _, part = line.numbers[:5]
    numbers = images * plane * line.grid[2]
    rounds = math.ceil(part / 256 / 4)
    together = min(8, math.ceil(line.blocks / H100.multiprocessors))
    # Two divisions in f64 of about ten dependent instructions each.
    sums = CACHE_LATENCY + 2 * BLOCK_SUM + 20 * DOUBLE_LATENCY
    port = together * 4 * 256 * arrays * 4 / PORT_BYTES
    # 8 warps; both sums together cost a warp about 150 instructions.
    block = Cycles(issue=8 * (rounds * instructions + 150) / SCHEDULERS)
    return Need(fresh=4 * arrays * numbers, written=4 * numbers, block=block, latency=sums + rounds * max(CACHE_LATENCY, port))


def columns(line, step, per_lane, rows, positions, passes, numbers):
    """A kernel with one problem per column. `numbers`: how many each column reads stale, reads fresh, and writes."""
    kernel = step.kernel(line)
    group = kernel.atoms // LANE_ATOMS
    warp_columns = WARP_LANES // group * per_lane
    cycles = warp_cycles(kernel, per_lane, rows, passes * slowest(warp_columns), H100)
    stages(kernel, per_lane, rows, cycles)
    block = Cycles(BLOCK_WARPS * cycles.issue, BLOCK_WARPS * cycles.multiply, BLOCK_WARPS * cycles.load)
    stale, fresh, written = (4 * positions * count for count in numbers)
    # With more than 64 atoms, every warp reads H in every pass, mostly from the L1 cache.
    return Need(fresh=fresh, stale=stale, written=written, block=block, resident=warps(kernel, H100) // BLOCK_WARPS,
                latency=4 * MEMORY_LATENCY)


def stages(kernel, per_lane, rows, cycles):
    """Adds the loads of the stages of D'x, unless they are in its loop already (kernels/correlate.cuh)."""
    correlation = next((loop for loop in kernel.loops if loop.inner.what == "D'x"), None)
    if not correlation or correlation.inner.classes["LDG"] > 0:
        return
    block_columns = BLOCK_WARPS * WARP_LANES * LANE_ATOMS // kernel.atoms * per_lane
    store = BLOCK_WARPS * WARP_LANES * LANE_ATOMS * per_lane
    entries = 1
    while 2 * (2 * entries) * (kernel.atoms + block_columns + 4) <= store:
        entries *= 2
    cycles.add(correlation.around, rows / entries, H100)


def encode(line, step, per_lane=4):
    windows, atoms = line.numbers[:2]
    reads = windows.map / windows.positions
    return columns(line, step, per_lane, windows.rows, windows.positions, step.passes_of_codes(), (0, reads, atoms))


def adjoint(line, step, per_lane=3):
    atoms, positions = line.numbers[:2]
    # One more for the recomputed remainder.
    return columns(line, step, per_lane, 0, positions, step.passes_of_adjoint() + 1, (atoms, atoms, atoms))


def tile_block(rows, cols, depth, first_load, second_load, stage_count, column_groups=8):
    """Returns the cycles of a block for `stage_count` stages of a product of tiles (kernels/tile.cuh). A thread owns
    rows x cols entries; first_load and second_load are the instructions per number loaded into the tiles."""
    threads, terms = BLOCK_WARPS * WARP_LANES, depth / 4
    row_groups = threads // column_groups
    brought = [rows * row_groups * depth / threads, cols * column_groups * depth / threads]
    lane = terms * (4 * rows * cols + rows + cols + 6) + brought[0] * first_load + brought[1] * second_load + 30
    loaded = terms * 16 * (rows + cols) + 4 * sum(brought)
    cycles = Cycles()
    cycles.issue = stage_count * BLOCK_WARPS * lane / SCHEDULERS
    cycles.multiply = stage_count * BLOCK_WARPS * terms * 4 * rows * cols * WARP_LANES / H100.lanes
    cycles.load = stage_count * BLOCK_WARPS * loaded * WARP_LANES / 128
    return cycles


def stacked(line):
    """Returns the rows and atoms of the sums of a layer, the columns of a chunk, and the number of chunks."""
    windows, atoms, per_chunk = line.numbers
    return windows.rows + 1 + atoms, atoms, min(per_chunk, windows.positions), line.grid[2]


def outer_sums(line, step):
    windows, atoms, _ = line.numbers
    rows_in_all, _, per_chunk, chunks = stacked(line)
    row_tiles, atom_tiles, _ = line.grid
    stage_count = per_chunk / 32
    total, wait = Cycles(), 0
    for i in range(row_tiles):
        left = rows_in_all - 128 * i
        part = 4 if left <= 32 else 2 if left <= 64 else 1
        for j in range(atom_tiles):
            right = atoms - 64 * j
            rows, cols, groups = (4, 4, 4) if right <= 16 else (4, 8, 4) if right <= 32 else (8, 8, 8)
            total = add(total, tile_block(rows // part, cols, 32, step.loads.left, step.loads.adjoint, stage_count, groups))
        # A warp loads every fourth row. Neighbouring taps of a row share their lines in the L1 cache.
        brought = 128 // part
        of_window = max(0, min(windows.rows - 128 * i, brought)) / brought
        each = of_window * ((windows.window - 1) * FIRST_CACHE_LATENCY + CACHE_LATENCY) / windows.window + (1 - of_window) * CACHE_LATENCY
        wait = max(wait, brought / 4 * each if step.loads.one_by_one else CACHE_LATENCY)
    tiles = row_tiles * atom_tiles
    numbers = 4 * atoms * windows.positions
    map_again = 4 * windows.rows * windows.positions / windows.window * atom_tiles
    # The adjoint is fresh; the map and the codes are not.
    return Need(fresh=numbers, stale=4 * windows.map + numbers, written=4 * chunks * rows_in_all * atoms,
                again=map_again + (row_tiles - 1) * numbers + (atom_tiles - 1) * numbers, block=add(Cycles(), total, 1 / tiles), resident=3,
                latency=stage_count * (wait + CACHE_LATENCY))


def add_partials(line, step):
    """All layers at once. A block has 32 entries, and each of its 8 warps adds every eighth chunk, four at a time."""
    counts = [(rows * atoms, chunks) for rows, atoms, _, chunks in map(stacked, step.layers)]
    read = sum(count * chunks for count, chunks in counts)
    blocks = [math.ceil(count / 32) for count, _ in counts]
    rounds = sum(own * math.ceil(chunks / 8 / 4) for own, (_, chunks) in zip(blocks, counts)) / sum(blocks)
    # The partial sums are from the whole backward pass, so the first of them have left the cache.
    return Need(stale=4 * read, written=4 * sum(count for count, _ in counts),
                latency=table_row(len(counts)) + rounds * MEMORY_LATENCY + 2 * CACHE_LATENCY)


def parameter_gradients(line, step):
    """S1 - D (S2 + S2') of all layers, with one block per tile."""
    total, longest, numbers = Cycles(), 0, 0
    for layer in step.layers:
        windows, atoms, _ = layer.numbers
        tiles = math.ceil(windows.rows / 64) * math.ceil(atoms / 64)
        stage_count = math.ceil(atoms / 32)
        block = tile_block(4, 8, 32, step.loads.adjoint, step.loads.adjoint, stage_count)
        total = add(total, block, tiles)
        # Two tiles, and separate loads of the transpose, one after another: eight lines per warp, and two parts of a
        # line.
        longest = max(longest, block.issue + stage_count * (2 + 8 * math.ceil(min(atoms, 64) / 32)) * CACHE_LATENCY)
        numbers += 3 * windows.rows * atoms
    return Need(fresh=4 * numbers, block=add(Cycles(), total, 1 / line.blocks), resident=3,
                latency=table_row(len(step.layers)) + longest + 2 * CACHE_LATENCY + 2 * BLOCK_SUM)


def prepare_problems(line, step):
    """H and packed D of all layers. A block of H stages 32 rows at a time with 151 instructions (NVRTC 12.1 for 9.0),
    and loads one stage ahead."""
    stages_of_all, longest, numbers = 0, 0, 0
    for layer in step.layers:
        windows, atoms, _ = layer.numbers
        padded = max(16, 1 << (atoms - 1).bit_length())
        stage_count = math.ceil(windows.rows / 32)
        stages_of_all += stage_count * (padded / 16) ** 2
        longest = max(longest, stage_count)
        numbers += 2 * windows.rows * padded + padded**2
    mean = 8 * 151 / SCHEDULERS * stages_of_all / line.blocks
    # Barriers, a load from shared memory and 32 dependent multiply-adds, at the same time as the load from L2.
    stage = max(CACHE_LATENCY, 2 * 20 + 30 + 32 * 4 + 8 * 151 / SCHEDULERS)
    return Need(stale=4 * numbers, block=Cycles(issue=mean), latency=table_row(len(step.layers)) + MEMORY_LATENCY + longest * stage)


def make_batch(line):
    """One thread per number, which loads the pick, then an uncached byte of an image and the mean. Three integer
    divisions make up most of the 150 instructions."""
    _, channels, images, height, width = line.numbers
    numbers = channels * images * height * width
    return Need(stale=numbers + 4 * channels * height * width, written=4 * numbers, again=4 * numbers,
                block=Cycles(issue=8 * 150 / SCHEDULERS), latency=3 * MEMORY_LATENCY)


def softmax_cross_entropy(line):
    """One block, whose 16 warps each process their images one after another. Per image: logits and two numbers in each
    of five shuffles, the sum of exponentials in five more, the gradients, and the logarithm. An exponential is about 30
    dependent instructions in f64, and so are a division and a logarithm."""
    classes, images, _ = line.numbers
    rounds = math.ceil(classes / 32)
    function = 30 * DOUBLE_LATENCY
    best = rounds * CACHE_LATENCY + 5 * (25 + 20)
    sums = rounds * (FIRST_CACHE_LATENCY + function) + 5 * (25 + DOUBLE_LATENCY)
    gradients = rounds * (FIRST_CACHE_LATENCY + 2 * function)
    return Need(latency=math.ceil(images / 16) * (best + sums + gradients + function + FIRST_CACHE_LATENCY) + 2 * BLOCK_SUM)


def classifier_backward(line):
    classes, _, images, _ = line.numbers
    # Weights: a warp processes 32 images at a time, then adds up its lanes. Inputs: a thread processes four classes at
    # a time.
    return small(max(images / 32, classes / 4) + 4)


def signal_gradient(line, step):
    windows = line.numbers[0]
    many = pixels_of_phase(windows) >= 1 << 14
    rows, pixels_each = (4, 256) if windows.channels <= 16 else (8, 256) if windows.channels <= 32 else (8, 128) if many else (4, 64)
    return gathered(line, step, rows, pixels_each, resident=3)


def pixels_of_phase(windows):
    return windows.images * math.ceil(windows.height / windows.stride) * math.ceil(windows.width / windows.stride)


def gathered(line, step, rows, pixels_each, resident):
    """The gradient with respect to the signals, with this many rows per thread and pixels per block."""
    windows, atoms = line.numbers
    s, k = windows.stride, windows.window
    # On average, a tap serves one phase in s * s.
    stage_count = k * k / s**2 * math.ceil(atoms / 32)
    depth = min(32, math.ceil(atoms / 4) * 4)
    threads, terms = BLOCK_WARPS * WARP_LANES, depth / 4
    brought = [rows * (threads * 8 // pixels_each) * 32 / threads, pixels_each * depth / threads]
    lane = terms * (4 * rows * 8 + rows + 8 + 6) + step.loads.dictionary * brought[0] + step.loads.pixel * brought[1] + 40
    loaded = terms * 16 * (rows + 8) + 4 * sum(brought)
    per_stage = BLOCK_WARPS * stage_count
    block = Cycles(per_stage * lane / SCHEDULERS, per_stage * terms * 4 * rows * 8 * WARP_LANES / H100.lanes, per_stage * loaded * WARP_LANES / 128)
    channel_tiles = line.grid[1]
    adjoint_numbers = 4 * atoms * windows.positions
    return Need(fresh=adjoint_numbers, written=4 * windows.map, again=adjoint_numbers * (k * k / k * channel_tiles - 1), block=block, resident=resident,
                blocks=math.ceil(pixels_of_phase(windows) / pixels_each) * channel_tiles * s**2, latency=stage_count * 2 * CACHE_LATENCY)


# By kernel name without _n64: its needs, from its launch and the step. `numbers` are the arguments without pointers, in
# order.
KERNELS = {
    "make_batch": lambda line, step: make_batch(line),
    "prepare_problems": prepare_problems,
    "moment_sums": lambda line, step: moment_sums(line),
    "normalize_batch": lambda line, step: from_parts(line, 1, 45),
    "encode_gauss_seidel": encode,
    "encode_gauss_seidel_narrow": lambda line, step: encode(line, step, per_lane=2),
    "average_pooling": lambda line, step: elementwise(fresh=line.numbers[0] * line.numbers[1]),
    # Sums over features, eight loads at a time.
    "classifier_forward": lambda line, step: small(line.numbers[1] / 8 + 2),
    "softmax_cross_entropy": lambda line, step: softmax_cross_entropy(line),
    "classifier_backward": lambda line, step: classifier_backward(line),
    "spread_pooling": lambda line, step: elementwise(written=line.numbers[0] * line.numbers[1]),
    "batch_norm_sums": lambda line, step: batch_norm_sums(line),
    "batch_norm_backward": lambda line, step: from_parts(line, 2, 59),
    "adjoint": adjoint,
    "outer_sums": outer_sums,
    "signal_gradient": signal_gradient,
    "add_partials": add_partials,
    "parameter_gradients": parameter_gradients,
    "find_non_finite": lambda line, step: elementwise(fresh=256 * line.blocks),
    "blend_moments": lambda line, step: small(3),
    # The owner, the rule, and only then the numbers.
    "descend": lambda line, step: elementwise(fresh=256 * line.blocks, stale=2 * 256 * line.blocks, written=2 * 256 * line.blocks, chain=4),
}
