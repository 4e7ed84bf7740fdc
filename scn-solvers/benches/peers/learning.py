"""How long `scn learn` and the packages that people use instead take to learn a dictionary of the same quality.

256 atoms for 100,000 grey 8 x 8 patches of CIFAR-10, mean removed, norm 1, f32; lambda1 = 0.15, codes nonnegative. Peers run
1,000 iterations on batches of 400, on two threads, from arrays in memory. A dictionary's quality is the mean of
1/2 ||x - D a||^2 + lambda1 1'a over 10,000 other patches, with codes of `scn solve` to a KKT residual of 1e-6. `scn learn` runs for
longer and longer until it is at least as good as the peer; its time is the one that it reports, from arrays in memory, too.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

import numpy as np

from records import THREADS, conditions, save

ATOMS = 256
LAMBDA1 = 0.15
BATCH = 400
ITERATIONS = 1000


def patches(folder, count):
    """Grey patches at random places of random images."""
    files = sorted(pathlib.Path(folder).glob("data_batch_*.bin"))
    images = np.concatenate([np.fromfile(file, dtype=np.uint8).reshape(-1, 3073) for file in files])
    grey = images[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32).mean(axis=1)
    random = np.random.default_rng(0)
    places = zip(random.integers(0, len(grey), 2 * count), *random.integers(0, 25, (2, 2 * count)))
    found = np.stack([grey[i, y : y + 8, x : x + 8].ravel() for i, y, x in places])
    found -= found.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(found, axis=1)
    # Flat patches have no direction.
    found = found[norms > 1e-3][:count]
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).T


def objective(binary, folder, dictionary):
    """The mean over the other patches."""
    np.save(folder / "D.npy", np.ascontiguousarray(dictionary, dtype=np.float64))
    command = f"{binary} solve --lambda1 {LAMBDA1} --lambda2 0 --tolerance 1e-6 --threads {THREADS} --quiet"
    command = command.split() + ["--dictionary", folder / "D.npy", "--signals", folder / "Y.npy", "--out", folder / "A.npy"]
    subprocess.run(command, check=True)
    others = np.load(folder / "Y.npy").astype(np.float64)
    codes = np.load(folder / "A.npy")
    return float((0.5 * ((others - dictionary @ codes) ** 2).sum() + LAMBDA1 * codes.sum()) / others.shape[1])


def spams_learn(signals):
    import spams

    signals = np.asfortranarray(signals)
    start = time.perf_counter()
    dictionary = spams.trainDL(
        signals, K=ATOMS, lambda1=LAMBDA1, iter=ITERATIONS, batchsize=BATCH, mode=2, posAlpha=True, numThreads=THREADS,
        verbose=False,
    )
    return time.perf_counter() - start, np.asarray(dictionary)


def sklearn_learn(signals):
    import sklearn.decomposition

    rows = np.ascontiguousarray(signals.T)
    epochs = ITERATIONS * BATCH // rows.shape[0]
    model = sklearn.decomposition.MiniBatchDictionaryLearning(
        ATOMS, alpha=LAMBDA1, batch_size=BATCH, max_iter=epochs, max_no_improvement=None, tol=0, fit_algorithm="cd",
        positive_code=True, n_jobs=THREADS, random_state=0,
    )
    start = time.perf_counter()
    model.fit(rows)
    return time.perf_counter() - start, model.components_.T


def scn_learn(binary, folder, seconds):
    command = f"{binary} learn --atoms {ATOMS} --lambda1 {LAMBDA1} --tolerance 0 --held-out 0 --threads {THREADS} --json"
    command = command.split() + ["--seconds", str(seconds), "--signals", folder / "X.npy", "--out", folder / "L.npy"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return report["seconds"], report["steps"], np.load(folder / "L.npy")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scn", default="target/release/scn", help="the binary of this project")
    parser.add_argument("--images", required=True, help="the folder cifar-10-batches-bin")
    parser.add_argument("--peers", default="spams,scikit-learn", help="which, with commas between")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the figures")
    options = parser.parse_args()
    signals = patches(options.images, 110_000)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        np.save(folder / "X.npy", np.ascontiguousarray(signals[:, :100_000]))
        np.save(folder / "Y.npy", np.ascontiguousarray(signals[:, 100_000:], dtype=np.float64))
        learners = {"spams": spams_learn, "scikit-learn": sklearn_learn}
        for name in options.peers.split(","):
            load = os.getloadavg()[0]
            seconds, dictionary = learners[name](signals[:, :100_000])
            goal = objective(options.scn, folder, dictionary)
            budget = seconds / 256
            while True:
                ours, steps, dictionary = scn_learn(options.scn, folder, budget)
                reached = objective(options.scn, folder, dictionary)
                if reached <= goal or budget > 4 * seconds:
                    break
                budget *= 1.25
            records.append(dict(
                peer=name, seconds=seconds, objective=goal, scn_seconds=ours, scn_steps=steps, scn_objective=reached,
                ratio=seconds / ours, load=load,
            ))
            print(records[-1], flush=True)
    store(options.out, records)


def store(folder, records):
    rows = "".join(
        f"| {r['peer']} | {r['seconds']:.1f} s | {r['objective']:.5f} | {r['scn_seconds']:.2f} s, {r['scn_steps']} steps | "
        f"{r['scn_objective']:.5f} | {r['ratio']:.1f} | {r['load']:.1f} |\n"
        for r in records
    )
    save(folder, "learning", records, f"""# Learning dictionaries: this project and its peers

    scn-solvers/benches/peers/run-learning --images DIR/cifar-10-batches-bin

{conditions(("numpy", "scikit-learn", "spams-bin"))}
{__doc__}
Load is that of the machine over the minute before the peer began.

| peer | its time | its objective | `scn learn` | its objective | times faster | load |
|---|---|---|---|---|---|---|
{rows}""")


if __name__ == "__main__":
    main()
