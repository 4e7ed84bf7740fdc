#!/usr/bin/env python3
"""Estimates the time of a training step on an H100 from the log of one step (count_step.py --log). No device has
confirmed the estimate.

    step_model.py [--graph] [--attained 0.6 0.8] [--tile-loads assumed|counted] [--counts steps/instructions.json]
                  [--passes steps/passes.json] [--preset NAME] [--host MICROSECONDS] LOG...

A kernel takes as long as the slowest of its needs: bytes from memory and from L2, instructions, multiply-adds, loads to
registers, numbers in f64, and what a block has to wait for one after another (latency). The work of a multiprocessor
follows from the grid: a grid of 16 blocks uses 16 multiprocessors. Between operations, the device waits for the next
one, and for the host if the host waits for the device.

--graph        puts all operations of the step into one graph, if the log has none
--attained     fractions of the peak rates of instructions and loads that kernels attain; the table is for the first
--tile-loads   instructions per number loaded into the tiles of a product: assumed at first, or counted in the
               compiled kernels
--counts FILE  instructions of the loops, from instructions.py --architectures 90 --json FILE
--passes FILE  passes of codes and adjoint of each layer by preset, as scn bench train reports them on the CPU
--host         microseconds of the host's work on a batch before it submits the step

The fraction of 0.6 was chosen with earlier estimates of 22,000 (cifar10-scn1) and 8,000 images/s (cifar10-scn4) for the
original step in view. That the model comes near them is no independent evidence for either, and many constants are
cited from memory. The model is useful to see where the time goes and what a change might bring.

steps/ has the present step and the original one (NAME-as-it-was.log: 400 operations and 15 waits). An unknown kernel is
an error: add a line to KERNELS of step_kernels.py.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import step_kernels
import step_kernels_before
from instructions import load
from step_device import ATTAINED, CLOCK, MEMORY_BANDWIDTH, MEMORY_LATENCY, Cost, cost
from step_kernels import ASSUMED, Step
from step_log import OPERATIONS, parse

STEPS = Path(__file__).resolve().parent / "steps"

# --- between operations, in microseconds

# From memory: the host's time to submit a launch, copy or set: about 2 to 2.5 us in the driver (Gray, "Getting Started
# with CUDA Graphs", NVIDIA technical blog, 2019), and the work of this crate, which looks up the kernel and makes the
# context current.
HOST_OPERATION = 2.75
# From memory: from the end of one operation to the first instructions of the next, if the host is ahead: 3.8 us per
# kernel of 2.9 us in a stream, 3.4 us in a graph (the same blog, V100), and the time in which a grid starts and ends,
# which no formula below includes.
STREAM_GAP = 1.5
GRAPH_GAP = 1.0
# From memory: the launch of a graph: 2.5 us and a nanosecond per operation (NVIDIA technical blog, "Constant Time
# Launch for Straight-Line CUDA Graphs", 2024), and the way of the first operation to the device.
GRAPH_LAUNCH = 6.0
# From memory: from the end of the device's work until the host continues: a kernel of 2.9 us takes 9.6 us if the host
# waits for each (Gray), which leaves 4 to 5 us besides the launch. A copy to memory that is not page-locked is also
# staged, and the thread may have to be woken: 10 to 20 us in total.
WAKE = 12.0
# The host's work on a batch that it makes itself: 0.2 ms per step on an EPYC
# (docs/performance/2026-11-25-epyc-zen5/networks.md, loading).
HOST_BATCH = 200.0
# The host's work on a batch for which it only chooses images, flips and shifts: REASONED, not measured. 128 images with
# four draws of about 10 ns and an uncached label of up to 100 ns, the table checked and written, the order of an
# epoch's 50,000 images shared by its 391 steps (2 us), and the report of the previous step.
HOST_PICKS = 25.0
# From memory: bytes per microsecond: copies from and to host memory that is not page-locked (CUDA best practices guide:
# staged by the driver; about 10 GB/s), and page-locked (PCIe 5.0 x16: 63 GB/s, of which nine tenths).
PAGEABLE = 10e3
LOCKED = 57e3

# --- operations

def formulas(lines):
    """Returns the formulas of the present kernels, or of the original ones: kernels of the same name had different
    arguments."""
    kernels = {line.kernel for line in lines if line.kind == "launch"}
    for module in (step_kernels, step_kernels_before):
        if kernels <= module.KERNELS.keys():
            return module
    sys.exit(f"no formula in KERNELS for {', '.join(sorted(kernels - step_kernels.KERNELS.keys()))}")


def operation(line, step, attained):
    if line.kind == "launch":
        return cost(step.formulas[line.kernel](line, step), line.blocks, attained)
    [size] = line.numbers
    if line.kind in ("copy-in", "copy-out"):
        return Cost(size / (LOCKED if line.locked else PAGEABLE), "PCIe")
    return Cost(1e6 * (2 if line.kind == "copy" else 1) * size / MEMORY_BANDWIDTH + 1e6 * MEMORY_LATENCY / CLOCK, "memory")


# --- a step

# Only the last of these counts: by then, the host is as far ahead as it gets.
STEPS_SIMULATED = 4


@dataclass
class Row:
    count: int = 0
    work: float = 0
    gap: float = 0
    limits: dict | None = None


def simulate(lines, step, all_in_graph, host_work, attained):
    """Returns the microseconds of a step after some others, its rows, and how long the device waits for the host. The
    host runs ahead of the device as far as the log allows."""
    host = device = 0.0
    # When each operation was done.
    done_at, before = [], 0.0
    for _ in range(STEPS_SIMULATED):
        rows, idle, begun = defaultdict(Row), 0.0, before
        # Batches are prepared before they are sent.
        host += host_work + (GRAPH_LAUNCH if all_in_graph else 0)
        for line in lines:
            if line.kind == "graph" and not all_in_graph:
                host += GRAPH_LAUNCH
            elif line.kind == "wait" and not all_in_graph:
                # With operations submitted behind it, the device continues. Otherwise it is idle until the host
                # continues. The host may wait for work of the previous step, which does not exist for the first step.
                [behind] = line.numbers
                awaited = done_at[-1 - behind] if behind < len(done_at) else 0.0
                if awaited > host:
                    host = awaited + WAKE
            if line.kind not in OPERATIONS:
                continue
            in_graph = line.in_graph or all_in_graph
            if not in_graph:
                host += HOST_OPERATION
            done = operation(line, step, attained)
            ready = device + (GRAPH_GAP if in_graph else STREAM_GAP)
            begin = max(ready, host)
            if line.kind == "copy-in" and not line.locked and not in_graph:
                # The driver stages the copy and returns when that is done.
                host += done.microseconds
            row = rows[line.kernel or line.kind]
            row.count += 1
            row.work += done.microseconds
            row.gap += begin - device
            row.limits = row.limits or defaultdict(float)
            row.limits[done.limit] += done.microseconds
            idle += begin - ready
            device = begin + done.microseconds
            done_at.append(device)
        before = max(host, device)
    return before - begun, rows, idle


@dataclass
class Log:
    """The log of a step, and what its formulas need."""

    preset: str
    images: int
    lines: list
    step: Step

    def host_work(self):
        """Returns microseconds. Images that stay on the device are only chosen."""
        return HOST_PICKS if any(line.kernel == "make_batch" for line in self.lines) else HOST_BATCH

    def has_graph(self):
        return any(line.kind == "graph" for line in self.lines)


def read(path, preset=None, tile_loads="assumed", counts=None, passes=STEPS / "passes.json"):
    texts = path.read_text().splitlines()
    title = re.match(r"# ([\w-]+), one training step of (\d+) images", texts[0])
    preset = preset or (title and title[1])
    passes_of = json.loads(passes.read_text())
    if preset not in passes_of:
        sys.exit(f"{passes} has no preset {preset}: name one with --preset")
    lines = parse(texts)
    known = formulas(lines)
    loads = ASSUMED if tile_loads == "assumed" else known.COUNTED
    step = Step(load(counts or STEPS / known.INSTRUCTIONS), passes_of[preset], lines, known.KERNELS, loads)
    return Log(preset, int(title[2]) if title else 128, lines, step)


def report(log, arguments):
    name, lines, step, images = log.preset, log.lines, log.step, log.images
    in_one = arguments.graph and not log.has_graph()
    host_work = arguments.host if arguments.host is not None else log.host_work()
    results = [simulate(lines, step, in_one, host_work, attained) for attained in arguments.attained]
    total, rows, idle = results[0]
    print(f"{name}, {images} images, ESTIMATE for an H100{', all in one graph' if in_one else ''}; kernels attain {arguments.attained[0]:g}:\n")
    print(f"{'operation':<28} {'number':>6} {'us':>9} {'waiting us':>10}  limit")
    for operation_name, row in sorted(rows.items(), key=lambda item: -item[1].work - item[1].gap):
        limit = max(row.limits, key=row.limits.get)
        print(f"{operation_name:<28} {row.count:>6} {row.work:>9.1f} {row.gap:>10.1f}  {limit}")
    work, gap = sum(row.work for row in rows.values()), sum(row.gap for row in rows.values())
    print(f"{'all':<28} {sum(row.count for row in rows.values()):>6} {work:>9.1f} {gap:>10.1f}")
    waits = 0 if in_one else sum(line.kind == "wait" and line.numbers == [0] for line in lines)
    print(f"\nwaits of the host that leave the device idle: {waits}; the device waits {idle:.0f} us for the host")
    for attained, (total, _, _) in zip(arguments.attained, results):
        print(f"{name}, one step: {total:.0f} us, {images / total * 1e6:,.0f} images/s (estimate, kernels attain {attained:g})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG")
    parser.add_argument("--graph", action="store_true", help="put all operations into one graph, if the log has none")
    parser.add_argument("--attained", type=float, nargs="+", default=ATTAINED, help="fractions of the peak rates that kernels attain")
    parser.add_argument("--tile-loads", choices=["assumed", "counted"], default="assumed", help="instructions per number loaded into tiles")
    parser.add_argument("--counts", type=Path, help="instructions of the loops, instead of those in steps/")
    parser.add_argument("--passes", type=Path, default=STEPS / "passes.json")
    parser.add_argument("--preset", help="preset of the passes, if the first line of the log does not name one")
    parser.add_argument("--host", type=float, help="microseconds of the host's work on a batch")
    arguments = parser.parse_args()
    for path in arguments.logs:
        report(read(path, arguments.preset, arguments.tile_loads, arguments.counts, arguments.passes), arguments)
        print()


if __name__ == "__main__":
    main()
