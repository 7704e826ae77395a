"""hnswlib and our own graph on the same files, in turn, as ratios.

    python3 -m venv V && V/bin/pip install numpy hnswlib      (from source: it then fits the processor)
    V/bin/python benches/compare/flat.py PATH-OF-BENCH-FLAT FOLDER [ROUNDS]

PATH-OF-BENCH-FLAT is the program that `cargo bench -p vitrail-vector-index --profile release --bench flat --no-run`
names. FOLDER holds base.npy, queries.npy and truth.npy. Each round runs hnswlib (M 16, ef_construction 200, two
threads for the build, one for the search), then ours. Times are seconds of the processor. Prints one JSON object.
"""
import json, subprocess, sys, time
import hnswlib
import numpy as np

EFS = [10, 12, 14, 16, 20, 24, 32, 48, 64, 96, 128]


def theirs(folder, passes=3):
    base, queries = np.load(f"{folder}/base.npy"), np.load(f"{folder}/queries.npy")
    truth = np.load(f"{folder}/truth.npy")[:, :10]
    index = hnswlib.Index("ip", base.shape[1])
    index.init_index(len(base), M=16, ef_construction=200, random_seed=1)
    index.set_num_threads(2)
    before = time.process_time()
    index.add_items(base)
    build = time.process_time() - before
    index.set_num_threads(1)
    curve = []
    for ef in EFS:
        index.set_ef(ef)
        best = None
        for _ in range(passes):
            before, rounds = time.process_time(), 0
            while time.process_time() - before < 0.2:
                ids, _ = index.knn_query(queries, k=10)
                rounds += 1
            seconds = (time.process_time() - before) / rounds
            best = min(best or seconds, seconds)
        recall = np.mean([len(set(a) & set(b)) for a, b in zip(ids, truth)]) / 10
        curve.append({"ef": ef, "recall": float(recall), "queries_per_cpu_second": len(queries) / best})
    return {"build": {"cpu_seconds": build}, "curve": curve}


def at(curve, recall):
    """Queries a CPU-second at a recall, between the two settings next to it; None if never reached."""
    for low, high in zip([None] + curve, curve):
        if high["recall"] >= recall:
            fast = high["queries_per_cpu_second"]
            if low is None:
                return fast
            share = (recall - low["recall"]) / (high["recall"] - low["recall"])
            return 1 / ((1 - share) / low["queries_per_cpu_second"] + share / fast)
    return None


def main():
    program, folder = sys.argv[1:3]
    rounds = []
    for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 2):
        other = theirs(folder)
        own = json.loads(subprocess.run([program, folder], check=True, capture_output=True, text=True).stdout)
        row = {"build_cpu": [other["build"]["cpu_seconds"], own["build"]["cpu_seconds"]]}
        row["build_ratio"] = row["build_cpu"][1] / row["build_cpu"][0]
        for recall in (0.95, 0.99):
            pair = [at(other["curve"], recall), at(own["curve"], recall)]
            row[f"queries@{recall}"] = pair
            row[f"ratio@{recall}"] = pair[1] / pair[0] if all(pair) else None
        row["hnswlib"], row["own"] = other, own
        rounds.append(row)
        print(json.dumps({k: v for k, v in row.items() if k not in ("hnswlib", "own")}), file=sys.stderr)
    print(json.dumps(rounds))


main()
