"""AudioSet's strong labels: `segment_id start_time_seconds end_time_seconds label`, with tabs.

Format: research.google.com/audioset/download_strong.html. A segment is a video's id, `_` and its
start in milliseconds; clips are often named by the id alone, or by `Y` and the id.
"""

from nas.data.audio.annotation import TableFormat, timed_event

AUDIOSET_STRONG = TableFormat(
    "AudioSet-strong",
    {
        "recording": ("segment_id",),
        "onset": ("start_time_seconds",),
        "offset": ("end_time_seconds",),
        "label": ("label",),
    },
    lambda cells, place: (timed_event(cells, place),),
)


def segment_names(segment: str) -> tuple[str, ...]:
    """Names that the clip of a segment may have, the likeliest first."""
    video, _, start_ms = segment.rpartition("_")
    if not video or not start_ms.isdigit():
        return (segment, f"Y{segment}")
    return (segment, f"Y{segment}", video, f"Y{video}")
