#!/usr/bin/env python3
"""Counts what one training step asks of a device, behind the stand-in driver, without running a kernel.

    count_step.py [--preset cifar10-scn1] [--batch-size 128] [--scn PROGRAM] [--build FOLDER] [--log FILE]
                  [--no-graph] [--at-most OPERATIONS] [--idle-waits WAITS] [-- MORE ARGUMENTS OF scn bench train]

`scn bench train --device cuda` runs twice, with one step more the second time. What the second log has more than the first is one step in the
steady state: all memory is allocated, all kernels are loaded. --log keeps the lines of this step, for step_model.py. With --at-most and --idle-waits
the program fails if the step has more launches, copies and sets, or more waits that leave the device with nothing to do. What a graph does counts as
if it were asked for one by one; --no-graph does without.

Needs the stand-in (`make -C scn-gpu/tests/host BUILD=... libcuda`) and NVRTC, which scn-gpu/tests/host/run both prepares in target/gpu-host.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from step_log import OPERATIONS, parse

# Steps before the one that is counted: memory, kernels and graphs are all there by then.
SETTLED = 4


def run(arguments, steps, log):
    """The log of so many steps, and of one more with events, which both runs have."""
    command = [arguments.scn, "bench", "train", "--device", "cuda", "--preset", arguments.preset, "--quiet", "--json"]
    command += ["--batch-size", str(arguments.batch_size), "--warm-up", str(steps), "--steps", "1", *arguments.more]
    libraries = [arguments.build, arguments.build / "nvrtc/nvidia/cuda_nvrtc/lib", *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    # The kernels are compiled once and kept beside the stand-in.
    variables = {"SCN_CUDA_GRAPH": "0" if arguments.no_graph else "1", "SCN_HOST_LOG": log, "SCN_HOST_DRY": "1", "SCN_HOST_MEMORY": str(64 << 30)}
    variables |= {"SCN_CUDA_CACHE": arguments.build / "cache", "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
    done = subprocess.run(command, env=os.environ | {name: str(value) for name, value in variables.items()}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return Path(log).read_text().splitlines()


def difference(fewer, more):
    """The lines of the step that `more` has besides: where the logs part, the longer one begins its last step."""
    # The images of all steps are sent once, before the first, and are the only large thing that is.
    is_image_set = lambda line: line.split("\t")[0] in ("alloc", "copy-in") and int(line.split("\t")[1]) > 1 << 20
    fewer, more = ([line for line in lines if not is_image_set(line)] for lines in (fewer, more))
    at = next((index for index, pair in enumerate(zip(fewer, more)) if pair[0] != pair[1]), len(fewer))
    length = len(more) - len(fewer)
    step = more[at:at + length]
    if length <= 0 or fewer[at:] != more[at + length:]:
        sys.exit("the two runs differ by more than a step")
    return step


def table(lines):
    """Launches by kernel, other lines by kind."""
    counts = Counter()
    for line in lines:
        counts[f"launch {line.kernel}" if line.kind == "launch" else line.kind] += 1
    for name, count in sorted(counts.items(), key=lambda item: (not item[0].startswith("launch"), -item[1], item[0])):
        print(f"{count:6}  {name}")
    operations = sum(line.kind in OPERATIONS for line in lines)
    waits = [line for line in lines if line.kind == "wait"]
    idle = sum(line.numbers[0] == 0 for line in waits)
    print(f"{operations:6}  launches, copies and sets in all")
    print(f"{len(waits):6}  waits, {idle} of them with nothing left for the device to do")
    return operations, idle


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="cifar10-scn1")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--scn", type=Path, default=Path("target/release/scn"))
    parser.add_argument("--build", type=Path, default=Path("target/gpu-host").resolve(), help="where the stand-in is")
    parser.add_argument("--log", type=Path, help="file for the lines of the step")
    parser.add_argument("--at-most", type=int, help="launches, copies and sets that the step may have")
    parser.add_argument("--idle-waits", type=int, help="waits with nothing left for the device to do that the step may have")
    parser.add_argument("--no-graph", action="store_true", help="steps are not recorded")
    parser.add_argument("more", nargs="*", help="more arguments of scn bench train")
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
