"""The command `nas` itself: exit codes, and errors on one line."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from nas.cli import main as entry
from nas.errors import NasError


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `nas ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["nas", *arguments])
    code: object = 0
    try:
        entry.main()
    except SystemExit as left:
        code = left.code
    assert isinstance(code, int)
    return code


def raising(error: BaseException) -> click.Command:
    def fail() -> None:
        raise error

    return click.Command("fail", callback=fail)


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (NasError("no", file="a.yaml", line=3, key="b"), 1, "Error: a.yaml:3 b: no\n"),
        (click.UsageError("wrong"), 2, "Error: wrong\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (click.Abort(), 130, "Interrupted.\n"),
    ],
)
def test_an_error_is_one_line_and_a_code(
    error: BaseException,
    code: int,
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(entry.nas.commands, "fail", raising(error))
    assert run(monkeypatch, "fail") == code
    assert capsys.readouterr().err.endswith(printed)


def test_our_own_mistakes_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(entry.nas.commands, "fail", raising(ValueError("ours")))
    with pytest.raises(ValueError, match="ours"):
        run(monkeypatch, "fail")


def test_usage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    for command in ("search", "train", "evaluate", "predict", "macs", "arch", "space", "data"):
        assert f"\n  {command} " in shown
    assert run(monkeypatch, "serch") == 2
    assert "No such command 'serch'" in capsys.readouterr().err


def test_a_real_process_ends_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from nas.cli.main import main; main()"]
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("layers:\n- {block: Cnov}\ninput: {height: 8, width: 8}\n")
    done = subprocess.run([*command, "arch", "show", str(wrong)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"Error: {wrong}:2 layers[0].block: no block 'Cnov'; did you mean 'Conv'?\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_in_a_line() -> None:
    command = [sys.executable, "-c", "from nas.cli.main import main; main()"]
    with open("/dev/full", "w") as full:
        done = subprocess.run([*command, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "Error: No space left on device\n"


def test_a_closed_standard_output_is_no_fault() -> None:
    program = "from nas.cli.main import main; main()"
    command = f'"{sys.executable}" -c "{program}" --help >&-'
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    """As `nas ... | head` does."""
    command = [sys.executable, "-c", "from nas.cli.main import main; main()", "--help"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_another_pipe_that_breaks_is_an_error_as_in_any_program() -> None:
    """A decoder that died takes nothing more; a signal would end `nas` without a word."""
    program = """
import os
import click
import sys
from nas.cli import main as entry
def pipe():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        os.write(writing, b"x")
    except BrokenPipeError:
        click.echo("went on")
entry.nas.add_command(click.Command("pipe", callback=pipe))
sys.argv = ["nas", "pipe"]
entry.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "went on\n")


@pytest.mark.parametrize("name", entry.COMMANDS)
def test_each_command_is_found_and_its_own_help_is_shown(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, name, "--help") == 0
    assert f"nas {name} [OPTIONS]" in capsys.readouterr().out


def test_the_help_of_no_command_waits_for_torch() -> None:
    """Options are made from settings models, which need neither torch nor optuna."""
    modules = ", ".join(f"nas.cli.{name}" for name in entry.COMMANDS)
    code = f"import {modules}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "optuna", "numpy", "sklearn", "PIL"} & set(done.stdout.split()) == set()


def test_nothing_printed_is_obeyed_by_a_terminal(tmp_path: Path) -> None:
    """Both streams, with a path that is ours to say and no UTF-8, in a process of its own."""
    program = """
import sys
import click
from nas.cli import main as entry
from nas.errors import NasError
def fail():
    click.echo("out \\x9b31m 종이 \\udcff")
    raise NasError("no", file="a\\x1b]0;b\\x07.yaml")
entry.nas.add_command(click.Command("fail", callback=fail))
sys.argv = ["nas", "fail"]
entry.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=tmp_path)
    assert done.stdout.decode() == "out \\u009b31m 종이 \\udcff\n"
    assert done.stderr.decode() == "Error: a\\u001b]0;b\\u0007.yaml: no\n"
    assert done.returncode == 1
