"""SCN-K for CIFAR-10 in PyTorch, to compare a training step with `scn bench train`: what one would write without this
project.

    torch_scn.py [--atoms-times K] [--batch-size 128] [--passes 50] [--adjoint-passes 20] [--steps 20] [--device cuda]

Codes take a fixed number of passes of FISTA, which are matrix products. Gradients are implicit, by conjugate gradients
on the active atoms. Everything is in f32, without TF32. Images are random, because only the numbers of passes would
depend on them, and these are fixed. Nothing is certified.
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional

# Added to the Gram matrix of active atoms, which may be singular.
RIDGE = 1e-6


def largest_eigenvalue(gram, passes=30):
    """Returns a lower bound, by power iteration on the device, without waiting for a decomposition."""
    vector = torch.ones(len(gram), device=gram.device)
    for _ in range(passes):
        vector = functional.normalize(gram @ vector, dim=0)
    return vector @ gram @ vector


class Codes(torch.autograd.Function):
    """The codes argmin 1/2 a'Ga - b'a over a >= 0, for each row b."""

    @staticmethod
    def forward(ctx, linear, gram, passes, adjoint_passes):
        step = 1 / (1.05 * largest_eigenvalue(gram))
        matrix, offset = torch.eye(len(gram), device=gram.device) - step * gram, step * linear
        codes, extrapolated, momentum = torch.zeros_like(linear), torch.zeros_like(linear), 1.0
        for _ in range(passes):
            following = torch.addmm(offset, extrapolated, matrix).clamp_(min=0)
            next_momentum = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            extrapolated = torch.lerp(codes, following, 1 + (momentum - 1) / next_momentum)
            codes, momentum = following, next_momentum
        ctx.save_for_backward(codes, gram)
        ctx.passes = adjoint_passes
        return codes

    @staticmethod
    def backward(ctx, cotangent):
        codes, gram = ctx.saved_tensors
        active = (codes > 0).to(gram.dtype)
        remainder = active * cotangent
        solution, direction = torch.zeros_like(remainder), remainder
        square = (remainder**2).sum(1, keepdim=True)
        for _ in range(ctx.passes):
            product = active * torch.addmm(RIDGE * direction, direction, gram)
            length = square / (direction * product).sum(1, keepdim=True).clamp_min(1e-30)
            solution = solution + length * direction
            remainder = remainder - length * product
            following = (remainder**2).sum(1, keepdim=True)
            direction = remainder + following / square.clamp_min(1e-30) * direction
            square = following
        outer = solution.T @ codes
        return solution, -(outer + outer.T) / 2, None, None


class SparseCoding(nn.Module):
    """Nonnegative codes of all 3 x 3 windows."""

    def __init__(self, channels, atoms, stride, arguments):
        super().__init__()
        self.dictionary = nn.Parameter(functional.normalize(torch.randn(atoms, channels, 3, 3).flatten(1), dim=1).view(atoms, channels, 3, 3))
        self.lambda1 = nn.Parameter(torch.zeros(()))
        self.stride, self.passes = stride, (arguments.passes, arguments.adjoint_passes)

    def forward(self, maps):
        correlations = functional.conv2d(maps, self.dictionary, stride=self.stride, padding=1)
        images, atoms, height, width = correlations.shape
        linear = correlations.permute(0, 2, 3, 1).reshape(-1, atoms) - self.lambda1
        rows = self.dictionary.flatten(1)
        codes = Codes.apply(linear, rows @ rows.T, *self.passes)
        return codes.view(images, height, width, atoms).permute(0, 3, 1, 2)


def network(arguments):
    """Returns the 14 layers of SCN-K: pairs with a few atoms and with K times as many, for three sizes of maps."""
    modules, channels, times = [], 3, arguments.atoms_times
    for atoms, pairs, stride in [(16, 3, 1), (32, 2, 2), (64, 2, 2)]:
        for pair in range(pairs):
            for count, by in [(atoms, stride if pair == 0 else 1), (atoms * times, 1)]:
                modules += [nn.BatchNorm2d(channels, eps=1e-4, affine=False), SparseCoding(channels, count, by, arguments)]
                channels = count
    modules += [nn.BatchNorm2d(channels, eps=1e-4, affine=False), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*modules)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms-times", type=int, default=1, metavar="K")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--passes", type=int, default=50)
    parser.add_argument("--adjoint-passes", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    device = torch.device(arguments.device)
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    net = network(arguments).to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
    images, labels = torch.randn(arguments.batch_size, 3, 32, 32, device=device), torch.randint(0, 10, (arguments.batch_size,), device=device)
    times = []
    # The first steps choose algorithms and allocate memory.
    for _ in range(3 + arguments.steps):
        wait()
        begun = time.perf_counter()
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        wait()
        times.append(time.perf_counter() - begun)
    seconds = statistics.median(times[3:])
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    figures = {"images_per_second": round(arguments.batch_size / seconds, 1), "seconds_per_step": round(seconds, 6), "loss": round(loss.item(), 4)}
    figures |= {"device": name, "torch": torch.__version__, "atoms_times": arguments.atoms_times, "passes": arguments.passes}
    print(json.dumps(figures | {"adjoint_passes": arguments.adjoint_passes, "batch_size": arguments.batch_size}))


if __name__ == "__main__":
    main()
