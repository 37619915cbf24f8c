"""The Python package MiniSom, in the order of the rows. usage: online_som.py DATA.npy SIDE"""

import desom  # first: what libraries print is no answer (contender.py)

import importlib.metadata
import sys

import contender
import numpy as np
from minisom import MiniSom

# As in benches/contender/online_som.rs but for the round: an update takes longer here.
UPDATES, CHECK_UPDATES = 1000, 500

data, side = np.load(sys.argv[1]), int(sys.argv[2])


def trained(rows, updates):
    som = MiniSom(side, side, rows.shape[1], sigma=side / 2, learning_rate=0.5)
    som._weights = rows[: side * side].reshape(side, side, -1).astype(np.float64)
    seconds, _ = contender.timed(lambda: som.train(rows, updates))
    return seconds, som


def run_round():
    seconds, _ = trained(data, UPDATES)
    return seconds / UPDATES, {"updates": UPDATES}


def run_check():
    rows = desom.fixed_rows()
    _, som = trained(rows, CHECK_UPDATES)
    nearest = np.linalg.norm(rows - som.quantization(rows), axis=1)
    return [float(mean) for mean in (nearest**2).reshape(-1, 256).mean(1)]


contender.compete({"version": importlib.metadata.version("minisom"), "threads": 1}, run_round, run_check)
