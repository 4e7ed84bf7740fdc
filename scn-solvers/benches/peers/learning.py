"""How long `scn learn` and common Python packages take to learn a dictionary of the same quality.

There are two problems, both in f32, with nonnegative codes and signals of norm 1: grey 8 x 8 patches
of the training images of CIFAR-10 without their mean (64 x 100,000, 256 atoms, lambda1 = 0.15), and
the digits of MNIST (784 x 60,000, 100 atoms, lambda1 = 0.15). Peers run 1,000 iterations on batches
of 400, on two threads. Times start from arrays in memory. The quality of a dictionary is the mean of
1/2 ||x - D a||^2 + lambda1 1'a over 10,000 other signals, with codes of `scn solve` to a KKT
residual of 1e-6. `scn learn` runs for longer and longer, from the beginning each time, until it is
at least as good as the peer, and the time of the last run is reported. The first run has a 200th of
the peer's time, so 200 means "at least". `scn learn` holds out no signals and does not stop early.
"""

import argparse
import gzip
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

from records import THREADS, conditions, save

BATCH = 400
ITERATIONS = 1000
OTHERS = 10_000
# Time budgets of `scn learn`: the first, as a fraction of the peer's time, and the growth factor.
FIRST, FACTOR = 1 / 200, 1.25


class Problem:
    """Signals to learn from and others to measure on, one per column, of norm 1."""

    def __init__(self, name, signals, others, atoms, lambda1):
        self.name, self.atoms, self.lambda1 = name, atoms, lambda1
        self.signals, self.others = unit(signals), unit(others)


def unit(signals):
    return np.asfortranarray(signals / np.linalg.norm(signals, axis=0), dtype=np.float32)


def patches(folder):
    """Returns grey patches from random places of random images."""
    count = 110_000
    files = sorted((folder / "cifar-10-batches-bin").glob("data_batch_*.bin"))
    images = np.concatenate([np.fromfile(file, dtype=np.uint8).reshape(-1, 3073) for file in files])
    grey = images[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32).mean(axis=1)
    random = np.random.default_rng(0)
    places = zip(random.integers(0, len(grey), 2 * count), *random.integers(0, 25, (2, 2 * count)))
    found = np.stack([grey[i, y : y + 8, x : x + 8].ravel() for i, y, x in places])
    found -= found.mean(axis=1, keepdims=True)
    # Flat patches have no direction.
    found = found[np.linalg.norm(found, axis=1) > 1e-3][:count].T
    return Problem("patches of CIFAR-10", found[:, OTHERS:], found[:, :OTHERS], 256, 0.15)


def digits(folder):
    def images(name):
        path = next(path for path in (folder / "mnist").glob(name + "*"))
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 784).T.astype(np.float32)

    return Problem("digits of MNIST", images("train-images"), images("t10k-images"), 100, 0.15)


def spams_learn(problem, seed):
    import spams

    np.random.seed(seed)
    order = np.random.default_rng(seed).permutation(problem.signals.shape[1])
    signals = np.asfortranarray(problem.signals[:, order])
    start = time.perf_counter()
    dictionary = spams.trainDL(
        signals, K=problem.atoms, lambda1=problem.lambda1, iter=ITERATIONS, batchsize=BATCH, mode=2, posAlpha=True,
        numThreads=THREADS, verbose=False,
    )
    return time.perf_counter() - start, np.asarray(dictionary)


def sklearn_learn(problem, seed):
    import sklearn.decomposition

    rows = np.ascontiguousarray(problem.signals.T)
    batches = -(-rows.shape[0] // BATCH)
    model = sklearn.decomposition.MiniBatchDictionaryLearning(
        problem.atoms, alpha=problem.lambda1, batch_size=BATCH, max_iter=-(-ITERATIONS // batches), max_no_improvement=None,
        tol=0, fit_algorithm="cd", positive_code=True, n_jobs=THREADS, random_state=seed,
    )
    start = time.perf_counter()
    model.fit(rows)
    return time.perf_counter() - start, model.components_.T


def scn_learn(binary, problem, folder, seconds, seed):
    command = f"{binary} learn --atoms {problem.atoms} --lambda1 {problem.lambda1} --tolerance 0 --held-out 0 --threads {THREADS} --json"
    command += f" --seed {seed} --seconds {seconds}"
    command = command.split() + ["--signals", folder / "X.npy", "--out", folder / "L.npy"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return report["seconds"], report["steps"], np.load(folder / "L.npy")


def objective(binary, problem, folder, dictionary):
    """Returns the mean objective over the other signals."""
    dictionary = np.ascontiguousarray(dictionary, dtype=np.float64)
    np.save(folder / "D.npy", dictionary)
    command = f"{binary} solve --lambda1 {problem.lambda1} --tolerance 1e-6 --threads {THREADS} --quiet"
    files = ["--dictionary", folder / "D.npy", "--signals", folder / "Y.npy", "--out", folder / "A.npy"]
    subprocess.run(command.split() + files, check=True)
    others, codes = problem.others.astype(np.float64), np.load(folder / "A.npy")
    return float((0.5 * ((others - dictionary @ codes) ** 2).sum() + problem.lambda1 * codes.sum()) / others.shape[1])


def compare(binary, problem, folder, name, learn, seed):
    seconds, dictionary = learn(problem, seed)
    goal = objective(binary, problem, folder, dictionary)
    budget = FIRST * seconds
    while True:
        ours, steps, dictionary = scn_learn(binary, problem, folder, budget, seed)
        reached = objective(binary, problem, folder, dictionary)
        if reached <= goal or budget > 4 * seconds:
            break
        budget *= FACTOR
    return dict(
        problem=problem.name, peer=name, seed=seed, seconds=seconds, objective=goal, scn_seconds=ours, scn_steps=steps,
        scn_objective=reached, reached=reached <= goal, ratio=seconds / ours,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scn", default="target/release/scn", help="the binary of this project")
    parser.add_argument("--data", required=True, type=pathlib.Path, help="folder with cifar-10-batches-bin and mnist")
    parser.add_argument("--peers", default="spams,scikit-learn", help="comma-separated names")
    parser.add_argument("--problems", default="patches,digits", help="comma-separated names")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, help="folder for the figures")
    options = parser.parse_args()
    learners = {"spams": spams_learn, "scikit-learn": sklearn_learn}
    records = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for problem in ({"patches": patches, "digits": digits}[name](options.data) for name in options.problems.split(",")):
            np.save(folder / "X.npy", problem.signals)
            np.save(folder / "Y.npy", problem.others.astype(np.float64))
            for name in options.peers.split(","):
                for seed in range(options.repeats):
                    records.append(compare(options.scn, problem, folder, name, learners[name], seed))
                    print(records[-1], flush=True)
    store(options.out, records)


def store(folder, records):
    rows = ""
    for problem, peer in dict.fromkeys((r["problem"], r["peer"]) for r in records):
        of = [r for r in records if (r["problem"], r["peer"]) == (problem, peer)]
        median = lambda key: statistics.median(r[key] for r in of)
        rows += f"| {problem} | {peer} | {median('seconds'):.1f} s | {median('objective'):.5f} | {median('scn_seconds'):.2f} s, "
        rows += f"{median('scn_steps'):.0f} steps | {median('scn_objective'):.5f} | {median('ratio'):.1f} |\n"
    save(folder, "learning", records, f"""# Learning dictionaries: this project and its peers

    scn-solvers/benches/peers/run-learning --data DIR

{conditions(("numpy", "scikit-learn", "spams-bin"))}
{__doc__}
Medians of {len({r["seed"] for r in records})} seeds.

| problem | peer | its time | its objective | `scn learn` | its objective | times faster |
|---|---|---|---|---|---|---|
{rows}""")


if __name__ == "__main__":
    main()
