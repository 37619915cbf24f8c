#!/usr/bin/env python3
"""How many units of a stored SOAE's hidden decoder layers are active for any of its kept codes.

    python3 replications/soae/active_units.py results/runs/KEY ...

Needs NumPy. Reads `weights.safetensors` of a run (`decoder.N.weight` [inputs, outputs],
`decoder.N.bias`, and `held_out.codes` [2000, m], a sample of the 10 000 held-out rows) and its record. None in the last
hidden layer means that one image is decoded for all of these codes, and that no gradient reaches codes or encoder.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np


def tensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "F32":
            found[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    return found


def embedded(codes, space):
    """What the decoder sees of codes."""
    if space == "torus":
        return np.concatenate([np.cos(codes), np.sin(codes)], axis=1)
    if space == "sphere":
        return codes / np.linalg.norm(codes, axis=1, keepdims=True)
    return codes


if len(sys.argv) < 2:
    sys.exit("usage: active_units.py RUN ..., with folders of runs, e.g. results/runs/58bea7af6470eae9")
for run in map(Path, sys.argv[1:]):
    record = json.loads((run / "record.json").read_text())
    space = record["identity"]["settings"].get("space")
    if space is None:
        sys.exit(f"{run}: {record['variant']} is no autoencoder of soae")
    found = tensors(run / "weights.safetensors")
    values = found["held_out.codes"]
    norm = np.linalg.norm(values, axis=1).mean()
    values = embedded(values, space)
    active = []
    layers = sum(name.startswith("decoder.") and name.endswith(".weight") for name in found)
    for layer in range(layers - 1):
        values = values @ found[f"decoder.{layer}.weight"] + found[f"decoder.{layer}.bias"]
        values = np.maximum(values, 0)
        active.append(f"{(values > 0).any(axis=0).sum()} of {values.shape[1]}")
    seed = record["identity"]["seed"]
    print(f"{record['variant']} seed {seed}: mean norm of codes {norm:.1f}, active units {', '.join(active)}")
