"""Golden values of the online SOM, from the package MiniSom 2.2.9 (pip install minisom==2.2.9 numpy).

python online_som.py > online_som.json

Data and starting prototypes are written out by formula, so that both sides have the same without
sharing a generator. "two-pi" has the neighbourhood of MiniSom before February 2021, whose Gaussian
was divided by 2 pi sigma^2: the current package with sigma sqrt(pi) times as large. "unit" scales
prototypes to length 1 after each update, as the package did before March 2019.
"""

import json
import math

import numpy as np
from minisom import MiniSom

UPDATES = 200


def case(dims):
    i, j = np.meshgrid(np.arange(60), np.arange(dims), indexing="ij")
    data = np.sin(1 + 3 * i + 5 * j + 0.1 * i * j)
    k, j = np.meshgrid(np.arange(12), np.arange(dims), indexing="ij")
    start = np.cos(2 + 1.7 * k + 0.9 * j + 0.05 * k * j)
    return [array.astype(np.float32).astype(float) for array in (data, start)]


golden = {}
for dims, spread, lengths in [
    (5, "two", "free"),
    (5, "two-pi", "free"),
    (70, "two", "free"),
    (70, "two-pi", "unit"),
]:
    sigma = 1.5 * (math.sqrt(math.pi) if spread == "two-pi" else 1)
    data, start = case(dims)
    som = MiniSom(3, 4, dims, sigma=sigma, learning_rate=0.5, random_seed=0)
    som._weights = start.reshape(3, 4, dims)
    if lengths == "free":
        som.train_batch(data, UPDATES)
    else:
        # The package before March 2019 ended each update so.
        for t in range(UPDATES):
            x = data[t % len(data)]
            som.update(x, som.winner(x), t, UPDATES)
            som._weights /= np.linalg.norm(som._weights, axis=-1, keepdims=True)
    values = som.get_weights().reshape(-1).tolist()
    golden[f"{spread} {lengths} {dims}"] = [round(value, 9) for value in values]
print(json.dumps(golden))
