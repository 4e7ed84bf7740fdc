#!/usr/bin/env python3
"""Counts what one training step requires of a device, with the stand-in driver and without running a kernel.

    count_step.py [--preset cifar10-scn1] [--batch-size 128] [--scn PROGRAM] [--build FOLDER] [--log FILE]
                  [--no-graph] [--at-most OPERATIONS] [--idle-waits WAITS] [-- MORE ARGUMENTS OF scn bench train]

`scn bench train --device cuda` runs twice, with one more step the second time. The lines that only the second log has
are one step in the steady state, when all memory is allocated and all kernels are loaded. --log keeps these lines, for
step_model.py. With --at-most and --idle-waits, the program fails if the step has more launches, copies and sets, or
more waits that leave the device idle. The operations of a graph count as if they were submitted one by one; --no-graph
runs without graphs.

Needs the stand-in (`make -C scn-gpu/tests/host BUILD=... libcuda`) and NVRTC. scn-gpu/tests/host/run prepares both in
target/gpu-host.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from step_log import OPERATIONS, parse

# Steps before the counted one. By then, all memory, kernels and graphs exist.
SETTLED = 4


def run(arguments, steps, log):
    """Returns the log of this many steps, and of one more with events, which both runs have."""
    command = [arguments.scn, "bench", "train", "--device", "cuda", "--preset", arguments.preset, "--quiet", "--json"]
    command += ["--batch-size", str(arguments.batch_size), "--warm-up", str(steps), "--steps", "1", *arguments.more]
    libraries = [arguments.build, arguments.build / "nvrtc/nvidia/cuda_nvrtc/lib", *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    # The kernels are compiled once and cached beside the stand-in.
    variables = {"SCN_CUDA_GRAPH": "0" if arguments.no_graph else "1", "SCN_HOST_LOG": log, "SCN_HOST_DRY": "1", "SCN_HOST_MEMORY": str(64 << 30)}
    variables |= {"SCN_CUDA_CACHE": arguments.build / "cache", "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
    done = subprocess.run(command, env=os.environ | {name: str(value) for name, value in variables.items()}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return Path(log).read_text().splitlines()


def difference(fewer, more):
    """Returns the lines of the additional step: where the logs differ, the longer one begins its last step."""
    # The images of all steps are sent once, before the first step. Nothing else is as large.
    is_image_set = lambda line: line.split("\t")[0] in ("alloc", "copy-in") and int(line.split("\t")[1]) > 1 << 20
    fewer, more = ([line for line in lines if not is_image_set(line)] for lines in (fewer, more))
    at = next((index for index, pair in enumerate(zip(fewer, more)) if pair[0] != pair[1]), len(fewer))
    length = len(more) - len(fewer)
    step = more[at:at + length]
    if length <= 0 or fewer[at:] != more[at + length:]:
        sys.exit("the two runs differ by more than one step")
    return step


def table(lines):
    """Prints launches by kernel and other lines by kind. Returns the numbers of operations and of idle waits."""
    counts = Counter()
    for line in lines:
        counts[f"launch {line.kernel}" if line.kind == "launch" else line.kind] += 1
    for name, count in sorted(counts.items(), key=lambda item: (not item[0].startswith("launch"), -item[1], item[0])):
        print(f"{count:6}  {name}")
    operations = sum(line.kind in OPERATIONS for line in lines)
    waits = [line for line in lines if line.kind == "wait"]
    idle = sum(line.numbers[0] == 0 for line in waits)
    print(f"{operations:6}  launches, copies and sets in total")
    print(f"{len(waits):6}  waits, {idle} of which leave the device idle")
    return operations, idle


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="cifar10-scn1")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--scn", type=Path, default=Path("target/release/scn"))
    parser.add_argument("--build", type=Path, default=Path("target/gpu-host").resolve(), help="folder of the stand-in")
    parser.add_argument("--log", type=Path, help="file for the lines of the step")
    parser.add_argument("--at-most", type=int, help="maximum number of launches, copies and sets of the step")
    parser.add_argument("--idle-waits", type=int, help="maximum number of waits of the step that leave the device idle")
    parser.add_argument("--no-graph", action="store_true", help="do not record steps")
    parser.add_argument("more", nargs="*", help="further arguments of scn bench train")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    with tempfile.TemporaryDirectory() as folder:
        step = difference(*[run(arguments, steps, f"{folder}/{steps}.log") for steps in (SETTLED, SETTLED + 1)])
    if arguments.log:
        title = f"# {arguments.preset}, one training step of {arguments.batch_size} images\n"
        arguments.log.write_text(title + "".join(f"{line}\n" for line in step))
    print(f"{arguments.preset}, one training step of {arguments.batch_size} images:")
    operations, idle_waits = table(parse(step))
    for what, found, limit in [("launches, copies and sets", operations, arguments.at_most), ("idle waits", idle_waits, arguments.idle_waits)]:
        if limit is not None and found > limit:
            sys.exit(f"expected at most {limit} {what}, found {found}")


if __name__ == "__main__":
    main()
