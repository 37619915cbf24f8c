"""A small corpus in the form of RCV1-v2, and what scikit-learn 1.9.1 makes of it as the data loaders of
DEC-keras and DESOM use it (pip install scikit-learn numpy). python rcv1.py writes rcv1/*.
"""

import json
import pathlib

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

DOCUMENTS, TERMS, ROWS = 60, 30, 40
TOPICS = ["CCAT", "GCAT", "MCAT", "ECAT"]

random = np.random.RandomState(12)
folder = pathlib.Path(__file__).parent / "rcv1"
# One-letter words, digits, upper case, hyphens and underscores: what a tokeniser can differ in.
words = [f"word{i}" for i in range(50)] + ["Stock", "a", "u.s", "two-part", "x_1", "7", "1996"]
share = 1 / np.arange(1, len(words) + 1)
documents, numbers, lines = [], [], []
files = {"test.dat": "", "train.dat": ""}
for index in range(DOCUMENTS):
    number = 2286 + 3 * index
    chosen = random.choice(words, size=random.randint(5, 40), p=share / share.sum())
    half = len(chosen) // 2
    text = " ".join(chosen[:half]) + "\n" + " ".join(chosen[half:]) + "\n"
    name = "test.dat" if index < 45 else "train.dat"
    files[name] += f".I {number}\n.W\n{text}\n"
    # Most have one of the topics, some two or none; another topic never counts.
    own = random.choice(TOPICS, size=random.choice([0, 1, 2], p=[0.05, 0.85, 0.1]), replace=False)
    lines += [f"C15 {number} 1"] + [f"{topic} {number} 1" for topic in own]
    if len(own) == 1:
        documents.append(text)
        numbers.append(TOPICS.index(own[0]))
for name, text in files.items():
    (folder / name).write_text(text)
(folder / "topics.qrels").write_text("\n".join(lines) + "\n")

vectorizer = CountVectorizer(dtype=np.float64, max_features=TERMS)
counts = vectorizer.fit_transform(documents)
everything = CountVectorizer().fit_transform(documents).toarray().sum(0)
everything = sorted(everything, reverse=True)
assert everything[TERMS - 1] > everything[TERMS], "a tie at the limit: choose another seed"
x = TfidfTransformer(norm="l2", sublinear_tf=True).fit_transform(counts)
x = x[:ROWS].astype(np.float32).toarray() * np.sqrt(x.shape[1])
np.random.seed(1234)
order = np.random.permutation(ROWS)
golden = {
    "labels": [numbers[i] for i in order],
    "features": [float(f"{value:.6f}") for value in x[order].reshape(-1)],
}
(folder / "expected.json").write_text(json.dumps(golden))
