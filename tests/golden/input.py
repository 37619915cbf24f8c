"""Small files as NumPy, h5py and MNIST's authors write them, for the readers in src/data/format.
`pip install numpy h5py`, then run from the repository's root; it writes tests/golden/input/.

Every features file holds x[i, j] = (3 i + j) / 2 - 1 for 4 rows of 3 values, and every labels file
holds 0, 1, 2, 1, but for those whose names say otherwise.
"""

import gzip
import pathlib
import struct

import h5py
import numpy as np
from numpy.lib import format as npy

FOLDER = pathlib.Path("tests/golden/input")
X = (np.arange(12).reshape(4, 3) / 2 - 1).astype("f4")
Y = np.array([0, 1, 2, 1])
# Integers, for the types that hold no halves.
N = np.arange(12).reshape(4, 3)


def save_npy():
    np.save(FOLDER / "x.npy", X)
    np.save(FOLDER / "big_fortran.npy", np.asfortranarray(X.astype(">f8")))
    np.save(FOLDER / "cube_fortran.npy", np.asfortranarray(N.reshape(2, 3, 2)))
    for version in (2, 3):
        with open(FOLDER / f"version{version}.npy", "wb") as file:
            npy.write_array(file, X, version=(version, 0))
    for kind in ("u1", ">u2", "<u4", ">u8", "i1", "<i2", ">i4", "i8", "<f4", ">f8"):
        name = kind.replace("<", "").replace(">", "big_")
        np.save(FOLDER / f"n_{name}.npy", N.astype(kind))
    np.save(FOLDER / "n_b1.npy", N % 2 == 1)
    np.save(FOLDER / "y.npy", Y)


def save_npz():
    np.savez(FOLDER / "stored.npz", X=X, y=Y)
    np.savez_compressed(FOLDER / "deflated.npz", features=X.astype("f8"), target=Y.astype("u1"))
    np.savez(FOLDER / "keras.npz", x_train=X, y_train=Y, x_test=X[:1], y_test=Y[:1])
    np.savez(FOLDER / "unnamed.npz", X)


def save_hdf5():
    with h5py.File(FOLDER / "contiguous.h5", "w") as file:
        file["x"], file["y"] = X, Y
    with h5py.File(FOLDER / "chunked.h5", "w", libver=("earliest", "v108")) as file:
        group = file.create_group("train")
        options = {"chunks": (3, 2), "shuffle": True, "fletcher32": True}
        group.create_dataset("x", data=X.astype(">f8"), compression="gzip", **options)
        group.create_dataset("deflated", data=X, compression="gzip", chunks=(4, 3))
        group.create_dataset("lzf", data=X, compression="lzf", chunks=(2, 3))
        group.create_dataset("y", data=Y.astype("u1"), chunks=(4,), maxshape=(None,))
        group.create_dataset("text", data=["a", "b"])
        group.create_dataset("partial", shape=(4, 3), chunks=(2, 3), dtype="f4")[:2] = X[:2]
        group.create_dataset("absent", shape=(1 << 30, 1 << 10), chunks=(4, 4), dtype="f4")
    with h5py.File(FOLDER / "new.h5", "w", libver=("v108", "v110")) as file:
        file["features"] = X
        file.create_dataset("target", data=Y, chunks=(2,), compression="gzip")


def save_others():
    np.savetxt(FOLDER / "header.csv", np.c_[X, Y], delimiter=",", header="a,b,c,label", comments="")
    np.savetxt(FOLDER / "plain.csv", np.c_[X, Y], delimiter=",", fmt="%g")
    idx = struct.pack(">BBBBII", 0, 0, 0x0D, 2, 4, 3) + X.astype(">f4").tobytes()
    (FOLDER / "x.idx.gz").write_bytes(gzip.compress(idx, mtime=0))
    idx = struct.pack(">BBBBI", 0, 0, 0x08, 1, 4) + Y.astype("u1").tobytes()
    (FOLDER / "y-idx1-ubyte").write_bytes(idx)


FOLDER.mkdir(exist_ok=True)
save_npy()
save_npz()
save_hdf5()
save_others()
