"""A small HDF5 file in the form of usps.h5 (pip install h5py numpy). python groups.py writes groups.h5."""

import h5py
import numpy as np

with h5py.File("groups.h5", "w") as file:
    for name, rows in [("train", 3), ("test", 2)]:
        group = file.create_group(name)
        start = 0 if name == "train" else 12
        data = np.arange(start, start + 4 * rows, dtype=np.float32).reshape(rows, 4) / 20
        group.create_dataset("data", data=data)
        group.create_dataset("target", data=np.arange(rows, dtype=np.int32) % 3)
