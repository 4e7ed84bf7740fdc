"""The model of an H100 for step_model.py: its constants, and the time of a kernel with given needs.

No constant was measured here. Where one is marked "from memory", the source is named but was not read again when the
number was written down.
"""

import math
from dataclasses import dataclass

from roofline import DEVICES, Cycles

# --- the device: an H100 with 80 GB of HBM3 (SXM5)

# The numbers of multiprocessors (132) and lanes (128) and the clock (1.98 GHz) are those of roofline.py, from the 66.9
# TFLOP/s of the data sheet (from memory).
H100 = DEVICES[90]
CLOCK = H100.clock()
# From memory: 3.35 TB/s (data sheet, nvidia.com/en-us/data-center/h100), of which copies of large arrays reach nine
# tenths (ASSUMED, as on earlier devices).
MEMORY_BANDWIDTH = 0.9 * 3.35e12
# From memory: 5.5 to 5.7 TB/s measured on an H100 PCIe (chipsandcheese.com, "Nvidia's H100: Funny L2, and Tons of
# Bandwidth", 2023).
CACHE_BANDWIDTH = 5.5e12
# From memory: 50 MB (Hopper tuning guide, docs.nvidia.com/cuda/hopper-tuning-guide), in two halves, each of which may
# keep a copy of what the other has.
CACHE = 25e6
# From memory: bytes per cycle from L2 to a multiprocessor: 64, as on the A100 (Choquette and Gandhi, "NVIDIA A100 GPU",
# Hot Chips 32, 2020).
PORT_BYTES = 64
# From memory: cycles from a load to its result, from L2 and from memory of an H100 (Luo et al., "Benchmarking and
# Dissecting the Nvidia Hopper GPU Architecture", arXiv:2402.13499, table of latencies: 263 and 479).
CACHE_LATENCY = 263
MEMORY_LATENCY = 479
# From memory: results per cycle of a multiprocessor (CUDA C++ programming guide, throughput of native arithmetic
# instructions): f64 arithmetic of compute capability 9.0, and conversions between f32 and f64 as for 7.0 and 8.0.
DOUBLES = 64
CONVERSIONS = 16
# Cycles between two dependent additions in f64: assumed to be twice the 4 of f32.
DOUBLE_LATENCY = 8
# Cycles from a load to its result from the L1 cache. From memory: about 40 on an H100 (Luo et al.).
FIRST_CACHE_LATENCY = 40
# Cycles of a sum over a block in f64 (kernels/reduce.cuh): five shuffles, each with an addition, then two barriers and
# eight numbers from shared memory, added one after another. Latencies from memory: a shuffle and shared memory about 25
# to 30 cycles, a barrier 20.
BLOCK_SUM = 5 * (25 + DOUBLE_LATENCY) + 2 * 20 + 30 + 8 * DOUBLE_LATENCY
# Fraction of the peak rates of instructions and loads that a kernel attains, because its few warps wait for loads,
# shuffles and barriers. ASSUMED, and chosen with earlier estimates of 22,000 and 8,000 images/s in view: that the
# original step comes near them is no evidence for either. step_model.py prints the estimate for both ends of this
# range.
ATTAINED = (0.6, 0.8)

# --- the needs of a kernel

@dataclass
class Need:
    """Needs of the whole grid, except where they are those of a single block."""

    # Bytes that the previous kernel has left in L2 if they fit, other bytes that are read, and bytes that are written.
    fresh: float = 0
    stale: float = 0
    written: float = 0
    # Bytes that pass through L2 again.
    again: float = 0
    # Cycles that a multiprocessor spends on one block in its three units and in f64, and the latency of a block.
    block: Cycles | None = None
    doubles: float = 0
    latency: float = 0
    # Blocks on a multiprocessor at the same time.
    resident: int = 8
    # Number of blocks that have work, if not the whole grid.
    blocks: int | None = None


@dataclass
class Cost:
    microseconds: float
    limit: str


def cost(need, blocks, attained):
    blocks = need.blocks or blocks
    rounds = math.ceil(blocks / H100.multiprocessors)
    limits = {}
    in_cache = need.fresh if need.fresh <= CACHE else 0
    memory = need.stale + need.written + need.fresh - in_cache
    limits["memory"] = memory / MEMORY_BANDWIDTH
    through_cache = need.fresh + need.stale + need.written + need.again
    limits["second cache"] = through_cache / CACHE_BANDWIDTH
    # With few blocks, each has one port.
    limits["port"] = through_cache / (min(blocks, H100.multiprocessors) * PORT_BYTES * CLOCK)
    if need.block:
        limits["issue"] = rounds * need.block.issue / attained / CLOCK
        limits["FFMA"] = rounds * need.block.multiply / attained / CLOCK
        limits["loads"] = rounds * need.block.load / attained / CLOCK
    limits["f64"] = rounds * need.doubles / CLOCK
    waves = math.ceil(blocks / (H100.multiprocessors * need.resident))
    limits["latency"] = waves * need.latency / CLOCK
    limit = max(limits, key=limits.get)
    return Cost(1e6 * limits[limit], limit)
