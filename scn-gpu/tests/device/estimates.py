#!/usr/bin/env python3
"""Writes what the model of a step (../host/step_model.py) expects of each kernel, as JSON to standard output: by
preset, the microseconds of a step and, by kernel, launches, microseconds and the limiting resource.

    estimates.py [LOG...]

By default, the logs are those of the present step in ../host/steps/.
"""

import json
import sys
from pathlib import Path

HOST = Path(__file__).resolve().parent.parent / "host"
sys.path.insert(0, str(HOST))

import step_model  # noqa: E402
from step_device import ATTAINED  # noqa: E402


def estimate(log):
    # In one graph, even if the log has none, because measured steps are recorded.
    total, rows, _ = step_model.simulate(log.lines, log.step, not log.has_graph(), log.host_work(), ATTAINED[0])
    of_kernel = {
        name: {"launches": row.count, "microseconds": row.work, "limit": max(row.limits, key=row.limits.get)} for name, row in rows.items()
    }
    return {"microseconds": total, "kernels": of_kernel}


def main():
    # The original step is left out.
    today = (log for log in sorted(step_model.STEPS.glob("*.log")) if not log.stem.endswith("-as-it-was"))
    logs = map(step_model.read, [Path(name) for name in sys.argv[1:]] or today)
    json.dump({log.preset: estimate(log) for log in logs}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
