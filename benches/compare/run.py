"""hnswlib, usearch, FAISS, hnsw_rs and Vitrail on the same files in one run, in turn: one table with ratios.

    python3 benches/compare/run.py --vitrail PROGRAM FOLDER [--rounds 2] [--only hnswlib,vitrail] [--out FILE]

FOLDER holds base.npy, queries.npy (float32, C order, rows of length 1) and truth.npy (true neighbours by inner
product, nearest first, at least 10). The first run makes a virtual environment (--venv) and installs the pinned
packages of PACKAGES; hnswlib is compiled on this machine for its processor, the others are their wheels, which pick
their kernels at run time.

Every contender runs in a process of its own, one at a time, round after round. Builds use every core and count seconds
of the processor and of the clock; searches use one thread, k = 10. Queries a second are counted in batch calls against
the processor time that they took (other work on the machine moves it less than the clock); p50 and p99 are of the
clock, of single calls, and so hold the call from Python (a few microseconds) for the Python libraries. Between two
settings, recall and time a query are interpolated; there is no credit for more recall than the target. Memory is
anonymous memory that the index added to a fresh process; Vitrail's is that of a process which opened the built files,
plus the bytes of mapped links and codes (its full vectors lie in a file beside and are read for the last 30 candidates
alone: given apart, as is what the building process held).

Prints the table; --out writes everything as JSON.
"""
import argparse, importlib.metadata, json, os, pathlib, platform, shutil, subprocess, sys, tempfile, time

PACKAGES = {"numpy": "2.4.6", "hnswlib": "0.8.0", "usearch": "2.26.6", "faiss-cpu": "1.15.1"}
EFS = [10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256]
TARGETS = (0.95, 0.99)
K, M, EF_CONSTRUCTION = 10, 16, 200
PASS_SECONDS = 0.3
CONTENDERS = ["hnswlib", "vitrail", "usearch", "usearch_i8", "faiss", "faiss_sq8", "hnsw_rs"]
WHAT = {
    "hnswlib": "hnswlib, f32", "usearch": "usearch, f32", "usearch_i8": "usearch, i8", "faiss": "FAISS HNSWFlat",
    "faiss_sq8": "FAISS HNSWSQ, 8 bit", "hnsw_rs": "hnsw_rs, our kernels", "vitrail": "Vitrail",
}


def anonymous_bytes():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def contender(name, folder, threads):
    """Builds one index, asks it, and gives what it costs. Runs in the virtual environment."""
    import numpy as np

    rows = np.load(f"{folder}/base.npy", mmap_mode="r")
    queries = np.load(f"{folder}/queries.npy")
    truth = np.load(f"{folder}/truth.npy")[:, :K]
    made = {"hnswlib": of_hnswlib, "usearch": of_usearch, "faiss": of_faiss}[name.split("_")[0]]
    build, ask = made(name, rows.shape, threads)
    build(rows[:1000])  # threads, buffers and modules that every process has
    build, ask = made(name, rows.shape, threads)
    before, wall, cpu = anonymous_bytes(), time.perf_counter(), time.process_time()
    build(rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    resident = anonymous_bytes() - before
    curve = [measured(ask, queries, truth, ef) for ef in EFS]
    return {"build_seconds": wall, "build_cpu_seconds": cpu, "build_threads": threads, "resident_bytes": resident,
            "points": len(rows), "dim": rows.shape[1], "curve": curve}


def measured(ask, queries, truth, ef):
    ids = ask(queries, ef)
    hits = sum(len(set(found) & set(true)) for found, true in zip(ids.tolist(), truth.tolist()))
    rounds, cpu, wall = 0, time.process_time(), time.perf_counter()
    while time.process_time() - cpu < PASS_SECONDS:
        ask(queries, ef)
        rounds += 1
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    singles = []
    for query in queries:
        begun = time.perf_counter()
        ask(query[None], ef)
        singles.append(1e6 * (time.perf_counter() - begun))
    singles.sort()
    at = lambda share: singles[round(share * (len(singles) - 1))]
    return {"ef": ef, "recall": hits / truth.size, "queries_per_cpu_second": rounds * len(queries) / cpu,
            "qps": rounds * len(queries) / wall, "p50_us": at(0.5), "p99_us": at(0.99)}


def of_hnswlib(_, shape, threads):
    import hnswlib

    index = hnswlib.Index("ip", shape[1])
    index.init_index(shape[0], M=M, ef_construction=EF_CONSTRUCTION, random_seed=1)
    index.set_num_threads(threads)

    def ask(queries, ef):
        index.set_num_threads(1)
        index.set_ef(ef)
        return index.knn_query(queries, k=K)[0]

    return index.add_items, ask


def of_usearch(name, shape, threads):
    import numpy as np
    from usearch.index import Index

    dtype = "i8" if name.endswith("i8") else "f32"
    index = Index(ndim=shape[1], metric="cos", dtype=dtype, connectivity=M, expansion_add=EF_CONSTRUCTION)

    def build(rows):
        index.add(np.arange(len(rows), dtype=np.uint64), rows, threads=threads)

    def ask(queries, ef):
        index.expansion_search = ef
        return index.search(queries, K, threads=1).keys.reshape(len(queries), -1)

    return build, ask


def of_faiss(name, shape, threads):
    import faiss

    inner = faiss.METRIC_INNER_PRODUCT
    if name.endswith("sq8"):
        index = faiss.IndexHNSWSQ(shape[1], faiss.ScalarQuantizer.QT_8bit, M, inner)
    else:
        index = faiss.IndexHNSWFlat(shape[1], M, inner)
    index.hnsw.efConstruction = EF_CONSTRUCTION

    def build(rows):
        faiss.omp_set_num_threads(threads)
        if not index.is_trained:
            index.train(rows)
        index.add(rows)

    def ask(queries, ef):
        faiss.omp_set_num_threads(1)
        index.hnsw.efSearch = ef
        return index.search(queries, K)[1]

    return build, ask


def ours(program, folder, threads, graph):
    """Builds and asks; then a second process opens what was built, for its memory."""
    files = [f"--{name}={folder}/{name}.npy" for name in ("base", "queries", "truth")]
    command = [program, "bench", "ann", *files, f"--threads={threads}", f"--graph={graph}", "--json"]

    def run(seconds, *more):
        whole = [*command, f"--seconds={seconds}", *more]
        return json.loads(subprocess.run(whole, check=True, stdout=subprocess.PIPE, text=True).stdout)

    if graph != "own":
        return run(PASS_SECONDS)
    kept = tempfile.mkdtemp(prefix="vitrail-compare-")
    try:
        report = run(PASS_SECONDS, f"--segments={kept}/v")
        opened = run(0, f"--segments={kept}/v")
    finally:
        shutil.rmtree(kept)
    report["build_cpu_seconds"] += report["insert_cpu_seconds"]
    report["build_seconds"] += report["insert_seconds"]
    report["resident_bytes_after_build"] = report["resident_bytes"]
    report["resident_bytes"] = opened["resident_bytes"]
    return report


def at(curve, recall, key="queries_per_cpu_second"):
    """Queries a second at a recall, between the two settings next to it; None if it is never reached."""
    for low, high in zip([None] + curve, curve):
        if high["recall"] >= recall:
            if low is None:
                return high[key]
            share = (recall - low["recall"]) / (high["recall"] - low["recall"])
            return 1 / ((1 - share) / low[key] + share / high[key])
    return None


def first(curve, recall):
    """The first setting that reaches a recall."""
    return next((point for point in curve if point["recall"] >= recall), None)


def environment(venv):
    """A Python with the pinned packages."""
    python = venv / "bin" / "python"
    check = "import importlib.metadata as m, json, sys; print(json.dumps({p: m.version(p) for p in sys.argv[1:]}))"
    have = subprocess.run([python, "-c", check, *PACKAGES], capture_output=True, text=True) if python.exists() else None
    if have is None or have.returncode or json.loads(have.stdout) != PACKAGES:
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pinned = [f"{name}=={version}" for name, version in PACKAGES.items()]
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-binary", "hnswlib", *pinned], check=True)
    return str(python)


def table(rounds):
    """Markdown: each figure of each round, and the mean of the ratios to hnswlib's of the same round."""
    names = [name for name in CONTENDERS if any(name in one for one in rounds)]
    shown = [("build, CPU s", lambda r: r["build_cpu_seconds"], 1), ("build, s", lambda r: r["build_seconds"], 1),
             ("resident MB", lambda r: r["resident_bytes"] / 1e6, 0)]
    shown += [(f"queries a CPU s at {recall}", lambda r, recall=recall: at(r["curve"], recall), 0) for recall in TARGETS]
    compared = len(shown)
    for recall in TARGETS:
        point = lambda r, recall=recall: first(r["curve"], recall) or {}
        shown += [(f"{key[:3]} at {recall}, us", lambda r, point=point, key=key: point(r).get(key), 0)
                  for key in ("p50_us", "p99_us")]
    lines = ["| | " + " | ".join(name for name, _, _ in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for name in names:
        lines.append(f"| {WHAT[name]} | ")
        for number, (_, figure, digits) in enumerate(shown):
            ran = [one for one in rounds if name in one]
            values = [figure(one[name]) for one in ran]
            lines[-1] += ", ".join("-" if value is None else f"{value:,.{digits}f}" for value in values)
            bases = [figure(one["hnswlib"]) if "hnswlib" in one else None for one in ran]
            ratios = [value / base for value, base in zip(values, bases) if value and base]
            if ratios and number < compared and name != "hnswlib":
                lines[-1] += f" (**{sum(ratios) / len(ratios):.2f}x**)"
            lines[-1] += " | "
    return "\n".join(line.rstrip() for line in lines)


def written(given, rounds):
    """Writes what there is so far: a long run that is cut off is not lost."""
    machine = {"cores": os.cpu_count(), "machine": platform.platform(), "load": os.getloadavg()}
    everything = {"folder": given.folder, "packages": PACKAGES, "machine": machine, "rounds": rounds}
    pathlib.Path(given.out).write_text(json.dumps(everything))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--table", type=pathlib.Path, help="print the table of what --out wrote, and run nothing")
    parser.add_argument("--vitrail", help="the program")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default=",".join(CONTENDERS), help="names with commas: " + ", ".join(CONTENDERS))
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of builds")
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "vitrail-compare-venv")
    parser.add_argument("--out", help="a file for everything as JSON")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        print(json.dumps(contender(given.contender, given.folder, given.threads)))
        return
    if given.table:
        print(table(json.loads(given.table.read_text())["rounds"]))
        return
    names = [name for name in CONTENDERS if name in given.only.split(",")]
    python = environment(given.venv) if set(names) - {"hnsw_rs", "vitrail"} else None
    rounds = []
    for number in range(given.rounds):
        rounds.append({})
        for name in names:
            if name in ("hnsw_rs", "vitrail"):
                graph = "own" if name == "vitrail" else name
                report = ours(given.vitrail, given.folder, given.threads, graph)
            else:
                command = [python, __file__, given.folder, "--contender", name, "--threads", str(given.threads)]
                report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            rounds[-1][name] = report
            if given.out:
                written(given, rounds)
            speeds = {f"@{recall}": at(report["curve"], recall) for recall in TARGETS}
            print(number, name, round(report["build_cpu_seconds"], 1), speeds, file=sys.stderr, flush=True)
    print(table(rounds))


main()
