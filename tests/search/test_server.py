"""A study that several machines share: claims, what the dead held, addresses without passwords."""

from pathlib import Path

import pytest
from optuna.trial import TrialState

from nas.errors import NasError
from nas.search.address import check_address
from nas.search.pulse import Silence
from nas.search.server import ServerStore

BY_MACS = ("minimize", "maximize")


def store_of(tmp_path: Path, worker: str) -> ServerStore:
    return ServerStore(tmp_path, worker, address=f"sqlite:///{tmp_path}/s.db", study="one")


def test_claims_are_in_one_order_for_all(tmp_path: Path) -> None:
    a, b = store_of(tmp_path, "a"), store_of(tmp_path, "b")
    mine, theirs = a.search(BY_MACS), b.search(BY_MACS)
    first, second = a.take(mine), b.take(theirs)
    assert b.stake(theirs, second.number, "x") == frozenset()
    assert a.stake(mine, first.number, "x") == {second.number}


def test_what_a_dead_worker_held_comes_again_once(tmp_path: Path) -> None:
    a, b = store_of(tmp_path, "a"), store_of(tmp_path, "b")
    study = a.search(BY_MACS)
    trial = a.take(study)
    trial.suggest_int("width", 1, 9)
    trial.set_user_attr("architecture_hash", "x")
    seen = study.get_trials(states=(TrialState.RUNNING,))[0]
    a.return_lost(study, seen)
    b.return_lost(b.search(BY_MACS), seen)
    states = [item.state for item in study.get_trials()]
    assert states == [TrialState.FAIL, TrialState.WAITING]
    assert b.take(b.search(BY_MACS)).suggest_int("width", 1, 9) == trial.params["width"]


def test_silence_is_measured_by_the_observer_and_not_while_it_slept() -> None:
    silence = Silence(60.0)
    for now in range(0, 80, 10):
        silence.look({"dead": 1, "alive": now}, float(now))
    assert silence.is_silent("dead")
    assert not silence.is_silent("alive")
    silence.look({"dead": 1, "alive": 70}, 500.0)
    assert not silence.is_silent("dead")
    assert not silence.is_silent("alive")


@pytest.mark.parametrize(
    "address",
    ["postgresql://me:geheim@host/db", "mysql://me@host/db?password=geheim", "grpc://a:geheim@b:1"],
)
def test_an_address_with_a_password_is_refused_untold(address: str) -> None:
    with pytest.raises(NasError, match="holds a password") as error:
        check_address(address)
    assert "geheim" not in str(error.value)


@pytest.mark.parametrize("address", ["postgres://h/db", "grpc://", "postgresql://h", "x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(NasError):
        check_address(address)
