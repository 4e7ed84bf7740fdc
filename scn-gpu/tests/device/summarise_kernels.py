"""Summarises the kernels of a training step: times by events (scn bench train --json), times and counters by ncu, and
the expectations of the model of a step.

    summarise_kernels.py --bench BENCH [--ncu CSV] [--estimates JSON]    a table, longest times first
    summarise_kernels.py --bench BENCH --launches                        the number of launches of a step
"""

import argparse
import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

# Factors to microseconds and to bytes per second. With --print-units base, ncu reports nanoseconds and bytes. Older
# versions spell them out.
SCALES = {"ns": 1e-3, "nsecond": 1e-3, "us": 1, "usecond": 1, "ms": 1e3, "msecond": 1e3, "s": 1e6, "second": 1e6}
SCALES |= {f"{prefix}{unit}": factor for prefix, factor in [("", 1), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)] for unit in ("byte/s", "byte/second", "B/s")}
TIME = "gpu__time_duration.sum"
BYTES = "dram__bytes.sum.per_second"
ISSUE = "smsp__issue_active.avg.per_cycle_active"


@dataclass
class Profile:
    """All launches of a kernel. Bytes and issue are weighted by time."""

    launches: int = 0
    microseconds: float = 0
    bytes: float = 0
    issue: float = 0

    def add(self, values):
        time = values[TIME]
        self.launches += 1
        self.microseconds += time
        self.bytes += time * 1e-6 * values.get(BYTES, 0)
        self.issue += time * values.get(ISSUE, 0)


def load_bench(path):
    """Returns the JSON line of a log, which may have other lines."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("{")]
    return json.loads(lines[-1])


def load_ncu(path):
    """Returns profiles by kernel name without the padded number of atoms. ncu writes a line for each metric of each
    launch."""
    launches = defaultdict(dict)
    if path.exists():
        for row in csv.DictReader(line for line in path.read_text().splitlines() if line.startswith('"')):
            kernel = re.sub(r"_n\d+$", "", row["Kernel Name"].split("(")[0])
            value = float(row["Metric Value"].replace(",", "")) if row["Metric Value"] not in ("", "n/a") else 0.0
            launches[row["ID"], kernel][row["Metric Name"]] = value * SCALES.get(row["Metric Unit"], 1)
    profiles = defaultdict(Profile)
    for (_, kernel), values in launches.items():
        if TIME in values:
            profiles[kernel].add(values)
    return profiles


def table(bench, profiles, estimate):
    expected = estimate.get("kernels", {})
    peak = bench["peak_bytes_per_second"]
    yield f"{bench['preset']}: {rates(bench)}" + (f"; expected {estimate['microseconds'] / 1e3:.2f} ms" if estimate else "")
    yield f"{'kernel':<26} {'launches':>8} {'us':>9} {'ncu us':>9} {'expected':>9} {'TB/s':>6} {'of peak':>7} {'issue':>6}  expected limit"
    timed = {kernel["kernel"]: kernel for kernel in bench["kernels"]}
    # Kernels that only ncu has seen come last.
    for name in [*timed, *sorted(profiles.keys() - timed.keys())]:
        kernel, profile, model = timed.get(name), profiles.get(name), expected.get(name)
        columns = [
            (8, f"{kernel['launches']:.0f}" if kernel else f"{profile.launches}"),
            (9, f"{1e6 * kernel['seconds']:.1f}" if kernel else "-"),
            (9, f"{profile.microseconds:.1f}" if profile else "-"),
            (9, f"{model['microseconds']:.1f}" if model else "-"),
        ]
        bandwidth = profile.bytes / profile.microseconds * 1e6 if profile and profile.bytes else None
        columns += [(6, f"{bandwidth / 1e12:.2f}" if bandwidth else "-"), (7, f"{100 * bandwidth / peak:.0f} %" if bandwidth else "-")]
        columns += [(6, f"{profile.issue / profile.microseconds:.2f}" if profile and profile.issue else "-")]
        limit = model["limit"] if model else "-"
        yield f"{name:<26} " + " ".join(f"{text:>{width}}" for width, text in columns) + f"  {limit}"
    # Copies and fills of the model are not kernels.
    missing = sorted(name for name in expected.keys() - timed.keys() if name not in ("set", "copy", "copy-in", "copy-out"))
    if missing:
        yield f"expected, but missing: {', '.join(missing)}"
    sums = [sum(1e6 * kernel["seconds"] for kernel in timed.values()), sum(profile.microseconds for profile in profiles.values())]
    yield f"all kernels: {sums[0]:.0f} us by events, {sums[1]:.0f} us by ncu; outside kernels {1e6 * bench['outside_kernels_seconds']:.0f} us"


def rates(bench):
    return f"{bench['images_per_second']:.0f} images/s, {1e3 * bench['seconds_per_step']:.3f} ms per step, {100 * bench['share_of_peak']:.1f} % of peak"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--ncu", type=Path, metavar="CSV")
    parser.add_argument("--estimates", type=Path, metavar="JSON")
    parser.add_argument("--launches", action="store_true")
    arguments = parser.parse_args()
    bench = load_bench(arguments.bench)
    if arguments.launches:
        print(round(sum(kernel["launches"] for kernel in bench["kernels"])))
        return
    profiles = load_ncu(arguments.ncu) if arguments.ncu else {}
    estimates = json.loads(arguments.estimates.read_text()) if arguments.estimates else {}
    for line in table(bench, profiles, estimates.get(bench["preset"], {})):
        print(line)


if __name__ == "__main__":
    main()
