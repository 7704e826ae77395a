#!/usr/bin/env python3
"""Makes retrieval.json: what scikit-learn, SciPy and NumPy say of seeded data, for room `analysis`.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    venv/bin/python tests/golden/retrieval.py > tests/golden/retrieval.json

Neighbours come from scikit-learn's brute-force search, clusters from SciPy's connected components,
percentiles from NumPy. Only the random numbers of the bootstrap follow the program (SplitMix64),
so that intervals can be compared digit by digit.
"""

import json
import sys

import numpy as np
import scipy
import sklearn
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors

SEED = 20241124
POINTS, DIM, CLASSES, RESAMPLES, DRAW_SEED = 150, 12, 6, 1000, 7
MASK = (1 << 64) - 1


def splitmix(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def made():
    """Vectors of overlapping classes; lesions within patients; some of both missing."""
    rng = np.random.default_rng(SEED)
    labels = rng.choice(CLASSES - 1, POINTS, p=[0.4, 0.3, 0.23, 0.05, 0.02])
    lesions = rng.integers(0, 60, POINTS)
    patients = lesions // 2
    labels[lesions == 5] = CLASSES - 1  # a class of one lesion: outside it, nobody finds another
    centres, own = rng.normal(size=(CLASSES, DIM)), rng.normal(size=(60, DIM))
    vectors = centres[labels] + 0.8 * own[lesions] + 0.7 * rng.normal(size=(POINTS, DIM))
    lesions = [None if rng.random() < 0.1 else int(lesion) for lesion in lesions]
    patients = [None if rng.random() < 0.2 else int(patient) for patient in patients]
    return vectors.astype(np.float32), labels, lesions, patients


def per_query(vectors, labels, groupings, k):
    search = NearestNeighbors(n_neighbors=len(labels), metric="cosine", algorithm="brute")
    order = search.fit(vectors).kneighbors(vectors, return_distance=False)
    rows = []
    for query in range(len(labels)):
        same_group = lambda row: any(
            of[row] is not None and of[row] == of[query] for of in groupings
        )
        pool = [row for row in order[query] if row != query and not same_group(row)]
        right = [labels[row] == labels[query] for row in pool]
        # Of a label that nobody else in the pool has, no ranking finds one: not judged.
        rows.append([np.nan] * 3 if not any(right) else (
            np.mean(right[:k]),
            np.mean(right),
            min(k, sum(right)) / min(k, len(right)),
        ))
    return np.array(rows)


def clusters(groupings):
    pairs = [
        (one, other)
        for of in groupings
        for one in range(POINTS)
        for other in range(POINTS)
        if of[one] is not None and of[one] == of[other]
    ]
    ones, others = zip(*pairs)
    graph = coo_matrix((np.ones(len(ones)), (ones, others)), shape=(POINTS, POINTS))
    _, found = connected_components(graph, directed=False)
    return found


def numbered(found):
    first = {}
    return np.array([first.setdefault(cluster, len(first)) for cluster in found])


def summarise(values, labels, cluster_of):
    members = [np.flatnonzero(cluster_of == c) for c in range(cluster_of.max() + 1)]
    means = lambda rows: [
        values[rows][labels[rows] == c].mean() if (labels[rows] == c).any() else np.nan
        for c in range(CLASSES)
    ]
    whole = np.arange(len(values))
    whole_means = np.array(means(whole))
    draw, drawn = splitmix(DRAW_SEED), []
    for _ in range(RESAMPLES):
        chosen = [(next(draw) * len(members)) >> 64 for _ in members]
        rows = np.concatenate([members[c] for c in chosen])
        # A class that the drawing misses keeps its mean in the macro mean.
        by_class = np.array(means(rows))
        filled = np.where(np.isnan(by_class), whole_means, by_class)
        drawn.append([values[rows].mean(), np.nanmean(filled), *by_class])
    mean = [values.mean(), np.nanmean(whole_means), *whole_means]
    low, high = np.nanpercentile(np.array(drawn), [2.5, 97.5], axis=0)
    return [
        None if np.isnan(m) else {"mean": float(m), "low": float(l), "high": float(h)}
        for m, l, h in zip(mean, low, high)
    ]


def main():
    vectors, labels, lesions, patients = made()
    cases = []
    for k, excluded in [(5, ["lesion", "patient"]), (1, ["lesion"]), (10, [])]:
        own = {"lesion": lesions, "patient": patients}
        rows = per_query(vectors, labels, [own[name] for name in excluded], k)
        judged = ~np.isnan(rows[:, 0])
        rows, kept = rows[judged], labels[judged]
        cluster_of = numbered(clusters([lesions, patients])[judged])
        cases.append({
            "k": k,
            "excluded": excluded,
            "queries": int(judged.sum()),
            "clusters": int(cluster_of.max() + 1),
            # Each: micro, macro, then the classes.
            "precision": summarise(rows[:, 0], kept, cluster_of),
            "random": summarise(rows[:, 1], kept, cluster_of),
            "attainable": summarise(rows[:, 2], kept, cluster_of),
        })
    versions = {"numpy": np.__version__, "scipy": scipy.__version__,
                "scikit-learn": sklearn.__version__, "python": sys.version.split()[0]}
    print(f"seed {SEED}, {versions}", file=sys.stderr)
    json.dump({
        "made_by": "tests/golden/retrieval.py", "seed": SEED, "versions": versions,
        "draw_seed": DRAW_SEED, "classes": CLASSES, "dim": DIM,
        "vectors": [[float(x) for x in row] for row in vectors],
        "labels": labels.tolist(), "lesion": lesions, "patient": patients, "cases": cases,
    }, sys.stdout, separators=(",", ":"))
    print()


main()
