"""Average precision as the development kit of PASCAL VOC 2010 writes it, `VOCevaldet` and `VOCap`.

Prediction by prediction, in plain loops; equal scores are not cared for, as there.
"""

from collections.abc import Sequence

import numpy as np

Box = Sequence[float]


def voc_ap(scores: Sequence[float], hits: Sequence[bool], positives: int) -> float:
    """`VOCap` of predictions in any order, their scores all different."""
    recall, precision, true, false = [0.0], [0.0], 0, 0
    for index in sorted(range(len(scores)), key=lambda n: -scores[n]):
        true, false = true + bool(hits[index]), false + (not hits[index])
        recall.append(true / positives)
        precision.append(true / (true + false))
    recall.append(1.0)
    precision.append(0.0)
    for n in range(len(precision) - 2, -1, -1):
        precision[n] = max(precision[n], precision[n + 1])
    steps = range(1, len(recall))
    return sum((recall[n] - recall[n - 1]) * precision[n] for n in steps)


def voc_hits(
    boxes: Sequence[Sequence[Box]], scores: Sequence[Sequence[float]], truths: Sequence[Sequence]
) -> tuple[list[float], list[bool]]:
    """Scores and hits of all images' boxes, by falling score, as `VOCevaldet` matches them."""
    rows = [
        (score, image, box)
        for image, (image_boxes, image_scores) in enumerate(zip(boxes, scores, strict=True))
        for box, score in zip(image_boxes, image_scores, strict=True)
    ]
    taken: set[tuple[int, int]] = set()
    hits = []
    rows.sort(key=lambda row: -row[0])
    for _, image, box in rows:
        overlaps = [_overlap(box, truth) for truth in truths[image]]
        best = int(np.argmax(overlaps)) if overlaps else -1
        hit = best >= 0 and overlaps[best] > 0.5 and (image, best) not in taken
        if hit:
            taken.add((image, best))
        hits.append(hit)
    return [row[0] for row in rows], hits


def _overlap(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
