"""A made-up search with trials of every state."""

from nas.report.findings import Findings
from nas.runs.records import Certainty, Estimate, FinalRecord, SeedNoise, TrialRecord

MAX_MACS = 20_000_000

RECORDS = (
    TrialRecord(
        0,
        "trained",
        {"macs": 4_000_000, "parameters": 300_000},
        0.61,
        "aaaaaaaaaaaaaaaa",
        21.4,
        history=(0.4, 0.61),
    ),
    TrialRecord(
        1, "over_budget", {"macs": 31_000_000, "parameters": 2_000_000}, None, "bbbbbbbbbbbbbbbb"
    ),
    TrialRecord(
        2,
        "trained",
        {"macs": 1_862_490, "parameters": 151_000},
        0.5176,
        "cccccccccccccccc",
        12.04,
        history=(0.3, 0.5176),
    ),
    TrialRecord(
        3,
        "failed",
        {"macs": 9_000_000, "parameters": 800_000},
        None,
        "dddddddddddddddd",
        1.5,
        "the loss became NaN",
    ),
    TrialRecord(
        4,
        "duplicate",
        {"macs": 4_000_000, "parameters": 300_000},
        None,
        "aaaaaaaaaaaaaaaa",
        None,
        "repeats trial 0",
    ),
    TrialRecord(
        5,
        "trained",
        {"macs": 6_000_000, "parameters": 500_000},
        0.55,
        "eeeeeeeeeeeeeeee",
        30.0,
        history=(0.2, 0.55),
    ),
    TrialRecord(6, "running", {"macs": 2_000_000, "parameters": 160_000}, None, "ffffffffffffffff"),
)
FRONT = (0, 2)
BEST = 2
STOPPED = TrialRecord(
    7,
    "stopped",
    {"macs": 7_000_000, "parameters": 600_000},
    None,
    "9999999999999999",
    4.0,
    "at best 0.5200, and trial 5 has 0.5500 at only 6.00 M MACs",
    short_history=(0.2, 0.3, 0.31),
    predicted=0.45,
    predicted_sd=0.035,
    epochs=3,
)
METRIC = "macro_f1"
FINALS = (
    FinalRecord(0, 1, "trained", 4_000_000, 0.58, 0.02, 0.6, epochs=2, seconds=20.0),
    FinalRecord(0, 2, "failed", reason="the loss became NaN"),
    FinalRecord(2, 1, "trained", 1_862_490, 0.5, 0.02, 0.6, history=(0.3, 0.5)),
    FinalRecord(2, 2, "trained", 1_862_490, 0.48, 0.02, 0.6, history=(0.2, 0.48)),
)
CERTAINTY = Certainty(
    {0: Estimate(0.58, 0.02, (1,), 0.02), 2: Estimate(0.49, 0.02, (1, 2), 0.02)},
    SeedNoise(0.014, 1),
    FINALS,
)
FOUND = Findings(RECORDS, FRONT, BEST, METRIC, CERTAINTY, max_cost=MAX_MACS)
