"""Prints the epochs of a run, one per line. With a second run, checks whether the two learn the same.

    summarise_metrics.py RUN [--beside RUN]
"""

import argparse
import json
import sys
from pathlib import Path

# How far training losses may differ between two devices. Both solve codes to 1e-3, but with different passes. On the
# digits, the kernels with the stand-in driver differ from the CPU by 0.1 % in the first epoch. Steps with a rate of 0.1
# then drive them apart, by 12 % in the second epoch. A network that does not learn has three times the loss of one that
# does.
FIRST_EPOCH = 0.02
LATER_EPOCHS = 0.4


def epochs(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def describe(epoch):
    layers = epoch["layers"]
    passes = sum(layer["passes"] for layer in layers) / len(layers)
    unconverged = sum(layer["unconverged"] for layer in layers)
    # A residual of NaN is stored as null.
    residual = max((layer["kkt"] for layer in layers if layer["kkt"] is not None), default=float("nan"))
    test = ", test {:.4f} {:.2f} %".format(epoch["test_loss"], 100 * epoch["test_error"]) if epoch.get("test_loss") is not None else ""
    return (
        f"epoch {epoch['epoch']}: {epoch['images_per_second']:.0f} images/s, loss {epoch['train_loss']:.4f} {100 * epoch['train_error']:.2f} %{test}, "
        f"{passes:.1f} passes, {unconverged} unconverged, residual {residual:.1e}"
    )


def compare(found, expected):
    if len(found) != len(expected) or not found:
        sys.exit(f"found {len(found)} epochs, expected {len(expected)}")
    differences = [abs(a["train_loss"] / b["train_loss"] - 1) for a, b in zip(found, expected)]
    allowed = [FIRST_EPOCH] + [LATER_EPOCHS] * (len(found) - 1)
    said = ", ".join(f"{100 * difference:.2f} % (at most {100 * limit:.0f} %)" for difference, limit in zip(differences, allowed))
    print(f"training losses differ by {said}")
    # NaN is not a small difference.
    if not all(difference <= limit for difference, limit in zip(differences, allowed)):
        sys.exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--beside", type=Path, metavar="RUN")
    arguments = parser.parse_args()
    try:
        run = epochs(arguments.run)
        beside = arguments.beside and epochs(arguments.beside)
    except OSError as error:
        sys.exit(str(error))
    for epoch in run:
        print(describe(epoch))
    if beside:
        compare(run, beside)


if __name__ == "__main__":
    main()
