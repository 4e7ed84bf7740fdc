"""Times `scn solve` and SPAMS from a numpy file of signals to a numpy file of codes.

Reading, solving and writing are also timed separately. There are 1,000,000 signals of 144 numbers
over 64 atoms, in f32, with nonnegative codes, a fifth of them active, on two threads. All files are
in memory (/dev/shm), so no disk is read or flushed. Every command runs as a separate process, timed
from start to end. Repeats alternate, and the median is reported. Codes are compared by the KKT
residual of each column in float64.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from records import THREADS, conditions, save

ROWS, ATOMS, COLUMNS = 144, 64, 1_000_000
LAMBDA1 = 0.15
TOLERANCE = 1e-5
BLOCK = 50_000


def write_problem(folder, columns):
    """Writes random atoms of norm 1, and signals of a fifth of the atoms each, plus noise."""
    random = np.random.default_rng(1)
    dictionary = random.standard_normal((ROWS, ATOMS))
    dictionary = (dictionary / np.linalg.norm(dictionary, axis=0)).astype(np.float32)
    signals = np.empty((ROWS, columns), np.float32, order="F")
    for first in range(0, columns, BLOCK):
        width = min(BLOCK, columns - first)
        codes = np.abs(random.standard_normal((ATOMS, width))) * (random.random((ATOMS, width)) < 0.2)
        block = dictionary @ codes
        signals[:, first : first + width] = block + 0.1 * np.sqrt(np.mean(block**2)) * random.standard_normal(block.shape)
    np.save(folder / "D.npy", dictionary)
    np.save(folder / "X.npy", signals)


def spams_file(folder, kind):
    """The whole program of the peer, as users would write it."""
    import spams

    dictionary = np.asfortranarray(np.load(folder / "D.npy"), dtype=kind)
    signals = np.asfortranarray(np.load(folder / "X.npy"), dtype=kind)
    codes = spams.lasso(signals, D=dictionary, lambda1=LAMBDA1, lambda2=0.0, mode=2, pos=True, numThreads=THREADS)
    np.save(folder / f"{kind}.npy", codes.toarray())


def scn_command(binary, folder):
    files = ["--dictionary", folder / "D.npy", "--signals", folder / "X.npy", "--out", folder / "A.npy"]
    numbers = ["--lambda1", str(LAMBDA1), "--tolerance", str(TOLERANCE), "--threads", str(THREADS)]
    return [binary, "solve", *files, *numbers, "--json"]


def timed(command):
    start = time.perf_counter()
    result = subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start, result.stdout


def read_and_write(folder, codes_bytes):
    """Returns the seconds to read the signals in blocks and to write as many bytes as the codes have."""
    buffer = bytearray(BLOCK * ROWS * 4)
    start = time.perf_counter()
    with open(folder / "X.npy", "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    read = time.perf_counter() - start
    view = memoryview(buffer)
    start = time.perf_counter()
    with open(folder / "W.npy", "wb", buffering=0) as file:
        left = codes_bytes
        while left > 0:
            left -= file.write(view[: min(left, len(view))])
    written = time.perf_counter() - start
    (folder / "W.npy").unlink()
    return read, written


def residual(folder, name):
    """Returns the largest KKT residual of any column, relative to its largest correlation."""
    dictionary = np.load(folder / "D.npy").astype(np.float64)
    gram = dictionary.T @ dictionary
    signals, codes = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / name, mmap_mode="r")
    worst = 0.0
    for first in range(0, signals.shape[1], BLOCK):
        correlations = dictionary.T @ signals[:, first : first + BLOCK].astype(np.float64)
        block = codes[:, first : first + BLOCK].astype(np.float64)
        gradient = gram @ block - correlations + LAMBDA1
        error = np.abs(np.minimum(np.diag(gram)[:, None] * block, gradient)).max(axis=0)
        worst = max(worst, float((error / np.abs(correlations).max(axis=0)).max()))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scn", default="target/release/scn", help="the binary of this project")
    parser.add_argument("--quick", action="store_true", help="fewer signals, for a trial run")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, help="folder for the figures")
    parser.add_argument("--spams", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.spams:
        return spams_file(pathlib.Path(options.spams[0]), options.spams[1])
    columns = COLUMNS // 20 if options.quick else COLUMNS
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        folder = pathlib.Path(folder)
        write_problem(folder, columns)
        times = {"scn": [], "float32": [], "float64": [], "read": [], "solve": [], "write": []}
        for _ in range(options.repeats):
            seconds, report = timed(scn_command(options.scn, folder))
            times["scn"].append(seconds)
            times["solve"].append(json.loads(report)["seconds"])
            for kind in ("float32", "float64"):
                times[kind].append(timed([sys.executable, __file__, "--spams", folder, kind])[0])
            for name, seconds in zip(("read", "write"), read_and_write(folder, 4 * ATOMS * columns)):
                times[name].append(seconds)
        peak = subprocess.run(
            ["/usr/bin/time", "-f", "%M", *scn_command(options.scn, folder)], check=True, capture_output=True, text=True
        ).stderr
        record = {name: statistics.median(values) for name, values in times.items()}
        record.update(
            columns=columns, all_times=times, peak_kib=int(peak.split()[-1]),
            kkt={name: residual(folder, f"{file}.npy") for name, file in (("scn", "A"), ("float32", "float32"), ("float64", "float64"))},
        )
    store(options.out, record)


def store(folder, record):
    alone = record["read"] + record["solve"] + record["write"]
    save(folder, "files", [record], f"""# From file to file: `scn solve` and SPAMS

    scn-solvers/benches/peers/run-files

{conditions(("numpy", "spams-bin"))}
{__doc__}
| | seconds, median of {len(record["all_times"]["scn"])} | largest KKT residual |
|---|---|---|
| `scn solve` | {record["scn"]:.2f} | {record["kkt"]["scn"]:.0e} |
| SPAMS in f32 | {record["float32"]:.2f} | {record["kkt"]["float32"]:.0e} |
| SPAMS in f64 | {record["float64"]:.2f} | {record["kkt"]["float64"]:.0e} |
| reading, solving and writing separately | {record["read"]:.2f} + {record["solve"]:.2f} + {record["write"]:.2f} = {alone:.2f} | |

SPAMS takes {record["float32"] / record["scn"]:.1f} times as long in f32, where some of its codes are wrong, and
{record["float64"] / record["scn"]:.1f} times as long in f64 as `scn solve`, which takes {record["scn"] / alone:.2f} times as long as reading, solving and
writing take separately. Its peak of resident memory is {record["peak_kib"] / 1024:.0f} MiB (`/usr/bin/time -f %M`).
""")


if __name__ == "__main__":
    main()
