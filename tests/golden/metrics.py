"""Writes metrics.json: metrics of labels and maps for the tests of src/metrics and src/som/quality.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    python tests/golden/metrics.py > tests/golden/metrics.json

Definitions are followed to the letter, pair by pair, with ranks by SciPy, shortest paths by Floyd and
Warshall, connected groups by scipy.ndimage, gradients by NumPy, and the rest by scikit-learn. The data
are drawn by a generator that the tests have too.
"""

import json

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from sklearn import metrics as sk


class Lcg:
    def __init__(self, state):
        self.state = state

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def matrix(self, rows, columns, limit):
        """Multiples of 1/64."""
        return np.array([[self.below(limit) / 64 for _ in range(columns)] for _ in range(rows)])


def map_case(seed, samples, dims, rows, columns, limit, ks, radius, repeated=0):
    random = Lcg(seed)
    x = random.matrix(samples, dims, limit)
    m = random.matrix(rows * columns, dims, limit)
    y = np.array([random.below(5) for _ in range(samples)])
    for unit in range(1, repeated + 1):
        m[unit] = m[0]
    n, units = samples, rows * columns
    place = np.array([(u // columns, u % columns) for u in range(units)])
    steps = np.abs(place[:, None] - place[None]).sum(-1)
    d = cdist(x, m)
    order = np.argsort(d, axis=1, kind="stable")
    best, second = order[:, 0], order[:, 1]
    nearest = d[np.arange(n), best]
    between = cdist(m, m)

    paths = np.where(steps == 1, between, np.inf)
    np.fill_diagonal(paths, 0)
    for via in range(units):
        paths = np.minimum(paths, paths[:, [via]] + paths[[via], :])

    data, moved = cdist(x, x), steps[best][:, best]
    ranks_data, ranks_map = data.copy(), between[best][:, best].copy()
    np.fill_diagonal(ranks_data, np.inf)
    np.fill_diagonal(ranks_map, np.inf)
    r = np.array([rankdata(row, method="min") for row in ranks_data])
    p = np.array([rankdata(row, method="min") for row in ranks_map])

    def ranked(a, b, k):
        """Penalties of those within rank k of a, but not of b."""
        total = 0.0
        for i in range(n):
            near_a = [j for j in range(n) if j != i and a[i, j] <= k]
            near_b = [j for j in range(n) if j != i and b[i, j] <= k]
            lost = set(near_a) - set(near_b)
            total += len(near_b) / len(near_a) * sum(b[i, j] - k for j in lost)
        return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * total

    product = 0.0
    for j in range(units):
        others = [u for u in range(units) if u != j]
        a = sorted(others, key=lambda u: (steps[j, u], u))
        b = sorted(others, key=lambda u: (between[j, u], u))
        q = [(between[j, a[i]] + 1e-16) / (between[j, b[i]] + 1e-16)
             * (steps[j, a[i]] + 1e-16) / (steps[j, b[i]] + 1e-16) for i in range(units - 1)]
        product += sum(np.log(q[: k]).sum() / (2 * k) for k in range(1, units))

    connected = np.zeros((units, units), bool)
    connected[best, second] = connected[second, best] = True
    phi = [float((connected & (steps / steps.max() > t)).sum() / (units * (units - 9)))
           for t in (0, 0.2, 0.4, 0.6)] if units > 9 else None

    groups = [ndimage.label(np.isin(np.arange(units), best[y == c]).reshape(rows, columns))[1]
              for c in np.unique(y)]
    pairs = n * n - n
    return {
        "seed": seed, "samples": samples, "dims": dims, "rows": rows, "columns": columns,
        "limit": limit, "radius": radius, "repeated": repeated, "k": ks,
        "best": best.tolist(), "second": second.tolist(),
        "quantization_error": nearest.mean(),
        "topographic_error": (steps[best, second] > 1).mean(),
        "combined_error": (nearest + paths[best, second]).mean(),
        "distortion": (np.exp(-steps[best] ** 2 / radius**2) * d**2).sum(1).mean(),
        "kruskal_shepard_error": ((data / data.max() - moved / moved.max()) ** 2).sum() / pairs,
        "c_measure": (data * moved).sum() / 2,
        "c_measure_mean": (data * moved).sum() / pairs,
        "neighbourhood_preservation": [ranked(r, p, k) for k in ks],
        "trustworthiness": [ranked(p, r, k) for k in ks],
        "topographic_product": product / (units * (units - 1)),
        "topographic_function": phi,
        "class_scatter_index": np.mean(groups),
        "silhouette_units": sk.silhouette_score(x, best),
        "silhouette_classes": sk.silhouette_score(x, y),
    }


def sharpness_case(seed, images, prototypes, height, width):
    random = Lcg(seed)

    def sharpness(count):
        all = random.matrix(count, height * width, 256).reshape(count, height, width)
        return np.mean([np.sqrt(sum(g**2 for g in np.gradient(image))).mean() for image in all])

    of_data = sharpness(images)
    return {"seed": seed, "images": images, "prototypes": prototypes, "height": height,
            "width": width, "ratio": sharpness(prototypes) / of_data}


def label_case(seed, samples, classes, clusters, agree):
    random, y, p = Lcg(seed), [], []
    for _ in range(samples):
        c = random.below(classes)
        y.append(c)
        p.append(random.below(clusters) if random.below(100) >= agree else
                 (c + classes * random.below(max(1, clusters // classes))) % clusters)
    table = sk.cluster.contingency_matrix(y, p)
    return {"seed": seed, "samples": samples, "classes": classes, "clusters": clusters, "agree": agree,
            "ami": sk.adjusted_mutual_info_score(y, p), "homogeneity": sk.homogeneity_score(y, p),
            "completeness": sk.completeness_score(y, p),
            "entropy": float(-np.log(table.max(0) / table.sum(0)).sum()),
            "minor_class": 1 - float(table.max(0).sum() / samples)}


print(json.dumps({
    "maps": [
        map_case(1, 150, 6, 5, 7, 2**24, [1, 5, 30], 1.5),
        # Few different values: ties between distances of samples, and samples that are equal.
        map_case(2, 120, 3, 4, 4, 3, [1, 4], 0.7),
        # A map that has collapsed in part.
        map_case(3, 90, 2, 6, 3, 2**10, [2], 2.0, repeated=7),
        # Too small for a topographic function.
        map_case(4, 40, 20, 2, 3, 2**20, [3, 19], 1.0),
        # More columns than vector registers hold.
        map_case(5, 60, 83, 3, 6, 2**22, [2], 0.1),
    ],
    "sharpness": [sharpness_case(1, 7, 4, 5, 5), sharpness_case(2, 5, 3, 4, 9), sharpness_case(3, 4, 4, 2, 2)],
    "labels": [
        label_case(1, 200, 4, 12, 70), label_case(2, 200, 9, 3, 70), label_case(3, 70_000, 10, 64, 60),
        label_case(4, 50, 5, 5, 0), label_case(5, 60, 3, 60, 50), label_case(6, 5000, 300, 500, 30),
    ],
}, separators=(",", ":"), default=float))
