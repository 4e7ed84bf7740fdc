"""Columns per second of `scn bench solve` and of common Python packages, on the same problem files.

The problem is min over a >= 0 of 1/2 ||x - D a||^2 + lambda1 1'a + lambda2/2 ||a||^2, for many
signals x. The time is from dictionary and signals in memory to codes in memory, including the Gram
matrix, D'x and the step size. All programs run on two threads. The KKT residual,
max_j |min(H_jj a_j, g_j)| / max_j |D'x|, is computed here in float64 from the codes of each program.

Iterative peers have no stopping rule that bounds this residual. They run the smallest number of
iterations that reaches the tolerance on the first columns. It is found in advance and not timed,
which favours them.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import sklearn.decomposition
import spams
import torch

from records import THREADS, conditions, save

SHAPES = [(27, 16), (144, 64), (576, 16), (288, 128), (2304, 64), (576, 256)]
COHERENT = [(144, 64), (288, 128)]
LAMBDA2 = 1e-3
ITERATIONS = [5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 600]


class Problem:
    """Dictionary, signals and weights, exact in float32: every precision solves the same problem."""

    def __init__(self, rows, atoms, columns, coherence, active):
        random = np.random.default_rng(rows * atoms)
        unit = lambda matrix: matrix / np.linalg.norm(matrix, axis=0)
        dictionary = unit(random.standard_normal((rows, atoms)))
        shared = unit(random.standard_normal((rows, 1)))
        dictionary = unit(np.sqrt(1 - coherence) * dictionary + np.sqrt(coherence) * shared)
        codes = np.abs(random.standard_normal((atoms, columns))) * (random.random((atoms, columns)) < 0.2)
        signals = dictionary @ codes
        signals += 0.1 * np.sqrt(np.mean(signals**2)) * random.standard_normal(signals.shape)
        self.dictionary = dictionary.astype(np.float32)
        self.signals = np.asfortranarray(signals.astype(np.float32))
        self.lambda1 = self.find_lambda1(active) if active < 1 else 0.0

    def find_lambda1(self, active):
        """Finds the lambda1 for a fraction of active entries, by bisection on some columns."""
        low, high = 0.0, float(np.abs(self.dictionary.T @ self.signals[:, :500]).max())
        for _ in range(18):
            middle = (low + high) / 2
            codes = spams_lars(self, self.signals[:, :500], np.float64, middle)
            low, high = (middle, high) if np.mean(codes > 0) > active else (low, middle)
        return (low + high) / 2

    def residual(self, codes):
        """Returns the largest KKT residual of any column."""
        dictionary = self.dictionary.astype(np.float64)
        correlations = dictionary.T @ self.signals[:, : codes.shape[1]].astype(np.float64)
        codes = codes.astype(np.float64)
        gram = dictionary.T @ dictionary + LAMBDA2 * np.eye(dictionary.shape[1])
        gradient = gram @ codes - correlations + self.lambda1
        error = np.abs(np.minimum(np.diag(gram)[:, None] * codes, gradient)).max(axis=0)
        return float((error / np.abs(correlations).max(axis=0)).max())


def fastest(solve, repeats=3):
    """Returns seconds and result of the fastest run; repeats for half a second or more, as scn does."""
    best = None
    first = time.perf_counter()
    while repeats > 0 or time.perf_counter() - first < 0.5:
        repeats -= 1
        start = time.perf_counter()
        codes = solve()
        seconds = time.perf_counter() - start
        if best is None or seconds < best[0]:
            best = (seconds, codes)
    return best


def scn(problem, binary, tolerance):
    """Runs the command line of this project, which times itself from memory to memory."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        np.save(folder / "D.npy", problem.dictionary)
        np.save(folder / "X.npy", problem.signals)
        command = [binary, "bench", "solve", "--json", "--threads", str(THREADS), "--repeats", "3", "--solver", "auto"]
        command += ["--tolerance", str(tolerance), "--max-passes", "10000"]
        command += ["--dictionary", folder / "D.npy", "--signals", folder / "X.npy", "--out", folder / "A.npy"]
        command += ["--lambda1", repr(problem.lambda1), "--lambda2", str(LAMBDA2)]
        report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["runs"][0]
        return report["seconds"], np.load(folder / "A.npy"), report


def spams_lars(problem, signals, kind, lambda1=None):
    lambda1 = problem.lambda1 if lambda1 is None else lambda1
    dictionary = np.asfortranarray(problem.dictionary.astype(kind))
    signals = np.asfortranarray(signals.astype(kind))
    codes = spams.lasso(
        signals, D=dictionary, lambda1=float(lambda1), lambda2=LAMBDA2, mode=2, pos=True, numThreads=THREADS
    )
    return codes.toarray()


def time_spams(problem, kind, tolerance):
    signals = np.asfortranarray(problem.signals.astype(kind))
    dictionary = np.asfortranarray(problem.dictionary.astype(kind))
    solve = lambda: spams.lasso(
        signals, D=dictionary, lambda1=float(problem.lambda1), lambda2=LAMBDA2, mode=2, pos=True, numThreads=THREADS
    )
    seconds, codes = fastest(solve)
    return seconds, codes.toarray()


def torch_fista(dictionary, signals, lambda1, iterations, chunk):
    """Runs FISTA on rows of signals, with one product per iteration and no allocation."""
    with torch.no_grad():
        atoms = dictionary.shape[1]
        gram = dictionary.T @ dictionary + LAMBDA2 * torch.eye(atoms)
        step = 1 / (float(torch.linalg.eigvalsh(gram.double())[-1]) * (1 + 1e-6))
        iteration = torch.eye(atoms) - step * gram
        out = torch.empty(signals.shape[0], atoms)
        for first in range(0, signals.shape[0], chunk):
            offset = step * (signals[first : first + chunk] @ dictionary - lambda1)
            last, z, s = torch.zeros_like(offset), torch.zeros_like(offset), 1.0
            new = torch.empty_like(offset)
            for _ in range(iterations):
                torch.addmm(offset, z, iteration, out=new).clamp_(min=0)
                following = (1 + (1 + 4 * s * s) ** 0.5) / 2
                torch.lerp(last, new, 1 + (s - 1) / following, out=z)
                s, last, new = following, new, last
            out[first : first + chunk] = last
        return out


def time_torch(problem, tolerance):
    torch.set_num_threads(THREADS)
    dictionary = torch.from_numpy(problem.dictionary.copy())
    signals = torch.from_numpy(np.ascontiguousarray(problem.signals.T))
    run = lambda signals, count, chunk: torch_fista(dictionary, signals, problem.lambda1, count, chunk)
    for count in ITERATIONS:
        probe = run(signals[:2000], count, 2000).numpy().T
        if problem.residual(probe) <= 0.9 * tolerance:
            runs = [fastest(lambda: run(signals, count, chunk)) for chunk in (512, 2048, 8192)]
            seconds, codes = min(runs, key=lambda run: run[0])
            return seconds, codes.numpy().T
    return None


def time_sklearn(problem, tolerance):
    """Times the fastest solver of scikit-learn, coordinate descent with a given Gram matrix.

    It has no lambda2, so extra rows of the dictionary stand for it.
    """
    atoms = problem.dictionary.shape[1]
    count = 400
    extended = np.vstack([problem.dictionary, np.sqrt(LAMBDA2) * np.eye(atoms)]).astype(np.float64)
    signals = np.vstack([problem.signals[:, :count], np.zeros((atoms, count))]).T.astype(np.float64)
    if problem.lambda1 == 0:
        return None
    components = np.ascontiguousarray(extended.T)
    solve = lambda: sklearn.decomposition.sparse_encode(
        np.ascontiguousarray(signals), components, gram=components @ extended, algorithm="lasso_cd",
        alpha=problem.lambda1, positive=True, n_jobs=THREADS, max_iter=1000,
    )
    seconds, codes = fastest(solve)
    return seconds, codes.T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scn", default="target/release/scn", help="the binary of this project")
    parser.add_argument("--quick", action="store_true", help="fewer columns, for a trial run")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the figures")
    options = parser.parse_args()

    cases = [(shape, 0.0, active) for active in (0.25, 1.0) for shape in SHAPES]
    cases += [(shape, 0.5, active) for active in (0.25, 1.0) for shape in COHERENT]
    records, lines = [], []
    for (rows, atoms), coherence, active in cases:
        columns = 2000 if options.quick else 20000
        problem = Problem(rows, atoms, columns, coherence, active)
        exact = {name: time_spams(problem, kind, None) for name, kind in (("spams f32", np.float32), ("spams f64", np.float64))}
        sklearn_result = time_sklearn(problem, None)
        for tolerance in (1e-4, 1e-6):
            seconds, codes, report = scn(problem, options.scn, tolerance)
            results = {"scn": (seconds, codes), **exact}
            results["torch f32"] = time_torch(problem, tolerance)
            results["scikit-learn"] = sklearn_result
            ours = codes.shape[1] / seconds
            for name, result in results.items():
                record = dict(rows=rows, atoms=atoms, coherence=coherence, lambda1=problem.lambda1, tolerance=tolerance, solver=name)
                if result is None:
                    record["failed"] = "not reached"
                else:
                    speed = result[1].shape[1] / result[0]
                    residual = problem.residual(result[1])
                    record.update(columns_per_second=speed, kkt=residual, ratio=ours / speed)
                if name == "scn":
                    record.update({key: report[key] for key in ("unconverged", "mean_passes", "share_of_peak")})
                records.append(record)
            lines.append(line(records[-5:]))
            print(lines[-1], flush=True)
    store(options.out, records, lines)


def line(records):
    """Returns a row of the table."""
    first = records[0]
    cells = [f"{first['rows']} x {first['atoms']}", f"{first['coherence']}", f"{first['lambda1']:.3f}", f"{first['tolerance']:.0e}"]
    for record in records:
        if "failed" in record:
            cells.append("–")
            continue
        speed = f"{record['columns_per_second'] / 1e3:,.1f} k ({record['kkt']:.0e})"
        # Mark results with wrong columns.
        wrong = record["kkt"] > 1.5 * record["tolerance"]
        if record["solver"] == "scn":
            cells.append(f"{speed}, {100 * record['share_of_peak']:.0f} %")
        else:
            cells.append(f"{record['ratio']:.1f}{' ✗' if wrong else ''}: {speed}")
    return "| " + " | ".join(cells) + " |"


def store(folder, records, lines):
    text = f"""# Sparse codes: this project and its peers

    scn-solvers/benches/peers/run

{conditions(("numpy", "scikit-learn", "spams-bin", "torch"))}
Columns per second (largest KKT residual of any column, computed in float64). For scn, also the fraction of the machine's measured
peak of multiply-adds, counting m n + passes n² per column; for a peer, first how many times faster scn's `auto` is.
✗: columns miss the tolerance by more than half. –: tolerance not reached. lambda2 = {LAMBDA2}.

| shape | coherence | λ1 | KKT asked for | scn | spams f32 | spams f64 | torch f32 FISTA | scikit-learn |
|---|---|---|---|---|---|---|---|---|
""" + "\n".join(lines) + "\n"
    save(folder, "solvers", records, text)


if __name__ == "__main__":
    main()
