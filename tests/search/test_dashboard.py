"""A search's trials in optuna-dashboard, served for real."""

import json
import threading
import urllib.request
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.search.dashboard import dashboard_server

pytest.importorskip("optuna_dashboard", reason="needs pip install 'compact-nas[dashboard]'")


def test_every_trial_is_shown(finished: Path) -> None:
    written = (finished / "study.log").read_bytes()
    with dashboard_server(finished, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://localhost:{server.server_port}/api/studies"
        (study,) = _answer(address)["study_summaries"]
        detail = _answer(f"{address}/{study['study_id']}?after=0")
        server.shutdown()
    rows = (finished / "trials.csv").read_text().splitlines()
    assert study["study_name"] == "search"
    assert len(detail["trials"]) == len(rows) - 1
    assert (finished / "study.log").read_bytes() == written


def _answer(address: str) -> dict:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)


def test_a_folder_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"holds no search: study\.log is missing"):
        dashboard_server(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said(finished: Path) -> None:
    with (
        dashboard_server(finished, 0) as server,
        pytest.raises(NasError, match=r"--port: .* can't be listened on"),
    ):
        dashboard_server(finished, server.server_port)
