"""How far from the best unit of a map is the second-best one?

Reads the weights of a stored DESOM run of 784-500-500-2000-10 and MNIST's IDX files with NumPy alone:

    python second_best_units.py results/runs/RUN/weights.safetensors --images ~/.cache/replicate/mnist

The topographic error counts a second-best unit that is not one of the four neighbours as an error; here are
also the diagonal neighbours, the mean distance in steps, and what chance would give.
"""

import argparse
import json
import struct
from pathlib import Path

import numpy as np


def tensors(path):
    """The 32-bit tensors of a safetensors file."""
    data = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    found = {}
    for name, about in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__" and about["dtype"] == "F32":
            start, end = about["data_offsets"]
            values = np.frombuffer(data[8 + size + start : 8 + size + end], "<f4")
            found[name] = values.reshape(about["shape"])
    return found


def images(folder):
    """Train, then test images, `[70000, 784]`, between 0 and 1."""
    files = ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"]
    rows = [np.frombuffer((Path(folder) / file).read_bytes()[16:], np.uint8) for file in files]
    return np.concatenate(rows).reshape(-1, 784).astype("f4") / 255


def encode(weights, x):
    """Codes; weights are `[inputs, outputs]`, the last layer is linear."""
    last = max(int(name.split(".")[1]) for name in weights if name.startswith("encoder."))
    for layer in range(last + 1):
        x = x @ weights[f"encoder.{layer}.weight"] + weights[f"encoder.{layer}.bias"]
        x = x if layer == last else np.maximum(x, 0)
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--images", required=True, help="folder of MNIST's IDX files")
    parser.add_argument("--every", type=int, default=7, help="take every N-th image (default 7)")
    parser.add_argument("--columns", type=int, default=8, help="units in a row of the map")
    args = parser.parse_args()
    x = images(args.images)[:: args.every]

    def told(name, best, second):
        rows = np.abs(best // args.columns - second // args.columns)
        columns = np.abs(best % args.columns - second % args.columns)
        steps = rows + columns
        print(
            f"{name}: no neighbour {np.mean(steps > 1):.3f}, nor diagonal {np.mean(np.maximum(rows, columns) > 1):.3f}, "
            f"mean distance {np.mean(steps):.2f} steps"
        )

    for path in args.weights:
        weights = tensors(path)
        codes, prototypes = encode(weights, x), weights["som.prototypes"]
        squared = (codes**2).sum(1)[:, None] - 2 * codes @ prototypes.T + (prototypes**2).sum(1)
        best, second = np.argsort(squared, 1)[:, :2].T
        told(path, best, second)
    pairs = np.array([(a, b) for a in range(len(prototypes)) for b in range(len(prototypes)) if a != b])
    told("any two units", *pairs.T)


if __name__ == "__main__":
    main()
