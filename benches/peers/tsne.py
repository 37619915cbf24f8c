"""scikit-learn's Barnes-Hut t-SNE. usage: tsne.py THREADS CODES.npy"""

import contender  # first: what libraries print is no answer

import sys

import numpy as np
import sklearn
import threadpoolctl
from sklearn.manifold import TSNE

threads, path = int(sys.argv[1]), sys.argv[2]
codes = np.load(path)
seeds = iter(range(1_000_000))


def run_round():
    model = TSNE(method="barnes_hut", n_jobs=threads, random_state=next(seeds))
    with threadpoolctl.threadpool_limits(threads):
        seconds, _ = contender.timed(lambda: model.fit_transform(codes))
    return seconds, {"divergence": f"{model.kl_divergence_:.4f}", "iterations": model.n_iter_ + 1}


contender.compete({"version": sklearn.__version__, "threads": threads}, run_round)
