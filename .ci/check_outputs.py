"""Check the files that programs read: `check_outputs.py SEARCHED TRAINED TRIALS METRIC`."""

import csv
import json
import sys
from pathlib import Path

search, trained = map(Path, sys.argv[1:3])
trials, metric = int(sys.argv[3]), sys.argv[4]

with (search / "trials.csv").open(newline="") as stream:
    rows = list(csv.DictReader(stream))
columns = {"number", "state", "macs", "parameters", metric, "architecture_hash", "seconds"}
assert columns <= set(rows[0]), rows[0].keys()
assert sum(row["state"] == "trained" for row in rows) == trials, rows
for name in ("best.yaml", "study.log", "report.html", "front.png"):
    assert (search / name).stat().st_size > 0, name
assert list((search / "front").glob("*.yaml"))

metrics = json.loads((trained / "metrics.json").read_text())
low, high = metrics["test"][f"{metric}_ci95"]
assert 0 <= low <= metrics["test"][metric] <= high <= 1, metrics["test"]
for key in ("validation", "macs", "parameters", "seconds_per_epoch", "seed"):
    assert key in metrics, key
for name in ("model.safetensors", "architecture.yaml"):
    assert (trained / name).stat().st_size > 0, name
print("outputs are as documented")
