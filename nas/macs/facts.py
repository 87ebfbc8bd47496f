"""What else a network costs, by names that carry the unit: `macs_per_audio_second`."""

from nas.spec.quantity import count_text


def fact_text(name: str, value: float) -> str:
    """`1.55 M MACs per audio second` of `macs_per_audio_second`."""
    words = name.replace("_", " ")
    if words.startswith("macs "):
        return f"{count_text(round(value))} MACs {words.removeprefix('macs ')}"
    return f"{value:.4g} {words}"
