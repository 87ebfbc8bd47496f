"""Coverage-guided fuzzing of the readers of spaces, architectures and training files.

    pip install '.[fuzz]' && python -m tests.faults.fuzz -max_total_time=60

libFuzzer draws the bytes from which Hypothesis makes the files of `tests/spec/test_fuzz.py`, and
keeps those that reach new code. An exception other than NasError ends it with the file's text.
"""

import sys

import atheris

with atheris.instrument_imports(include=["nas.spec"]):
    from tests.spec import test_fuzz

FILES = (
    test_fuzz.test_mutated_files,
    test_fuzz.test_scribbled_files,
    test_fuzz.test_random_texts_and_trees,
)


def read_one(data: bytes) -> None:
    """Read what the bytes stand for; the first one says which kind of damage it is."""
    if data:
        FILES[data[0] % len(FILES)].hypothesis.fuzz_one_input(data[1:])


def main() -> None:
    memory = ["-rss_limit_mb=8192", "-max_len=8192", "-len_control=0"]
    atheris.Setup([*sys.argv, *memory], read_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
