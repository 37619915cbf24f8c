"""scikit-learn's k-means. usage: kmeans.py THREADS DATA.npy CLUSTERS RESTARTS"""

import contender  # first: what libraries print is no answer

import sys

import numpy as np
import sklearn
import threadpoolctl
from sklearn.cluster import KMeans

threads, path, clusters, restarts = int(sys.argv[1]), *sys.argv[2:3], *map(int, sys.argv[3:5])
data = np.load(path)
seeds = iter(range(1_000_000))


def run_round():
    model = KMeans(clusters, n_init=restarts, max_iter=300, tol=1e-4, algorithm="lloyd", random_state=next(seeds))
    with threadpoolctl.threadpool_limits(threads):
        seconds, fit = contender.timed(lambda: model.fit(data))
    return seconds, {"inertia": f"{fit.inertia_:.1f}", "iterations": fit.n_iter_}


contender.compete({"version": sklearn.__version__, "threads": threads}, run_round)
