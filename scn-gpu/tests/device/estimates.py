#!/usr/bin/env python3
"""What the model of a step (../host/step_model.py) expects of each kernel, as JSON on standard output: by preset, the microseconds of a step and, by
kernel, launches, microseconds and what limits it.

    estimates.py [LOG...]

The logs are those of ../host/steps/ if none is given. A step that the model cannot read is left out, with the reason on standard error.
"""

import json
import re
import sys
from pathlib import Path

HOST = Path(__file__).resolve().parent.parent / "host"
sys.path.insert(0, str(HOST))

import step_model  # noqa: E402


def estimate(preset, texts):
    lines = step_model.parse(texts)
    step_model.check(lines)
    kernels = step_model.load(step_model.STEPS / "instructions.json")
    passes = json.loads((step_model.STEPS / "passes.json").read_text())[preset]
    # In one graph: what is measured is recorded.
    total, rows, _ = step_model.simulate(lines, step_model.Step(kernels, passes), True, step_model.HOST_WORK)
    of_kernel = {
        name: {"launches": row.count, "microseconds": row.work, "limit": max(row.limits, key=row.limits.get)} for name, row in rows.items()
    }
    return {"microseconds": total, "kernels": of_kernel}


def main():
    logs = [Path(name) for name in sys.argv[1:]] or sorted((HOST / "steps").glob("*.log"))
    estimates = {}
    for log in logs:
        texts = log.read_text().splitlines()
        title = re.match(r"# ([\w-]+), one training step of (\d+) images", texts[0])
        try:
            estimates[title[1]] = estimate(title[1], texts)
        except SystemExit as reason:
            print(f"{log}: no estimate: {reason}", file=sys.stderr)
    json.dump(estimates, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
