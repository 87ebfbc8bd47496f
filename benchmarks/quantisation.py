"""Weights of 7 and of 8 bits in int8 files: `python -m benchmarks.quantisation RUN_DIR`.

Each with several draws of calibration samples, against PyTorch on the validation split.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

import torch

from nas.export.int8 import calibration_samples, quantise_onnx
from nas.export.onnx import write_onnx
from nas.export.parity import compare
from nas.tasks.registry import task_named
from nas.train.data import load_measured_data
from nas.train.exported import OnnxNetwork, output_names
from nas.train.source import source_of
from nas.train.trained import load_trained
from nas.train.weights import folded_copy

Bits = Literal[7, 8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--seeds", type=int, default=3, help="draws of calibration samples")
    given = parser.parse_args()
    torch.set_num_threads(1)
    trained = load_trained(given.run)
    task = task_named(trained.architecture.task)
    source = source_of(trained.architecture, None)
    data = load_measured_data(trained, source, ("train", "validation"))
    names = output_names(task.output_type)
    print("bits  seed  largest difference  equal decisions  in PyTorch  of the file")
    with TemporaryDirectory() as temporary:
        whole, eight = Path(temporary, "float32.onnx"), Path(temporary, "int8.onnx")
        example = calibration_samples(data, task)[:2]
        write_onnx(folded_copy(trained.network), example, names, {}, whole)
        for bits in get_args(Bits):
            for seed in range(given.seeds):
                samples = calibration_samples(data, task, seed)
                quantise_onnx(whole, samples, eight, weight_bits=bits)
                file = OnnxNetwork(eight, task.output_type, None)
                parity = compare(trained.network, file, data, task, trained.thresholds, names)
                found = parity.differences
                print(
                    f"{bits:4}  {seed:4}  {max(found.largest.values()):18.3f}  "
                    f"{found.equal / max(found.decided, 1):15.4f}  {parity.before.primary:10.4f}  "
                    f"{parity.after.primary:11.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
