"""Payloads and filters for `vitrail bench ann --filters`: an AND of two broad keywords by share, and the table of it.

    python3 benches/compare/filters.py FOLDER [--seed 7]      writes payloads.jsonl and filters.jsonl there
    vitrail bench ann --base FOLDER/base.npy --queries FOLDER/queries.npy --truth FOLDER/truth.npy \\
        --payloads FOLDER/payloads.jsonl --filters FOLDER/filters.jsonl --json > report.json
    python3 benches/compare/filters.py --table report.json     prints share, recall, times and plans as Markdown

For each share s of 50, 20, 10, 4, 1 and 0.1 % every row gets two keyword fields that are "in" with probability sqrt(s)
each, else one of eight others, drawn apart: so both keywords are broad (71 to 3 %), and s of the rows have both.
Queries take the shares in turn. Needs no package.
"""
import argparse, ast, json, pathlib, random, struct

SHARES = [0.5, 0.2, 0.1, 0.04, 0.01, 0.001]


def rows_of(path):
    """Rows of a .npy file, from its header."""
    with open(path, "rb") as file:
        magic = file.read(8)
        (length,) = struct.unpack("<H" if magic[6] == 1 else "<I", file.read(2 if magic[6] == 1 else 4))
        return ast.literal_eval(file.read(length).decode())["shape"][0]


def names(share):
    number = f"{100 * share:g}".replace(".", "_")
    return f"stain{number}", f"site{number}"


def write(folder, seed):
    drawn = random.Random(seed)
    with open(folder / "payloads.jsonl", "w") as out:
        for _ in range(rows_of(folder / "base.npy")):
            payload = {}
            for share in SHARES:
                for name in names(share):
                    payload[name] = "in" if drawn.random() < share**0.5 else f"out{drawn.randrange(8)}"
            out.write(json.dumps(payload) + "\n")
    with open(folder / "filters.jsonl", "w") as out:
        for at in range(rows_of(folder / "queries.npy")):
            must = [{"key": name, "match": {"value": "in"}} for name in names(SHARES[at % len(SHARES)])]
            out.write(json.dumps({"must": must}) + "\n")


def alone(one, ef):
    """Microseconds of the index alone, without the filter's bitmap and the hits' payloads."""
    return next(point["p50_us"] for point in one["curve"] if point["ef"] == ef)


def table(report):
    """The engine by default (64 candidates, 32 under a filter), and the index alone with as many."""
    whole, index = report["default"]["p50_us"], alone(report, 64)
    lines = ["| share | queries | recall@10 | p50 us | p99 us | of it the filter, p50 | p50 to unfiltered "
             "| index alone, p50 us | to unfiltered | plan |", "|---|---|---|---|---|---|---|---|---|---|"]
    every = [dict(report, share_mean=1.0)] + report["filtered"]
    for one in every:
        inside = alone(one, 64 if one is every[0] else 32)
        chosen = one["default"]
        plans = ", ".join(f"{name} {count}" for name, count in chosen["plans"].items())
        lines.append(f"| {100 * one['share_mean']:.4g} % | {one['queries']} | {chosen['recall']:.4f} "
                     f"| {chosen['p50_us']:.0f} | {chosen['p99_us']:.0f} | {chosen['filter_p50_us']:.0f} "
                     f"| {chosen['p50_us'] / whole:.2f}x "
                     f"| {inside:.0f} | {inside / index:.2f}x | {plans} |")
    return "\n".join(lines)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=pathlib.Path, nargs="?")
parser.add_argument("--seed", type=int, default=7)
parser.add_argument("--table", type=pathlib.Path)
given = parser.parse_args()
if given.folder:
    write(given.folder, given.seed)
if given.table:
    print(table(json.loads(given.table.read_text())))
