"""A program that runs one exported file as often as it is told, and says how long each run took.

    python timed_file.py FILE THREADS BATCH

It needs numpy and the file's own runtime alone, so its memory is what a program takes that does the
same. It writes a line of JSON when it is ready, and one for each line that it reads: for a number
that many runs, for `memory` the peak of its resident memory. It ends with its input.
"""

import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def peak_bytes() -> int | None:
    """The most memory that this process has held; None where the system does not say it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) * 1024 if found else None


def pin(threads: int) -> None:
    """Keep this process to as many cores as it has threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def inputs(shape: list[int], kind: type[np.generic]) -> np.ndarray[Any, Any]:
    """Pixels, or normal numbers: always the same ones."""
    drawn = np.random.default_rng(0)
    if kind is np.uint8:
        return drawn.integers(0, 256, shape, dtype=np.uint8)
    return drawn.standard_normal(shape, dtype=np.float32)


def onnx_run(file: str, threads: int, batch: int) -> Callable[[], object]:
    """One run of an ONNX file."""
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    shape = [batch, *given.shape[1:]]
    x = inputs(shape, np.uint8 if "uint8" in given.type else np.float32)
    return lambda: session.run(None, {given.name: x})


def torch_run(file: str, threads: int, batch: int) -> Callable[[], object]:
    """One run of a program of `torch.export`."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    exported = torch.export.load(file)
    name = exported.graph_signature.user_inputs[0]
    given = next(node for node in exported.graph.nodes if node.name == name).meta["val"]
    shape = [batch, *map(int, given.shape[1:])]
    x = torch.from_numpy(inputs(shape, np.uint8 if given.dtype == torch.uint8 else np.float32))
    network = exported.module()

    def run() -> object:
        with torch.inference_mode():
            return network(x)

    return run


def executorch_run(file: str, threads: int, batch: int) -> Callable[[], object]:
    """One run of an ExecuTorch file, whose batches have one sample."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    runtime = importlib.import_module("executorch.runtime")
    bindings = importlib.import_module("executorch.extension.pybindings.portable_lib")
    bindings._unsafe_reset_threadpool(threads)
    forward = runtime.Runtime.get().load_program(Path(file)).load_method("forward")
    given = forward.metadata.input_tensor_meta(0)
    shape = list(given.sizes())
    if batch != shape[0]:
        raise ValueError(f"runs batches of {shape[0]}, not of {batch}")
    x = torch.from_numpy(inputs(shape, np.uint8 if given.dtype() == 0 else np.float32))
    return lambda: forward.execute([x])


RUNTIMES = {
    ".onnx": ("onnxruntime", onnx_run),
    ".pt2": ("torch", torch_run),
    ".pte": ("executorch.runtime", executorch_run),
}
"""By suffix: what is imported before the file is read, and what runs it."""


def main(file: str, threads: int, batch: int) -> None:
    """Answer line by line."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a runtime prints is no answer

    def answer(**facts: object) -> None:
        answers.write(json.dumps(facts) + "\n")
        answers.flush()

    pin(threads)
    try:
        package, load = RUNTIMES[Path(file).suffix]
        importlib.import_module(package)
        before = peak_bytes()
        run = load(file, threads, batch)
        run()
    except Exception as error:  # a runtime's own errors share no base
        answer(error=(str(error) or type(error).__name__).splitlines()[0])
        raise SystemExit(1) from error
    answer(before=before)
    for line in sys.stdin:
        if line.strip() == "memory":
            answer(peak=peak_bytes())
            continue
        spent = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            run()
            spent.append(time.perf_counter_ns() - start)
        answer(nanoseconds=spent)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
