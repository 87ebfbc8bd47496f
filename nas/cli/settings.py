"""Settings from flags: options that a settings model makes, and what was typed of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

import click
from annotated_types import Ge, Gt, Le, Lt
from click.core import ParameterSource
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from nas.cli import options
from nas.cli.options import Decorator, FiniteRange, option, packed
from nas.errors import NasError
from nas.spec.training import PseudoLabellingSpec, TrainingSpec, load_training
from nas.spec.validate import Frozen

Spec = TypeVar("Spec", bound=Frozen)


@dataclass(frozen=True)
class Changes(Generic[Spec]):
    """The fields of a settings model that the command line gives, to stand in place of others."""

    model: type[Spec]
    given: Mapping[str, Any]
    """By name; what was not given is not in it."""

    def applied_to(self, spec: Spec) -> Spec:
        """The settings with these fields in place of their own.

        Raises NasError, naming the flag, for a value that is not allowed.
        """
        if not self.given:
            return spec
        try:
            return self.model.model_validate({**dict(spec), **self.given})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = flag(str(first["loc"][0])) if first["loc"] else None
            if first["type"] == "value_error":
                raise NasError(first["msg"].removeprefix("Value error, "), key=key) from error
            raise NasError(f"{first['input']!r} is not allowed: {first['msg']}", key=key) from error

    def get(self, name: str) -> Any:
        """What was given of a field, None where nothing was."""
        return self.given.get(name)

    def changed(self, **values: Any) -> "Changes[Spec]":
        """The same with further fields; None leaves one as it is."""
        given = {name: value for name, value in values.items() if value is not None}
        return Changes(self.model, {**self.given, **given})

    def without(self, name: str) -> "Changes[Spec]":
        """The same but for one field, which stays as it is."""
        given = {key: value for key, value in self.given.items() if key != name}
        return Changes(self.model, given)


def changes(
    name: str,
    model: type[Frozen],
    parameters: Sequence[str],
    *,
    defaults: bool = True,
    **said: Mapping[str, Any],
) -> Decorator[Any]:
    """Options for fields of a settings model, which reach the command as one `Changes`.

    Type, range, choices, help and default of each come from its field; `defaults` says whether the
    last are told. `said` are keywords of `option` for a field's name, in place of those.
    """
    made = [
        _field_option(parameter, model.model_fields[parameter], defaults, said.get(parameter, {}))
        for parameter in parameters
    ]
    return packed(name, partial(_changes, model), parameters, *made)


def _changes(model: type[Frozen], **values: Any) -> Changes[Any]:
    return Changes(model, {name: value for name, value in values.items() if value is not None})


def _field_option(
    name: str, info: FieldInfo, defaults: bool, said: Mapping[str, Any]
) -> Decorator[Any]:
    """The option of a field, None where it is not given."""
    keywords: dict[str, Any] = {"help": " ".join((info.description or "").split())}
    kind, bounds = _unwrapped(info)
    if kind is bool:
        names = f"{flag(name)}/{flag(name).replace('--', '--no-', 1)}"
        return option(names, **{**keywords, "default": None, **said})
    if defaults and not info.is_required() and info.default is not None:
        value = info.default
        keywords["told_default"] = ",".join(value) if isinstance(value, tuple) else str(value)
    return option(flag(name), **{**keywords, "type": _click_type(kind, bounds), **said})


def _click_type(kind: Any, bounds: Sequence[Any]) -> "click.ParamType[Any]":
    """How text becomes a value of a field. What click can't tell is left to the model."""
    if get_origin(kind) is Literal:
        return click.Choice([str(choice) for choice in get_args(kind)])
    limits: dict[str, Any] = {}
    for bound in bounds:
        match bound:
            case Ge():
                limits |= {"min": bound.ge}
            case Gt():
                limits |= {"min": bound.gt, "min_open": True}
            case Le():
                limits |= {"max": bound.le}
            case Lt():
                limits |= {"max": bound.lt, "max_open": True}
    if kind is int and limits:
        return click.IntRange(**limits)
    if kind is float and limits:
        return FiniteRange(**limits)
    return click.STRING


def _unwrapped(info: FieldInfo) -> tuple[Any, list[Any]]:
    """A field's type without None, and the bounds that stand beside it."""
    kind, metadata = info.annotation, list(info.metadata)
    while True:
        if get_origin(kind) is Annotated:
            kind, *found = get_args(kind)
            for item in found:
                metadata += item.metadata if isinstance(item, FieldInfo) else [item]
        elif get_origin(kind) in (Union, UnionType):
            (kind,) = (part for part in get_args(kind) if part is not type(None))
        else:
            return kind, metadata


@dataclass(frozen=True)
class TrainingFlags:
    """Training settings of a file, and what the command line says in place of them."""

    training: Path | None
    """The file."""
    changes: Changes[TrainingSpec]
    rounds: Changes[PseudoLabellingSpec]

    def over(self, own: TrainingSpec) -> TrainingSpec:
        """The file's settings, else `own`, with the flags in their place. Raises NasError."""
        base = own if self.training is None else load_training(self.training)
        settings = self.changes.applied_to(base)
        return settings.model_copy(
            update={"pseudo_labelling": self._rounds(settings.pseudo_labelling)}
        )

    def _rounds(self, own: PseudoLabellingSpec | None) -> PseudoLabellingSpec | None:
        """What the flags ask for; `--rounds 1` is one training, without added labels.

        Raises NasError for a threshold where no labels are added.
        """
        rounds, threshold = self.rounds.get("rounds"), self.rounds.get("threshold")
        if rounds is None and threshold is None:
            return own
        if rounds == 1 or (rounds is None and own is None):
            if threshold is None:
                return None
            raise NasError(
                "labels are added between rounds: give --rounds 2 or more", key="--threshold"
            )
        return self.rounds.applied_to(own or PseudoLabellingSpec())


def training_options(
    *parameters: str, defaults: bool = True, rounds: bool = True, **said: Mapping[str, Any]
) -> Decorator[Any]:
    """`--training` and options for these fields of `TrainingSpec`, as one `TrainingFlags`.

    With `rounds` those of pseudo-labelling too. `defaults` and `said` as `changes` takes them.
    """
    pseudo = changes(
        "rounds",
        PseudoLabellingSpec,
        ("rounds", "threshold") if rounds else (),
        rounds={
            "help": "Pseudo-labelling: trainings, between which labels are added.",
            "told_default": "off",
            "old": ("--cycles",),
        },
        threshold={"help": "Pseudo-labelling: probability from which a label is added."},
    )
    own = changes("changes", TrainingSpec, parameters, defaults=defaults, **said)
    parts = ("training", "changes", "rounds")
    return packed("training", TrainingFlags, parts, options.TRAINING, own, pseudo)


def flag(name: str) -> str:
    """`--max-macs` of `max_macs`."""
    return f"--{name.replace('_', '-')}"


def given_flags(context: click.Context, *, kept: Collection[str]) -> list[str]:
    """The flags that were typed, whatever their values, but for those of the parameters `kept`."""
    return sorted(
        next(text for text in parameter.opts if text.startswith("--"))
        for parameter in context.command.params
        if parameter.name is not None
        and parameter.name not in kept
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    )


def refuse_others(kept: Collection[str], key: str, why: str) -> None:
    """Raise NasError, saying why, where other flags of this command were typed than `kept`."""
    if given := given_flags(click.get_current_context(), kept=kept):
        raise NasError(f"{why}: leave out {', '.join(given)}", key=key)


def first_weights(weights: str | None, *, pretrained: bool) -> str | None:
    """What `--weights` names, `hub` for `--pretrained`, None for random ones.

    Raises NasError where both are given and differ.
    """
    from nas.model.weights import HUB

    if pretrained and weights not in (None, HUB):
        raise NasError(f"it stands for --weights {HUB}: give one of the two", key="--pretrained")
    return HUB if pretrained else weights


def refuse_without(value: object, needed: str, names: Collection[str]) -> None:
    """Raise NasError where one of these flags was typed and what it changes was not given."""
    context = click.get_current_context()
    others = {item.name for item in context.command.params if item.name} - set(names)
    if value is None and (given := given_flags(context, kept=others)):
        raise NasError(f"has no use without {needed}", key=given[0])
