"""Times SCN-K in PyTorch on a CPU, for comparison with `scn bench train` and `scn bench infer`.

    torch_scn.py [--width 4] [--batch-size 32] [--iterations 50] [--adjoint-steps 20]
                 [--steps 3] [--threads 2] [train] [infer]

Codes take a fixed number of FISTA iterations. Their gradients come from the optimality conditions,
by conjugate gradients on the active atoms, also for a fixed number of steps. Nothing is certified.
Images are random: with these numbers fixed, the time does not depend on them. Prints a line of JSON
per mode, with the throughput of the fastest step.

scn-gpu/tests/device/torch_scn.py is the corresponding script for GPUs. It only trains.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional

# Added to the Gram matrix of the active atoms, which may be singular.
RIDGE = 1e-6


def encode(linear, gram, iterations):
    """Returns argmin over a >= 0 of 1/2 a'Ga - b'a for each row b, approximately, by FISTA."""
    step = 1 / (float(torch.linalg.eigvalsh(gram.double())[-1]) * (1 + 1e-6) + 1e-12)
    matrix = torch.eye(len(gram)) - step * gram
    offset = step * linear
    codes, extrapolated, following = (torch.zeros_like(linear) for _ in range(3))
    momentum = 1.0
    for _ in range(iterations):
        torch.addmm(offset, extrapolated, matrix, out=following).clamp_(min=0)
        next_momentum = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        torch.lerp(codes, following, 1 + (momentum - 1) / next_momentum, out=extrapolated)
        codes, following, momentum = following, codes, next_momentum
    return codes


def solve_adjoint(codes, cotangent, gram, steps):
    """Solves (G y)_j = u_j for the active atoms j, with y = 0 elsewhere, for each row u."""
    active = (codes > 0).to(gram.dtype)
    remainder = active * cotangent
    solution, direction = torch.zeros_like(remainder), remainder.clone()
    square = remainder.square().sum(1, keepdim=True)
    for _ in range(steps):
        product = torch.addmm(direction, direction, gram, beta=RIDGE).mul_(active)
        length = square / (direction * product).sum(1, keepdim=True).clamp_min_(1e-30)
        solution.addcmul_(length, direction)
        remainder.addcmul_(length, product, value=-1)
        next_square = remainder.square().sum(1, keepdim=True)
        direction.mul_(next_square / square.clamp_min(1e-30)).add_(remainder)
        square = next_square
    return solution


class Codes(torch.autograd.Function):
    """Codes as a differentiable function of D'x - λ1 and of the Gram matrix."""

    @staticmethod
    def forward(ctx, linear, gram, iterations, adjoint_steps):
        codes = encode(linear, gram, iterations)
        ctx.save_for_backward(codes, gram)
        ctx.adjoint_steps = adjoint_steps
        return codes

    @staticmethod
    def backward(ctx, cotangent):
        codes, gram = ctx.saved_tensors
        adjoint = solve_adjoint(codes, cotangent, gram, ctx.adjoint_steps)
        outer = adjoint.T @ codes
        return adjoint, -(outer + outer.T) / 2, None, None


class SparseCoding(nn.Module):
    """Nonnegative codes of all 3 x 3 windows."""

    def __init__(self, channels, atoms, stride, arguments):
        super().__init__()
        self.dictionary = nn.Parameter(torch.randn(atoms, channels, 3, 3) / (9 * channels))
        self.lambda1 = nn.Parameter(torch.zeros(()))
        self.stride = stride
        self.limits = (arguments.iterations, arguments.adjoint_steps)

    def forward(self, maps):
        correlations = functional.conv2d(maps, self.dictionary, stride=self.stride, padding=1)
        images, atoms, height, width = correlations.shape
        linear = correlations.permute(0, 2, 3, 1).reshape(-1, atoms) - self.lambda1
        rows = self.dictionary.flatten(1)
        codes = Codes.apply(linear, rows @ rows.T, *self.limits)
        return codes.view(images, height, width, atoms).permute(0, 3, 1, 2)


def network(arguments):
    """Builds SCN-K: modules of M and M K atoms, with strides in the second and third section."""
    layers, channels = [], 3
    normalize = lambda channels: nn.BatchNorm2d(channels, eps=1e-4, affine=False)
    for atoms, modules, stride in [(16, 3, 1), (32, 2, 2), (64, 2, 2)]:
        for module in range(modules):
            for count, by in [(atoms, stride if module == 0 else 1), (atoms * arguments.width, 1)]:
                layers += [normalize(channels), SparseCoding(channels, count, by, arguments)]
                channels = count
    layers += [normalize(channels), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers)


def fastest(steps, work):
    """Returns the seconds of the fastest step, not counting the first, which allocates memory."""
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def train(net, images, labels, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)

    def step():
        optimizer.zero_grad()
        functional.cross_entropy(net(images), labels).backward()
        optimizer.step()

    return fastest(steps, step)


def infer(net, images, _labels, steps):
    # Take the running moments from one batch.
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        net(images[:32])
        net.eval()
        return fastest(steps, lambda: net(images))


def main():
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("modes", nargs="*", metavar="train|infer", help="default: both")
    parser.add_argument("--width", type=int, default=4, metavar="K")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--iterations", type=int, default=50, help="of FISTA")
    parser.add_argument("--adjoint-steps", type=int, default=20, help="of conjugate gradients")
    parser.add_argument("--steps", type=int, default=3, help="to time")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    modes = {"train": train, "infer": infer}
    for mode in arguments.modes or modes:
        if mode not in modes:
            parser.error(f"expected train or infer, found {mode}")
        torch.set_num_threads(arguments.threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(0)
        images = torch.randn(arguments.batch_size, 3, 32, 32)
        labels = torch.randint(0, 10, (arguments.batch_size,))
        seconds = modes[mode](network(arguments), images, labels, arguments.steps)
        figures = {"mode": mode, "images_per_second": round(arguments.batch_size / seconds, 1)}
        settings = {name: value for name, value in vars(arguments).items() if name != "modes"}
        print(json.dumps(figures | settings | {"torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
