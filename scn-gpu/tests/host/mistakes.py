"""Builds kernels with one mistake each and checks that the detector named for it finds it: a detector that finds
nothing proves nothing.

mistake_list.py defines the changes. A change that no longer fits the sources is an error, and so is a mistake that is
not found.
"""

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mistake_list import MISTAKES

HOST = Path(__file__).resolve().parent
KERNELS = HOST.parent.parent / "kernels"

# What each detector runs, and what its output then contains.
DETECTORS = {
    "bits": ("replay", ["--order", "reverse"], "differ"),
    "stop": ("replay", ["--order", "reverse"], "cuda_on_host: "),
    "address": ("replay-address", ["--order", "reverse"], "ERROR: AddressSanitizer"),
    "undefined": ("replay-address", ["--order", "reverse"], "runtime error: "),
    "thread": ("replay-thread", ["--order", "random:7", "--threads", "2048", "--each", "4"], "WARNING: ThreadSanitizer: data race"),
}


class Broken(Exception):
    """The list does not match the sources."""


def change(kernels, mistake):
    """Copies the kernels and makes the mistake in the copy."""
    shutil.rmtree(kernels, ignore_errors=True)
    shutil.copytree(KERNELS, kernels)
    path = kernels / mistake.file
    text = path.read_text()
    count = text.count(mistake.old)
    if count != 1:
        raise Broken(f"expected the text to change once in {mistake.file}, found it {count} times")
    path.write_text(text.replace(mistake.old, mistake.new))


def find(mistake, folder, recording):
    """Returns None if the mistake is found, or else the output of the detector."""
    folder = folder / mistake.name.replace(" ", "-")
    kernels = folder / "kernels"
    change(kernels, mistake)
    program, options, word = DETECTORS[mistake.detector]
    defines = f"-DPADDED_ATOMS={mistake.atoms}" if mistake.atoms else ""
    settings = [f"BUILD={folder}", f"KERNELS={kernels}", f"UNITS={mistake.unit}", f"DEFINES={defines}"]
    # Everything that does not depend on the kernels is already built.
    for part in ["runtime", "runtime-thread", "replay.o", "recording.o"]:
        link = folder / part
        if not link.exists():
            link.symlink_to(folder.parent.parent / part)
    built = subprocess.run(["make", "-s", "-C", HOST, *settings, program], capture_output=True, text=True)
    if built.returncode != 0:
        raise Broken(f"does not compile: {built.stderr}")
    command = [folder / program, *options, "--kernels", mistake.kernels, recording]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    said = run.stdout + run.stderr
    return None if run.returncode != 0 and word in said else said or "nothing"


def judge(mistake, folder, recording):
    title = f"{mistake.name}, by {mistake.detector}"
    try:
        said = find(mistake, folder, recording)
    except (Broken, subprocess.TimeoutExpired) as error:
        return False, f"BROKEN {title}: {error}"
    if said is not None:
        return False, f"MISSED {title}; output: {said[-2000:]}"
    return True, f"found {title}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--recording", type=Path, required=True)
    parser.add_argument("--only", help="make only mistakes whose name contains this")
    arguments = parser.parse_args()
    folder = arguments.build.resolve()
    mistakes = [mistake for mistake in MISTAKES if (arguments.only or "") in mistake.name]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda mistake: judge(mistake, folder, arguments.recording.resolve()), mistakes))
    for _, line in results:
        print(line)
    found = sum(is_found for is_found, _ in results)
    print(f"{found} of {len(results)} mistakes found")
    sys.exit(0 if results and found == len(results) else 1)


if __name__ == "__main__":
    main()
