"""A small detector, and a small space of detectors."""

DETECTOR = """
task: covid-detection
input: {channels: 1, height: 72, width: 104}
head: detection
neck: {block: BiFPN, out: 24, repeat: 2}
classes: [opacity]
layers:
  - {name: stem, block: Conv, out: 8, kernel: 3, stride: 2}
  - {name: s4, block: ShuffleNetV2, stride: 2, repeat: 2}
  - {name: s8, block: ShuffleNetV2, stride: 2, repeat: 2}
  - {name: s16, block: MBConv, out: 48, expand: 2, stride: 2}
  - {name: more, block: MBConv, out: 40, expand: 2}
  - {name: s32, block: InvertedResidualv2, out: 48, expand: 2, stride: 2}
"""

SPACE = """
task: covid-detection
input: {channels: 1, height: [64, 96], width: 64}
head: detection
neck: {block: [FPN, BiFPN], out: {low: 16, high: 32, step: 8}, repeat: {low: 1, high: 2}}
classes: [opacity]
layers:
  - {name: stem, block: Conv, out: 8, kernel: 3, stride: 2}
  - {name: s4, block: ShuffleNetV2, stride: 2}
  - {name: s8, block: {ShuffleNetV2: {}, MBConv: {out: [16, 24], expand: 2}}, stride: 2}
  - {name: s16, block: MBConv, out: 48, expand: 2, stride: 2, repeat: {low: 1, high: 2}}
  - {name: s32, block: InvertedResidualv2, out: 48, expand: 2, stride: 2}
"""
