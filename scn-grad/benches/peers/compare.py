"""Throughput, memory and error of the derivatives of sparse codes: `scn bench adjoint` and PyTorch.

The codes are a(x) = argmin over a >= 0 of 1/2 ||x - D a||^2 + lambda1 1'a + lambda2/2 ||a||^2 for many
signals x, the loss is L = sum(u * a) with given u, and the derivatives are those of L with respect to D,
x and lambda1. PyTorch users write them in three styles, here in float32:

  unroll    50 iterations of FISTA, and back through all of them
  implicit  the same iterations, none of them kept; back by Cholesky factorisations of the masked Gram
            matrix of every column, in batches
  cg        the same iterations, none of them kept; back by 20 steps of conjugate gradients on all
            masked Gram matrices at once

Forward is from dictionary and signals to codes, including Gram matrix, D'x and step size; backward is
from u to all derivatives. The number of columns processed at once determines memory and, through the
caches, throughput, so several numbers are measured. Every measurement runs in its own process. Its
memory is the growth of the peak resident size, after dictionary, signals and u are loaded and the
libraries are warm: what the work needs, including codes and derivatives.

Errors are relative, in the Frobenius norm, against derivatives in float64 at codes with a KKT residual
of 1e-12, from a separate run on the first columns only. They include the effect of inexact codes on a
derivative, not only that of inexact linear solves.
"""

import argparse
import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scn-solvers" / "benches" / "peers"))
from compare import LAMBDA2, THREADS, Problem, conditions, save, torch_fista  # noqa: E402  (found by the line above)

# The command of this project, followed by dictionary, signals, u, weights, tolerance and output files. It
# prints a JSON object whose first run has forward_seconds, adjoint_seconds, columns and peak_rss_bytes.
COMMAND = ["bench", "adjoint", "--json", "--threads", str(THREADS)]
TOLERANCES = (1e-4, 1e-6)
SHAPES = [(144, 64), (576, 256)]
STYLES = ("unroll", "implicit", "cg")
ITERATIONS = 50
STEPS = 20
CHECKED = 2000
# Columns at once: a number that fits in the caches, and as many as this memory allows.
CHUNK = 2048
MEMORY = 8e9
# Numbers in a batch of masked Gram matrices; larger batches are slower.
BATCH = 1 << 20
MEBI = 1 << 20


def exact(problem, cotangent):
    """Returns derivatives in float64 by the formulas, at exact codes: the reference for all others."""
    dictionary, signals = problem.dictionary.astype(np.float64), problem.signals.astype(np.float64)
    atoms = dictionary.shape[1]
    hessian = dictionary.T @ dictionary + LAMBDA2 * np.eye(atoms)
    offset = dictionary.T @ signals - problem.lambda1
    step = 1 / np.linalg.eigvalsh(hessian)[-1]
    codes, ahead, momentum = np.zeros_like(offset), np.zeros_like(offset), 1.0
    for iteration in range(20000):
        if iteration % 50 == 0 and problem.residual(codes) <= 1e-12:
            break
        new = np.maximum(ahead - step * (hessian @ ahead - offset), 0)
        # Restart momentum that goes uphill, or the last digits take forever.
        if np.sum((ahead - new) * (new - codes)) > 0:
            momentum = 1.0
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new + (momentum - 1) / following * (new - codes)
        codes, momentum = new, following
    else:
        raise RuntimeError("the exact codes were not reached")
    y = np.zeros_like(codes)
    for column in range(codes.shape[1]):
        active = np.flatnonzero(codes[:, column])
        y[active, column] = np.linalg.solve(hessian[np.ix_(active, active)], cotangent[active, column].astype(np.float64))
    return {
        "dictionary": -dictionary @ y @ codes.T + (signals - dictionary @ codes) @ y.T,
        "signals": dictionary @ y,
        "lambda1": -y.sum(),
    }


def errors(found, reference):
    """Returns the relative errors of derivatives."""
    return {
        f"error_{name}": float(np.linalg.norm(np.asarray(found[name], np.float64) - right) / np.linalg.norm(right))
        for name, right in reference.items()
        if name in found
    }


def step_size(gram):
    """Returns the step size of torch_fista, held constant: at the solution its derivative has no effect."""
    with torch.no_grad():
        return 1 / (float(torch.linalg.eigvalsh(gram.double())[-1]) * (1 + 1e-6))


def unrolled(dictionary, signals, lambda1):
    """Runs the iterations of torch_fista, keeping them for autograd."""
    atoms = dictionary.shape[1]
    gram = dictionary.T @ dictionary + LAMBDA2 * torch.eye(atoms)
    step = step_size(gram)
    iteration = torch.eye(atoms) - step * gram
    offset = step * (signals @ dictionary - lambda1)
    last = z = torch.zeros_like(offset)
    s = 1.0
    for _ in range(ITERATIONS):
        new = torch.relu(torch.addmm(offset, z, iteration))
        following = (1 + (1 + 4 * s * s) ** 0.5) / 2
        z = torch.lerp(last, new, 1 + (s - 1) / following)
        s, last = following, new
    return last


def by_unrolling(dictionary, signals, cotangent, lambda1, chunk):
    """Differentiates chunk by chunk, since the iterations of a chunk are only freed on its way back."""
    dictionary = dictionary.clone().requires_grad_()
    lambda1 = torch.tensor(lambda1, requires_grad=True)
    codes, signal_gradient = torch.empty_like(cotangent), torch.empty_like(signals)
    forward = backward = 0.0
    for first in range(0, signals.shape[0], chunk):
        part = slice(first, first + chunk)
        leaf = signals[part].detach().requires_grad_()
        start = time.perf_counter()
        out = unrolled(dictionary, leaf, lambda1)
        codes[part] = out.detach()
        middle = time.perf_counter()
        out.backward(cotangent[part])
        signal_gradient[part] = leaf.grad
        forward += middle - start
        backward += time.perf_counter() - middle
        del out
    found = {"dictionary": dictionary.grad, "signals": signal_gradient, "lambda1": lambda1.grad}
    return forward, backward, codes, found


def masked_cholesky(gram, mask, right):
    """Solves the system of each row separately, with the identity where an atom is not active."""
    matrices = gram * (mask.unsqueeze(2) * mask.unsqueeze(1))
    matrices.diagonal(dim1=1, dim2=2).add_((1 - mask) + LAMBDA2)
    factors, _ = torch.linalg.cholesky_ex(matrices)
    return torch.cholesky_solve((mask * right).unsqueeze(2), factors).squeeze(2)


def masked_conjugate_gradients(gram, mask, right):
    """Solves the systems of all rows at once; after each product, inactive entries are set to zero."""
    residual = mask * right
    solution, direction = torch.zeros_like(residual), residual.clone()
    square = (residual * residual).sum(1, keepdim=True)
    for _ in range(STEPS):
        image = mask * torch.addmm(direction, direction, gram, beta=LAMBDA2)
        length = square / (direction * image).sum(1, keepdim=True).clamp_min(1e-30)
        solution.addcmul_(length, direction)
        residual.addcmul_(length, image, value=-1)
        following = (residual * residual).sum(1, keepdim=True)
        direction.mul_(following / square.clamp_min(1e-30)).add_(residual)
        square = following
    return solution


def by_implicit_function(solve, dictionary, signals, cotangent, lambda1, chunk):
    """Keeps no iterations, so only systems are solved in chunks. The derivatives use the Gram matrix."""
    with torch.no_grad():
        start = time.perf_counter()
        codes = torch_fista(dictionary, signals, lambda1, ITERATIONS, CHUNK)
        middle = time.perf_counter()
        gram = dictionary.T @ dictionary
        signal_gradient, dictionary_gradient = torch.empty_like(signals), torch.zeros_like(dictionary)
        gram_gradient, lambda1_gradient = torch.zeros_like(gram), 0.0
        for first in range(0, signals.shape[0], chunk):
            part = slice(first, first + chunk)
            y = solve(gram, (codes[part] > 0).to(codes.dtype), cotangent[part])
            torch.mm(y, dictionary.T, out=signal_gradient[part])
            dictionary_gradient.addmm_(signals[part].T, y)
            gram_gradient.addmm_(y.T, codes[part])
            lambda1_gradient -= float(y.sum())
        dictionary_gradient -= dictionary @ (gram_gradient + gram_gradient.T)
        end = time.perf_counter()
    found = {"dictionary": dictionary_gradient, "signals": signal_gradient, "lambda1": lambda1_gradient}
    return middle - start, end - middle, codes, found


def differentiate(style, *arguments):
    if style == "unroll":
        return by_unrolling(*arguments)
    return by_implicit_function(masked_cholesky if style == "implicit" else masked_conjugate_gradients, *arguments)


def chunks(style, atoms, columns):
    """Returns the numbers of columns at once with which a style is measured."""
    if style == "implicit":
        return [min(columns, BATCH // atoms**2)]
    # Two arrays are kept of every iteration, and half as much again for the way back.
    kept = 4 * atoms * (3 * ITERATIONS if style == "unroll" else 8)
    return sorted({min(CHUNK, columns), min(columns, int(MEMORY / kept))})


def resident(field):
    """Returns the memory of this process in bytes: VmRSS now, VmHWM at its peak.

    The peak of getrusage would start with that of the parent.
    """
    with open("/proc/self/status") as lines:
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(folder, style, chunk):
    """Measures one style on the files of a folder, in this process.

    Prints the figures, and writes codes and derivatives of the first columns.
    """
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)
    lambda1 = json.loads((folder / "problem.json").read_text())["lambda1"]
    dictionary = torch.from_numpy(np.ascontiguousarray(np.load(folder / "D.npy")))
    signals, cotangent = (torch.from_numpy(np.ascontiguousarray(np.load(folder / name).T)) for name in ("X.npy", "U.npy"))
    warm = min(64, chunk)
    differentiate(style, dictionary, signals[:warm], cotangent[:warm], lambda1, warm)

    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    best, peak, repeats, began = None, None, 3, time.perf_counter()
    while repeats > 0 or time.perf_counter() - began < 1:
        repeats -= 1
        forward, backward, _, _ = differentiate(style, dictionary, signals, cotangent, lambda1, chunk)
        # Later runs find fragmented memory; the first shows what a run needs.
        peak = peak or resident("VmHWM") - before
        if best is None or forward + backward < sum(best):
            best = (forward, backward)

    first = slice(0, CHECKED)
    _, _, codes, found = differentiate(style, dictionary, signals[first], cotangent[first], lambda1, min(chunk, CHECKED))
    np.save(folder / "A.npy", codes.numpy().T)
    np.save(folder / "dD.npy", found["dictionary"].numpy())
    np.save(folder / "dX.npy", found["signals"].numpy().T)
    figures = {"forward_seconds": best[0], "backward_seconds": best[1], "peak_bytes": peak}
    print(json.dumps({**figures, "lambda1_gradient": float(found["lambda1"])}))


def write(folder, problem, cotangent, tolerance):
    """Writes the files that every program reads."""
    folder.mkdir()
    np.save(folder / "D.npy", problem.dictionary)
    np.save(folder / "X.npy", problem.signals)
    np.save(folder / "U.npy", cotangent)
    weights = {"lambda1": problem.lambda1, "lambda2": LAMBDA2, "tolerance": tolerance, "threads": THREADS}
    (folder / "problem.json").write_text(json.dumps(weights))
    return folder


def torch_style(folder, problem, style, chunk, reference):
    """Measures a style in its own process."""
    command = [sys.executable, __file__, "--measure", folder, "--style", style, "--chunk", str(chunk)]
    figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    found = {"dictionary": np.load(folder / "dD.npy"), "signals": np.load(folder / "dX.npy")}
    found["lambda1"] = figures.pop("lambda1_gradient")
    kkt = problem.residual(np.load(folder / "A.npy"))
    return {"solver": f"torch {style}", "chunk": chunk, "kkt": kkt, **figures, **errors(found, reference)}


def scn(binary, folder, problem, tolerance):
    """Runs this project, which times itself. Returns its report and derivatives with respect to D and x."""
    command = [binary, *COMMAND, "--dictionary", folder / "D.npy", "--signals", folder / "X.npy", "--cotangent", folder / "U.npy"]
    command += ["--lambda1", repr(problem.lambda1), "--lambda2", str(LAMBDA2), "--tolerance", str(tolerance)]
    command += ["--out-dictionary", folder / "dD.npy", "--out-signals", folder / "dX.npy"]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["runs"][0]
    return report, {"dictionary": np.load(folder / "dD.npy"), "signals": np.load(folder / "dX.npy")}


def scn_figures(binary, folder, first, problem, tolerance, reference):
    """Measures times and memory on all columns, and errors on the first of them."""
    report, _ = scn(binary, folder, problem, tolerance)
    _, found = scn(binary, first, problem, tolerance)
    return {
        "solver": "scn",
        "tolerance": tolerance,
        "forward_seconds": report["forward_seconds"],
        "backward_seconds": report["adjoint_seconds"],
        "peak_bytes": report["peak_rss_bytes"],
        **errors(found, reference),
    }


def compare(rows, atoms, active, columns, binary):
    """Measures everything on one problem and returns records, those of this project first."""
    problem = Problem(rows, atoms, columns, 0.0, active)
    cotangent = np.random.default_rng(columns).standard_normal((atoms, columns)).astype(np.float32)
    few = copy.copy(problem)
    few.signals = problem.signals[:, :CHECKED]
    reference = exact(few, cotangent[:, :CHECKED])
    records = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        everything = write(folder / "all", problem, cotangent, TOLERANCES[0])
        first = write(folder / "first", few, cotangent[:, :CHECKED], TOLERANCES[0])
        if binary:
            records += [scn_figures(binary, everything, first, problem, tolerance, reference) for tolerance in TOLERANCES]
        for style in STYLES:
            for chunk in chunks(style, atoms, columns):
                records.append(torch_style(everything, problem, style, chunk, reference))
    ours = [record for record in records if record["solver"] == "scn"]
    seconds = lambda record: record["forward_seconds"] + record["backward_seconds"]
    for record in records:
        record.update(rows=rows, atoms=atoms, columns=columns, lambda1=problem.lambda1, lambda2=LAMBDA2)
        if record["solver"] != "scn" and ours:
            record["ratio_seconds"] = [seconds(record) / seconds(own) for own in ours]
            record["ratio_peak"] = [record["peak_bytes"] / own["peak_bytes"] for own in ours]
    return records


def line(record):
    """Returns a row of the table."""
    speed = lambda seconds: f"{record['columns'] / seconds / 1e3:,.1f} k"
    ratios = lambda name: " / ".join(f"{ratio:,.1f}" for ratio in record[name]) if name in record else "–"
    cells = [f"{record['rows']} x {record['atoms']}", f"{record['lambda1']:.3f}", record["solver"]]
    cells.append(f"{record['chunk']:,}" if "chunk" in record else "–")
    cells.append(f"{record['kkt']:.0e}" if "kkt" in record else f"{record['tolerance']:.0e} asked for")
    cells += [speed(record["forward_seconds"]), speed(record["backward_seconds"]), f"{record['peak_bytes'] / MEBI:,.0f}"]
    cells += [f"{record['error_dictionary']:.0e}", f"{record['error_signals']:.0e}"]
    cells += [ratios("ratio_seconds"), ratios("ratio_peak")]
    return "| " + " | ".join(cells) + " |"


def store(folder, records, lines):
    tolerances = " and ".join(f"{tolerance:.0e}" for tolerance in TOLERANCES)
    text = f"""# Derivatives of sparse codes: this project and PyTorch

    scn-grad/benches/peers/run

{conditions(("numpy", "spams-bin", "torch"))}
{records[0]["columns"]:,} columns, lambda2 = {LAMBDA2}; derivatives of sum(u * a) with respect to dictionary, signals and λ1. Columns per second
forward, to codes, and backward, to all derivatives, in the fastest of at least three runs; growth of the process in MiB, including
codes and derivatives. PyTorch uses float32 and runs {ITERATIONS} iterations of FISTA: `unroll` goes back through them, `implicit` solves
masked systems by Cholesky in batches, `cg` by {STEPS} steps of conjugate gradients. Memory grows with the columns at once; no style
processes more than fit in {MEMORY / 1e9:.0f} GB. KKT: the largest residual of the codes of the first {CHECKED:,} columns, in float64. Errors: relative, in
the Frobenius norm, against exact derivatives in float64, on these columns. Times and memory: ratios of a style to scn, at
tolerances {tolerances}, forward and backward together.

| shape | λ1 | style | columns at once | KKT | forward | backward | MiB | error dL/dD | error dL/dx | times | memory |
|---|---|---|---|---|---|---|---|---|---|---|---|
""" + "\n".join(lines) + "\n"
    save(folder, "gradients", records, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scn", default="target/release/scn", help="binary of this project")
    parser.add_argument("--peers-only", action="store_true", help="leave this project out, to try the peers")
    parser.add_argument("--quick", action="store_true", help="use fewer columns, to try the script; not for figures")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the figures")
    parser.add_argument("--measure", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--style", choices=STYLES, help=argparse.SUPPRESS)
    parser.add_argument("--chunk", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure, options.style, options.chunk)

    records, lines = [], []
    for active in (0.25, 1.0):
        for rows, atoms in SHAPES:
            columns = 2000 if options.quick else 20000
            found = compare(rows, atoms, active, columns, None if options.peers_only else options.scn)
            records += found
            lines += [line(record) for record in found]
            print("\n".join(lines[-len(found) :]), flush=True)
    store(options.out, records, lines)


if __name__ == "__main__":
    main()
