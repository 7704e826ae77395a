"""Durable inserts and searches over REST: starts the server on a new store, writes synthetic points,
waits for the graph, asks, and prints one table. Needs NumPy.

    python benches/points.py PROGRAM [--points 100000] [--dim 384] [--batch 1000] [--writers 4]

The points are drawn around seeded centres (vectors of a real model cluster too).
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy


def drawn(points: int, dim: int, seed: int) -> numpy.ndarray:
    random = numpy.random.default_rng(seed)
    centres = random.standard_normal((max(points // 100, 1), dim), dtype=numpy.float32)
    rows = centres[random.integers(0, len(centres), points)]
    rows += 0.6 * random.standard_normal((points, dim), dtype=numpy.float32)
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


class Server:
    """The program over an empty store of its own."""

    def __init__(self, program: str, store: str) -> None:
        command = [program, "--store", store, "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.base = self.process.stdout.readline().split()[-1]

    def ask(self, method: str, path: str, body: bytes | None = None) -> dict:
        request = urllib.request.Request(self.base + path, data=body, method=method)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def resident_mb(self) -> dict[str, float]:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return {key: int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM", "RssAnon")}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def written(server: Server, rows: numpy.ndarray, batch: int, writers: int) -> float:
    bodies = []
    for start in range(0, len(rows), batch):
        points = [
            {"id": start + at, "vector": row.tolist(), "payload": {"label": f"l{(start + at) % 9}"}}
            for at, row in enumerate(rows[start : start + batch])
        ]
        bodies.append(json.dumps({"points": points}).encode())
    begun = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        put = lambda body: server.ask("POST", "/v1/collections/c/points", body)
        assert sum(answer["written"] for answer in pool.map(put, bodies)) == len(rows)
    return len(rows) / (time.perf_counter() - begun)


def asked(server: Server, queries: numpy.ndarray, extra: dict) -> tuple:
    """Ids, milliseconds over HTTP, milliseconds of the search, and the plan."""
    ids, whole, engine, plan = [], [], [], ""
    for query in queries:
        body = {"vector": query.tolist(), "k": 10, "percentiles": False, **extra}
        body = json.dumps(body).encode()
        begun = time.perf_counter()
        answer = server.ask("POST", "/v1/collections/c/similar", body)
        whole.append(1000 * (time.perf_counter() - begun))
        engine.append(answer["explain"]["search_us"] / 1000)
        ids.append([hit["id"] for hit in answer["hits"]])
        plan = answer["explain"]["plan"]
    return ids, whole, engine, plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--writers", type=int, default=4)
    given = parser.parse_args()
    rows = drawn(given.points + 500, given.dim, 7)
    rows, queries = rows[: given.points], rows[given.points :]
    with tempfile.TemporaryDirectory() as store:
        server = Server(given.program, store)
        try:
            measure(server, rows, queries, given)
        finally:
            server.stop()


def measure(server: Server, rows: numpy.ndarray, queries: numpy.ndarray, given) -> None:
    vectors = {"vectors": {"v": {"dim": given.dim, "metric": "cosine"}}}
    server.ask("PUT", "/v1/collections/c", json.dumps(vectors).encode())
    rate = written(server, rows, given.batch, given.writers)
    begun = time.perf_counter()
    graph = lambda: server.ask("GET", "/v1/collections/c")["vectors"]["v"]["graph_points"]
    # A small collection gets no graph: it is scanned.
    patience = 300 if given.points >= 50_000 else 10
    while graph() < given.points and time.perf_counter() - begun < patience:
        time.sleep(0.5)
    ready = time.perf_counter() - begun
    truth, *exact = asked(server, queries, {"exact": True})
    found, *walked = asked(server, queries, {})
    pairs = zip(truth, found)
    recall = numpy.mean([len(set(one) & set(other)) / 10 for one, other in pairs])
    shape = f"{given.points} x {given.dim}, cosine, k 10"
    print(f"{shape}, batches of {given.batch}, {given.writers} writers")
    print(f"durable inserts over REST: {rate:.0f} points/s; graph ready {ready:.1f} s after the last")
    for whole, engine, plan in (exact, walked):
        half, most = numpy.percentile(engine, 50), numpy.percentile(engine, 99)
        over = f"over HTTP p50 {numpy.median(whole):.2f} ms"
        print(f"{plan}: search p50 {half:.3f} ms, p99 {most:.3f} ms; {over}")
    print(f"recall@10 of the second plan: {recall:.4f}")
    print("memory, MB:", {key: round(value) for key, value in server.resident_mb().items()})


if __name__ == "__main__":
    main()
