#!/usr/bin/env python3
"""Makes max_sim.json: what the Qdrant client's local mode says of seeded multi-vectors.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 qdrant-client==1.20.0
    venv/bin/python tests/golden/max_sim.py > tests/golden/max_sim.json

Every metric: 60 points of 1 to 5 rows of 8 components (whole numbers of 1/64, so that they print
and parse exactly), a keyword each, and 6 queries of 1 to 4 rows, half of them under a filter.
Dot and the distances see rows of uneven lengths.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
from qdrant_client import QdrantClient, models

SEED = 20241124
POINTS, DIM, QUERIES, K = 60, 8, 6, 10
METRICS = {
    "cosine": models.Distance.COSINE,
    "dot": models.Distance.DOT,
    "euclid": models.Distance.EUCLID,
    "manhattan": models.Distance.MANHATTAN,
}


def rows(rng, most):
    count = int(rng.integers(1, most + 1))
    length = 2.0 ** rng.uniform(-2, 2)
    return (np.round(64 * length * rng.normal(size=(count, DIM))) / 64).tolist()


def asked(metric, points, queries):
    client = QdrantClient(":memory:")
    params = models.VectorParams(
        size=DIM,
        distance=METRICS[metric],
        multivector_config=models.MultiVectorConfig(
            comparator=models.MultiVectorComparator.MAX_SIM
        ),
    )
    client.create_collection("c", vectors_config={"v": params})
    structs = [
        models.PointStruct(id=p["id"], vector={"v": p["rows"]}, payload={"kind": p["kind"]})
        for p in points
    ]
    client.upsert("c", structs)
    found = []
    for query in queries:
        filter = None
        if query["kind"]:
            match = models.MatchValue(value=query["kind"])
            filter = models.Filter(must=[models.FieldCondition(key="kind", match=match)])
        answer = client.query_points(
            "c", query=query["rows"], using="v", limit=K, query_filter=filter
        )
        found.append([[hit.id, float(hit.score)] for hit in answer.points])
    return found


def main():
    rng = np.random.default_rng(SEED)
    points = [
        {"id": at, "kind": "ab"[int(rng.integers(2))], "rows": rows(rng, 5)}
        for at in range(POINTS)
    ]
    queries = [{"kind": "a" if at % 2 else None, "rows": rows(rng, 4)} for at in range(QUERIES)]
    golden = {
        "made_by": "tests/golden/max_sim.py",
        "seed": SEED,
        "versions": {
            "numpy": np.__version__,
            "qdrant-client": version("qdrant-client"),
            "python": sys.version.split()[0],
        },
        "dim": DIM,
        "k": K,
        "points": points,
        "queries": queries,
        "found": {metric: asked(metric, points, queries) for metric in METRICS},
    }
    json.dump(golden, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
