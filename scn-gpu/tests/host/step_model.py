#!/usr/bin/env python3
"""An estimate of how long a training step takes on an H100, from the log of one step (count_step.py --log). No device has confirmed it.

    step_model.py [--graph] [--counts steps/instructions.json] [--passes steps/passes.json] [--preset NAME] [--host MICROSECONDS] LOG...

A kernel takes as long as the slowest of what it needs: bytes of memory and of the second cache, instructions, multiply-adds, loads to registers,
numbers in f64, and what a block has to wait for one after another (latency). What a multiprocessor has to do follows from the grid: a grid of 16
blocks uses 16 multiprocessors. Between operations the device waits for the next one, and for the host where that waits for the device.

--graph        all operations of the step are in one graph, whatever the log says
--counts FILE  instructions of the loops, from instructions.py --architectures 90 --json FILE
--passes FILE  passes of codes and adjoint of each layer by preset, as scn bench train reports them on the processor
--host         microseconds that the host works on a batch before it sends the step

steps/ has the step as it was at first: 400 operations and 15 waits. A kernel that is not known here is an error: add a line to KERNELS.
"""

import argparse
import json
import math
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from instructions import LANE_ATOMS, WARP_LANES, load
from roofline import BLOCK_WARPS, DEVICES, SCHEDULERS, Cycles, correlated_entries, warp_cycles, warps
from step_log import OPERATIONS, parse

STEPS = Path(__file__).resolve().parent / "steps"

# --- the device: an H100 with 80 GB of HBM3 (SXM5)

# Multiprocessors, lanes and clock are roofline.py's: 132, 128 and 1.98 GHz, from 66.9 TFLOP/s of the data sheet.
H100 = DEVICES[90]
CLOCK = H100.clock()
# 3.35 TB/s (data sheet, nvidia.com/en-us/data-center/h100), of which copies of large arrays reach nine tenths (ASSUMED, as on earlier devices).
MEMORY_BANDWIDTH = 0.9 * 3.35e12
# 5.5 to 5.7 TB/s measured on an H100 PCIe (chipsandcheese.com, "Nvidia's H100: Funny L2, and Tons of Bandwidth", 2023).
CACHE_BANDWIDTH = 5.5e12
# 50 MB (Hopper tuning guide, docs.nvidia.com/cuda/hopper-tuning-guide), in two halves, of which each may keep a copy of what the other has.
CACHE = 25e6
# What a multiprocessor gets of the second cache in a cycle: 64 bytes, as on the A100 (Choquette and Gandhi, "NVIDIA A100 GPU", Hot Chips 32, 2020).
PORT_BYTES = 64
# Cycles from a load to its number: second cache and memory of an H100 (Luo et al., "Benchmarking and Dissecting the Nvidia Hopper GPU
# Architecture", arXiv:2402.13499, table of latencies: 263 and 479).
CACHE_LATENCY = 263
MEMORY_LATENCY = 479
# Results in a cycle of a multiprocessor (CUDA C++ programming guide, throughput of native arithmetic instructions): f64 arithmetic, compute
# capability 9.0; conversions between f32 and f64, as of 7.0 and 8.0.
DOUBLES = 64
CONVERSIONS = 16
# Cycles between two dependent additions in f64: assumed twice the 4 of f32.
DOUBLE_LATENCY = 8
# Share of the instructions and loads of a cycle that a kernel gets, for its few warps wait for loads, shuffles and barriers. ASSUMED: hand-tuned
# products of matrices get nine tenths, and these kernels have 8 to 16 warps of the 64 that a multiprocessor could hold.
ATTAINED = 0.6

# --- between operations, in microseconds

# The host's time to submit a launch, copy or set: some 2 to 2.5 us in the driver (Gray, "Getting Started with CUDA Graphs", NVIDIA technical
# blog, 2019), and what this crate does besides: it looks up the kernel and makes the context current.
HOST_OPERATION = 2.75
# From the end of one operation to the first instructions of the next, where the host is ahead: 3.8 us a kernel of 2.9 us in a stream, 3.4 us in a
# graph (the same blog, V100), and what a grid takes to begin and to end, which no formula below has.
STREAM_GAP = 1.5
GRAPH_GAP = 1.0
# A graph's own launch: 2.5 us and a nanosecond for each operation (NVIDIA technical blog, "Constant Time Launch for Straight-Line CUDA
# Graphs", 2024), and the first operation's way to the device.
GRAPH_LAUNCH = 6.0
# From the end of the device's work until the host goes on: a kernel of 2.9 us takes 9.6 us if the host waits for each (Gray), which leaves 4 to 5 us
# beside the launch; a copy to memory that is not page-locked is staged besides, and the thread may have to be woken: 10 to 20 us in all.
WAKE = 12.0
# The host's own work on a batch: 0.2 ms a step on an EPYC (docs/performance/2026-11-25-epyc-zen5/networks.md, loading).
HOST_WORK = 200.0
# Bytes a microsecond: copies to and from memory of the host that is not page-locked (CUDA best practices guide: staged by the driver; some 10 GB/s), and
# page-locked (PCIe 5.0 x16: 63 GB/s, of which nine tenths).
PAGEABLE = 10e3
LOCKED = 57e3

# Columns of a warp that are not done yet keep the others. Passes of the slowest of 8, 16, 32, 64 and 128 neighbouring columns over the mean:
# Gauss-Seidel to 1e-3 on random dictionaries of the shapes of the networks with windows of smooth random maps took 1.09, 1.16, 1.3 to 1.5, -, 1.7.
def slowest(columns):
    return 1.1 + 0.15 * math.log2(columns / 8)


# --- what a kernel needs

@dataclass
class Need:
    """Of the whole grid, but for what a block does by itself."""

    # Bytes that the kernel before has left in the second cache if they fit, others, and those written.
    fresh: float = 0
    stale: float = 0
    written: float = 0
    # Bytes that come through the second cache more often than once.
    again: float = 0
    # Cycles that a multiprocessor spends on one block, in its three units; the block's own least time.
    block: Cycles | None = None
    doubles: float = 0
    latency: float = 0
    # Blocks on a multiprocessor at a time.
    resident: int = 8
    # Blocks that have work, if not all of the grid.
    blocks: int | None = None


@dataclass
class Cost:
    microseconds: float
    limit: str


def cost(need, blocks):
    blocks = need.blocks or blocks
    rounds = math.ceil(blocks / H100.multiprocessors)
    limits = {}
    in_cache = need.fresh if need.fresh <= CACHE else 0
    memory = need.stale + need.written + need.fresh - in_cache
    limits["memory"] = memory / MEMORY_BANDWIDTH
    through_cache = need.fresh + need.stale + need.written + need.again
    limits["second cache"] = through_cache / CACHE_BANDWIDTH
    # Few blocks: each has one port.
    limits["port"] = through_cache / (min(blocks, H100.multiprocessors) * PORT_BYTES * CLOCK)
    if need.block:
        limits["issue"] = rounds * need.block.issue / ATTAINED / CLOCK
        limits["FFMA"] = rounds * need.block.multiply / ATTAINED / CLOCK
        limits["loads"] = rounds * need.block.load / ATTAINED / CLOCK
    limits["f64"] = rounds * need.doubles / CLOCK
    waves = math.ceil(blocks / (H100.multiprocessors * need.resident))
    limits["latency"] = waves * need.latency / CLOCK
    limit = max(limits, key=limits.get)
    return Cost(1e6 * limits[limit], limit)


class Step:
    """What formulas ask besides the arguments of a launch."""

    def __init__(self, kernels, passes):
        self.kernels = {kernel.name: kernel for kernel in kernels}
        self.passes = passes
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
        # The way back begins with the last layer.
        self.solved += 1
        return self.passes[-1 - (self.solved - 1) % len(self.passes)][1]


# --- formulas; numbers of four bytes

def elementwise(fresh=0, stale=0, written=0):
    """One thread per number, which loads it and goes."""
    return Need(fresh=4 * fresh, stale=4 * stale, written=4 * written, latency=2 * MEMORY_LATENCY)


def small(chain):
    """Little of everything; so many loads that depend on each other."""
    return Need(latency=chain * MEMORY_LATENCY)


def channel_pass(positions, unrolled, arrays, latency, doubles=0, conversions=0, threads=256):
    """Cycles of a block that goes through the numbers of a channel: so many loads of each thread are under way at a time, then
    what they brought is worked on."""
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
    # dx may be dy, so a load of dy waits for the store before it.
    differences = channel_pass(positions, 1, 2, CACHE_LATENCY)
    each = 4 * channels * positions
    return Need(fresh=each, stale=each, written=each, again=2 * each, latency=sums + differences)


def penalty_gradients(line):
    atoms, positions = line.numbers
    both = channel_pass(positions, 8, 2, MEMORY_LATENCY, doubles=2, conversions=2)
    return Need(fresh=4 * atoms * positions, stale=4 * atoms * positions, latency=both)


def columns(line, step, per_lane, rows, positions, passes, numbers):
    """Of a kernel with a problem per column; numbers: that each column reads in stale memory, fresh, and writes."""
    kernel = step.kernel(line)
    group = kernel.atoms // LANE_ATOMS
    warp_columns = WARP_LANES // group * per_lane
    cycles = warp_cycles(kernel, per_lane, rows, passes * slowest(warp_columns), H100)
    stages(kernel, per_lane, rows, cycles)
    block = Cycles(BLOCK_WARPS * cycles.issue, BLOCK_WARPS * cycles.multiply, BLOCK_WARPS * cycles.load)
    stale, fresh, written = (4 * positions * count for count in numbers)
    # With more than 64 atoms every warp reads H in every pass; most of it the first cache has.
    return Need(fresh=fresh, stale=stale, written=written, block=block, resident=warps(kernel, H100) // BLOCK_WARPS,
                latency=4 * MEMORY_LATENCY)


def stages(kernel, per_lane, rows, cycles):
    """Adds what brings the stages of D'x, where that is not in its loop already; kernels/correlate.cuh."""
    correlation = next((loop for loop in kernel.loops if loop.inner.what == "D'x"), None)
    if not correlation or correlation.inner.classes["LDG"] > 0:
        return
    block_columns = BLOCK_WARPS * WARP_LANES * LANE_ATOMS // kernel.atoms * per_lane
    store = BLOCK_WARPS * WARP_LANES * LANE_ATOMS * per_lane
    entries = 1
    while 2 * (2 * entries) * (kernel.atoms + block_columns + 4) <= store:
        entries *= 2
    cycles.add(correlation.around, rows / entries, H100)


def encode(line, step):
    windows, atoms = line.numbers[:2]
    reads = windows.map / windows.positions
    return columns(line, step, 4, windows.rows, windows.positions, step.passes_of_codes(), (0, reads, atoms))


def adjoint(line, step):
    atoms, positions = line.numbers[:2]
    # One more for the remainder computed afresh.
    return columns(line, step, 2, 0, positions, step.passes_of_adjoint() + 1, (atoms, atoms, atoms))


def tile_block(rows, cols, depth, first_load, second_load, stage_count):
    """Cycles of a block for so many stages of a product of tiles (kernels/tile.cuh): a thread owns rows x cols entries; first_load and
    second_load are the instructions for a number brought to the tiles."""
    threads, terms = BLOCK_WARPS * WARP_LANES, depth / 4
    row_groups = threads // 8
    brought = [rows * row_groups * depth / threads, cols * 8 * depth / threads]
    lane = terms * (4 * rows * cols + rows + cols + 6) + brought[0] * first_load + brought[1] * second_load + 30
    loaded = terms * 16 * (rows + cols) + 4 * sum(brought)
    cycles = Cycles()
    cycles.issue = stage_count * BLOCK_WARPS * lane / SCHEDULERS
    cycles.multiply = stage_count * BLOCK_WARPS * terms * 4 * rows * cols * WARP_LANES / H100.lanes
    cycles.load = stage_count * BLOCK_WARPS * loaded * WARP_LANES / 128
    return cycles


def outer_sums(line):
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
            block = tile_block(rows, cols, 32, 8, 4, stage_count)
            total = Cycles(total.issue + block.issue, total.multiply + block.multiply, total.load + block.load)
    tiles = row_tiles * atom_tiles
    mean = Cycles(total.issue / tiles, total.multiply / tiles, total.load / tiles)
    codes = 4 * atoms * windows.positions
    # Neighbouring taps of a row share their lines in the first cache.
    map_again = 4 * windows.rows * windows.positions / windows.window * atom_tiles
    # The adjoint was there just now; the map or the codes were not.
    return Need(fresh=codes, stale=4 * windows.map, written=4 * chunks * windows.rows * atoms, again=map_again + (row_tiles - 1) * codes,
                block=mean, resident=4, latency=stage_count * 2 * CACHE_LATENCY)


def add_partials(line):
    chunks, count = line.numbers
    return Need(fresh=4 * chunks * count, written=4 * count, latency=(math.ceil(chunks / 8 / 4) + 2) * CACHE_LATENCY)


def dictionary_gradient(line):
    rows, atoms = line.numbers
    stage_count = math.ceil(atoms / 32)
    block = tile_block(4, 8, 32, 4, 4, stage_count)
    # The transpose comes through loads of its own, one after the other.
    return Need(block=block, resident=4, latency=stage_count * (block.issue / stage_count + 8 * CACHE_LATENCY) + 2 * CACHE_LATENCY)


def signal_gradient(line):
    windows, atoms = line.numbers
    s, k = windows.stride, windows.window
    pixels_each = 64 if windows.channels > 32 else 128
    rows = 2 if windows.channels <= 16 else 4
    phase = windows.images * math.ceil(windows.height / s) * math.ceil(windows.width / s)
    # On average over the phases a tap serves one in s * s.
    stage_count = k * k / s**2 * math.ceil(atoms / 32)
    depth = min(32, math.ceil(atoms / 4) * 4)
    threads, terms = BLOCK_WARPS * WARP_LANES, depth / 4
    brought = [rows * (threads * 8 // pixels_each) * 32 / threads, pixels_each * depth / threads]
    lane = terms * (4 * rows * 8 + rows + 8 + 6) + 5 * brought[0] + 6 * brought[1] + 40
    loaded = terms * 16 * (rows + 8) + 4 * sum(brought)
    per_stage = BLOCK_WARPS * stage_count
    block = Cycles(per_stage * lane / SCHEDULERS, per_stage * terms * 4 * rows * 8 * WARP_LANES / H100.lanes, per_stage * loaded * WARP_LANES / 128)
    channel_tiles = line.grid[1]
    adjoint_numbers = 4 * atoms * windows.positions
    return Need(fresh=adjoint_numbers, written=4 * windows.map, again=adjoint_numbers * (k * k / k * channel_tiles - 1), block=block, resident=4,
                blocks=math.ceil(phase / pixels_each) * channel_tiles * s**2, latency=stage_count * 2 * CACHE_LATENCY)


def gram_matrix(line):
    lambda1_count, rows, atoms, padded = line.numbers
    return small(math.ceil(rows / 32) * 1.3 + 3)


# By the name of the kernel without _n64: what it needs, from its launch and the step. Numbers are its arguments without pointers, in order.
KERNELS = {
    "encode_gauss_seidel": encode,
    "adjoint": adjoint,
    "outer_sums": lambda line, step: outer_sums(line),
    "add_partials": lambda line, step: add_partials(line),
    "dictionary_gradient": lambda line, step: dictionary_gradient(line),
    "penalty_gradients": lambda line, step: penalty_gradients(line),
    "add_penalty_gradients": lambda line, step: small(6),
    "signal_gradient": lambda line, step: signal_gradient(line),
    "batch_moments": lambda line, step: batch_moments(line),
    "normalize": lambda line, step: elementwise(fresh=line.numbers[1] * line.numbers[2], written=line.numbers[1] * line.numbers[2]),
    "batch_norm_backward": lambda line, step: batch_norm_backward(line),
    "blend_moments": lambda line, step: small(2),
    "average_pooling": lambda line, step: elementwise(fresh=line.numbers[0] * line.numbers[1]),
    "spread_pooling": lambda line, step: elementwise(written=line.numbers[0] * line.numbers[1]),
    # Sums of features, eight loads at a time.
    "classifier_forward": lambda line, step: small(line.numbers[1] / 8 + 2),
    "classifier_weight_gradient": lambda line, step: small(line.numbers[2] / 32 + 4),
    "classifier_input_gradient": lambda line, step: small(line.numbers[0] + 2),
    # Passes over the classes, whose logits and exponentials wait for each other.
    "softmax_cross_entropy": lambda line, step: small(3 * line.numbers[0]),
    "gram_matrix": lambda line, step: gram_matrix(line),
    "pack_dictionary": lambda line, step: elementwise(fresh=line.numbers[0] * line.numbers[2], written=line.numbers[0] * line.numbers[2]),
    "sgd_step": lambda line, step: elementwise(fresh=line.numbers[0], stale=2 * line.numbers[0], written=2 * line.numbers[0]),
    "find_non_finite": lambda line, step: elementwise(fresh=line.numbers[0]),
}


def check(lines):
    unknown = sorted({line.kernel for line in lines if line.kind == "launch"} - KERNELS.keys())
    if unknown:
        sys.exit(f"no formula in KERNELS for {', '.join(unknown)}")


def operation(line, step):
    if line.kind == "launch":
        return cost(KERNELS[line.kernel](line, step), line.blocks)
    [size] = line.numbers
    if line.kind in ("copy-in", "copy-out"):
        return Cost(size / (LOCKED if line.locked else PAGEABLE), "PCIe")
    return Cost(1e6 * (2 if line.kind == "copy" else 1) * size / MEMORY_BANDWIDTH + 1e6 * MEMORY_LATENCY / CLOCK, "memory")


# --- a step

# Of which the last counts: by then the host is as far ahead as it gets.
STEPS_SIMULATED = 4


@dataclass
class Row:
    count: int = 0
    work: float = 0
    gap: float = 0
    limits: dict | None = None


def simulate(lines, step, all_in_graph, host_work):
    """Microseconds of a step after some others, and its rows. The host goes ahead of the device as far as the log lets it."""
    host = device = 0.0
    for _ in range(STEPS_SIMULATED):
        rows, idle, begun = defaultdict(Row), 0.0, max(host, device)
        # Batches are made ready before they are sent.
        host += host_work + (GRAPH_LAUNCH if all_in_graph else 0)
        for line in lines:
            if line.kind == "graph" and not all_in_graph:
                host += GRAPH_LAUNCH
            elif line.kind == "wait" and not all_in_graph:
                # With operations submitted behind it the device goes on; else it stands still until the host has.
                host = max(host, device) + WAKE
            if line.kind not in OPERATIONS:
                continue
            in_graph = line.in_graph or all_in_graph
            if not in_graph:
                host += HOST_OPERATION
            done = operation(line, step)
            ready = device + (GRAPH_GAP if in_graph else STREAM_GAP)
            begin = max(ready, host)
            if line.kind == "copy-in" and not line.locked and not in_graph:
                # The driver stages what it copies, and returns when that is done.
                host += done.microseconds
            row = rows[line.kernel or line.kind]
            row.count += 1
            row.work += done.microseconds
            row.gap += begin - device
            row.limits = row.limits or defaultdict(float)
            row.limits[done.limit] += done.microseconds
            idle += begin - ready
            device = begin + done.microseconds
    return max(device, host) - begun, rows, idle


def report(name, lines, step, images, arguments):
    total, rows, idle = simulate(lines, step, arguments.graph, arguments.host)
    print(f"{name}, {images} images, ESTIMATE for an H100{', all in one graph' if arguments.graph else ''}:\n")
    print(f"{'operation':<28} {'number':>6} {'us':>9} {'waiting us':>10}  limit")
    for operation_name, row in sorted(rows.items(), key=lambda item: -item[1].work - item[1].gap):
        limit = max(row.limits, key=row.limits.get)
        print(f"{operation_name:<28} {row.count:>6} {row.work:>9.1f} {row.gap:>10.1f}  {limit}")
    work, gap = sum(row.work for row in rows.values()), sum(row.gap for row in rows.values())
    print(f"{'all':<28} {sum(row.count for row in rows.values()):>6} {work:>9.1f} {gap:>10.1f}")
    waits = 0 if arguments.graph else sum(line.kind == "wait" for line in lines)
    print(f"\nwaits of the host: {waits}; the device waits for the host for {idle:.0f} us")
    print(f"one step: {total:.0f} us, {images / total * 1e6:,.0f} images/s (estimate)")
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG")
    parser.add_argument("--graph", action="store_true", help="all operations in one graph")
    parser.add_argument("--counts", type=Path, default=STEPS / "instructions.json")
    parser.add_argument("--passes", type=Path, default=STEPS / "passes.json")
    parser.add_argument("--preset", help="whose passes, if the first line of the log does not say")
    parser.add_argument("--host", type=float, default=HOST_WORK, help="microseconds of the host's own work")
    arguments = parser.parse_args()
    kernels = load(arguments.counts)
    passes = json.loads(arguments.passes.read_text())
    for log in arguments.logs:
        texts = log.read_text().splitlines()
        title = re.match(r"# ([\w-]+), one training step of (\d+) images", texts[0])
        preset = arguments.preset or (title and title[1])
        if preset not in passes:
            sys.exit(f"{arguments.passes} has no preset {preset}: name one with --preset")
        lines = parse(texts)
        check(lines)
        report(preset, lines, Step(kernels, passes[preset]), int(title[2]) if title else 128, arguments)
        print()


if __name__ == "__main__":
    main()
