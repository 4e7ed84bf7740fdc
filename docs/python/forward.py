"""The forward pass of a network in numpy, from its model file: forward.py MODEL X.npy Z.npy

X.npy contains pixels, u1 [N, C, H, W]. The logits, f8 [N, classes], are written to Z.npy. All
arithmetic is in float64. Maps are arrays [N, C, H, W].
"""

import json
import struct
import sys

import numpy as np


def read_model(path):
    """Returns the configuration (a dict) and the arrays (float64, by name) of a model file.

    The format is safetensors: the length of the header as 8 bytes, little-endian; the header as
    JSON; then the bytes of all arrays, f32.
    """
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
        data = file.read()
    config = json.loads(head.pop("__metadata__")["scn"])
    arrays = {}
    for name, entry in head.items():
        first, end = entry["data_offsets"]
        values = np.frombuffer(data[first:end], dtype="<f4").astype(float)
        arrays[name] = values.reshape(entry["shape"])
    return config, arrays


def preprocess(pixels, config, arrays):
    """Returns x = W ((c(p) - mean) scale).

    Contrast normalisation c and whitening W are only applied if the model has them.
    """
    x = pixels.astype(float)
    bias = config.get("pixel_contrast")
    if bias is not None:
        # c(p) = (p - m) / sqrt(v + bias), with the mean m and the variance v of each image
        m = x.mean(axis=(1, 2, 3), keepdims=True)
        v = x.var(axis=(1, 2, 3), keepdims=True)
        x = (x - m) / np.sqrt(v + bias)
    x = (x - arrays["input.mean"]) * config["pixel_scale"]
    if "input.whitening" in arrays:
        x = (x.reshape(len(x), -1) @ arrays["input.whitening"].T).reshape(x.shape)
    return x


def windows(x, k, stride):
    """Returns the k × k windows of a map as columns, [C k², N H' W'], and the shape (N, H', W').

    The map is padded with k // 2 zeros on each side. Row (c k + dy) k + dx of a column is pixel
    (dy, dx) of channel c.
    """
    border = k // 2
    x = np.pad(x, ((0, 0), (0, 0), (border, border), (border, border)))
    views = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
    views = views[:, :, ::stride, ::stride]  # [N, C, H', W', dy, dx]
    images, channels, height, width = views.shape[:4]
    columns = views.transpose(1, 4, 5, 0, 2, 3).reshape(channels * k * k, -1)
    return columns, (images, height, width)


def kkt_residual(h, c, a, lambda1):
    """Returns r(a) = max_j |min(H_jj a_j, g_j + λ1_j)| / max_j |c_j| for each column.

    Here g = H a - c.
    """
    step = np.minimum(np.diag(h)[:, None] * a, h @ a - c + lambda1)
    scale = np.abs(c).max(axis=0)
    return np.abs(step).max(axis=0) / np.where(scale > 0, scale, 1)


def encode(d, x, lambda1, lambda2, tolerance=1e-10, sweeps=100_000):
    """Returns argmin over a >= 0 of 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||² for each column x.

    This is coordinate descent on all columns at once, with H = D'D + λ2 I and c = D'x:

        a_j <- max(0, a_j - (H_j a - c_j + λ1_j) / H_jj)

    A column is finished once its KKT residual is at most the tolerance.
    """
    h = d.T @ d + lambda2 * np.eye(d.shape[1])
    c = d.T @ x
    lambda1 = np.broadcast_to(np.ravel(lambda1), d.shape[1])[:, None]
    diagonal = np.maximum(np.diag(h), np.finfo(float).tiny)
    codes = np.zeros_like(c)
    left = np.arange(c.shape[1])
    for sweep in range(sweeps):
        if sweep % 10 == 0:
            left = left[kkt_residual(h, c[:, left], codes[:, left], lambda1) > tolerance]
            if left.size == 0:
                return codes
            a, b = codes[:, left], c[:, left] - lambda1
        for j in range(len(a)):
            a[j] = np.maximum(0, a[j] - (h[j] @ a - b[j]) / diagonal[j])
        if sweep % 10 == 9:
            codes[:, left] = a
    raise ArithmeticError(f"{left.size} columns missed the tolerance in {sweeps} sweeps")


def batch_norm(x, name, config, arrays):
    """Returns y = γ (x - μ) / sqrt(σ² + ε) + β for each channel.

    γ = 1 and β = 0 if they are not learned.
    """
    channels = (-1, 1, 1)
    mean = arrays[f"{name}.mean"].reshape(channels)
    variance = arrays[f"{name}.variance"].reshape(channels)
    y = (x - mean) / np.sqrt(variance + config["batch_norm"]["epsilon"])
    if f"{name}.scale" in arrays:
        y = y * arrays[f"{name}.scale"].reshape(channels) + arrays[f"{name}.shift"].reshape(channels)
    return y


def forward(pixels, config, arrays, tolerance=1e-10):
    """Returns the logits [N, classes] of pixels, u1 [N, C, H, W]."""
    before = config["batch_norm"]["placement"] == "before"
    x = preprocess(pixels, config, arrays)
    for i, layer in enumerate(config["layers"]):
        if before:
            x = batch_norm(x, f"norm{i}", config, arrays)
        columns, (images, height, width) = windows(x, config["window"], layer["stride"])
        d, lambda1, lambda2 = (arrays[f"layer{i}.{name}"] for name in ("dictionary", "lambda1", "lambda2"))
        codes = encode(d, columns, lambda1, lambda2, tolerance)
        x = codes.reshape(-1, images, height, width).swapaxes(0, 1)
        if not before:
            x = batch_norm(x, f"norm{i}", config, arrays)
    if before:
        x = batch_norm(x, f"norm{len(config['layers'])}", config, arrays)
    features = x.mean(axis=(2, 3))
    # z = W y + b
    return features @ arrays["classifier.weight"].T + arrays["classifier.bias"]


def main(model, images, logits):
    config, arrays = read_model(model)
    pixels = np.load(images)
    if pixels.dtype != np.uint8 or list(pixels.shape[1:]) != config["input"]:
        sys.exit(f"{images}: expected u1 [N, {config['input']}], found {pixels.dtype} {pixels.shape}")
    batches = range(0, len(pixels), 128)
    np.save(logits, np.concatenate([forward(pixels[i : i + 128], config, arrays) for i in batches]))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
