"""Writes tsne.json: what scikit-learn 1.9.1 makes of 60 handwritten digits, for the tests of t-SNE.

    pip install scikit-learn==1.9.1
    python tests/golden/tsne.py > tests/golden/tsne.json
"""

import json

import numpy as np
from scipy.spatial.distance import squareform
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import _t_sne
from sklearn.neighbors import NearestNeighbors

ROWS, PERPLEXITY = 60, 15.0

codes = load_digits().data[:ROWS].astype(np.float32)
graph = NearestNeighbors(n_neighbors=int(3 * PERPLEXITY + 1)).fit(codes).kneighbors_graph(mode="distance")
graph.data **= 2
joint = _t_sne._joint_probabilities_nn(graph, PERPLEXITY, 0).toarray()

start = PCA(n_components=2, svd_solver="full").fit_transform(codes.astype(np.float64))
start = start / start[:, 0].std() * 1e-4

# A spread-out embedding, to eight digits so that both sides read the same numbers.
points = np.round(np.random.default_rng(0).normal(size=(ROWS, 2)) * 4, 8)
condensed = squareform(joint, checks=False)
divergence, gradient = _t_sne._kl_divergence(points.ravel(), condensed, 1, ROWS, 2)

print(json.dumps({
    "perplexity": PERPLEXITY,
    "columns": codes.shape[1],
    "codes": codes.astype(int).ravel().tolist(),
    "joint": [[int(i), int(j), float(joint[i, j])] for i, j in zip(*np.nonzero(np.triu(joint)))],
    "start": start.tolist(),
    "points": points.tolist(),
    "kl_divergence": float(divergence),
    "gradient": gradient.reshape(ROWS, 2).tolist(),
}, separators=(",", ":")))
