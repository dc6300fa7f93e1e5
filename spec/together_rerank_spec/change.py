"""What one change is, and what it does to the values that pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from together_rerank_spec.schema_form import KNOWN, Schema, as_text, is_annotation, key_of, types_of, values_of


class Effect(Enum):
    """What a change does to the values that pass."""

    NONE = "values are not judged by it"
    DEFAULT = "the same pass; what is left out may mean something else"
    SAME = "the same pass"
    NARROWED = "fewer pass"
    WIDENED = "more pass"
    NEW_FIELD = "more pass, by a field that had no room"
    UNKNOWN = "cannot be told"

    @property
    def reverse(self) -> Effect:
        """What it does to take the change back."""
        return {Effect.NARROWED: Effect.WIDENED, Effect.WIDENED: Effect.NARROWED}.get(self, self)


_WITHOUT_EFFECT = {Effect.NONE, Effect.DEFAULT, Effect.SAME}


@dataclass(frozen=True, slots=True)
class Change:
    """One change within a schema.

    Attributes:
        place: where, from the root of the schema: `/documents/* minLength`.
        was: what stood there; None for nothing.
        now: what stands there.
        effect: what it does to the values that pass.
        what: what it is, in a few words; empty where place and effect say it.
    """

    place: str
    was: str | None
    now: str | None
    effect: Effect
    what: str = ""

    @property
    def is_decisive(self) -> bool:
        """Whether other values pass, or may."""
        return self.effect not in _WITHOUT_EFFECT

    def untold(self) -> Change:
        """Return the change where its effect has no direction."""
        return replace(self, effect=Effect.UNKNOWN) if self.is_decisive else self


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a newer document changes, as clients meet it.

    Attributes:
        place: where: `request /top_n minimum`, `200 /object`, `servers`, `overlay action 4`.
        was: what stood there, for people; None for nothing.
        now: what stands there.
        is_breaking: whether a client that kept to the older document may fail.
        why: why, in a few words.
    """

    place: str
    was: str | None
    now: str | None
    is_breaking: bool
    why: str


_LOWER = {
    "minimum": float("-inf"),
    "exclusiveMinimum": float("-inf"),
    "minLength": 0,
    "minItems": 0,
    "minProperties": 0,
    "minContains": 1,
}
_UPPER = dict.fromkeys(
    ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"), float("inf")
)
_VALUES = ("type", "const", "enum")


def change(place: str, was: Any, now: Any, effect: Effect, what: str = "") -> Change:
    """Return a change of values, None for one that is not there, written for people."""
    texts = [None if value is None else as_text(value) for value in (was, now)]
    return Change(
        place, texts[0], texts[1], effect, what or ("the same in another form" if effect is Effect.SAME else "")
    )


def combined(effects: Iterable[Effect]) -> Effect:
    """Return what several changes do together."""
    found = set(effects) - _WITHOUT_EFFECT
    return found.pop() if len(found) == 1 else Effect.UNKNOWN if found else Effect.SAME


def annotation_changes(old: dict[str, Any], new: dict[str, Any], also: Collection[str] = ()) -> Iterator[Change]:
    """Yield the changes of what only describes, as *also* does here."""
    for keyword in _differing(old, new):
        if keyword == "default":
            yield _of_keyword(keyword, old, new, Effect.DEFAULT)
        elif is_annotation(keyword) or keyword in also:
            what = "OpenAPI 3.1 has no such keyword" if keyword == "nullable" else "it describes, and decides nothing"
            yield _of_keyword(keyword, old, new, Effect.NONE, what)


def field_changes(
    old: dict[str, Any], new: dict[str, Any], compared: Collection[str], describing: Collection[str] = ()
) -> Iterator[Change]:
    """Yield the changes of an object that is no schema, but for the fields that are *compared* elsewhere."""
    old, new = ({key: each[key] for key in each if key not in compared} for each in (old, new))
    yield from annotation_changes(old, new, describing)
    for key in _differing(old, new):
        if not is_annotation(key) and key not in describing:
            yield _of_keyword(key, old, new, Effect.UNKNOWN)


def keyword_changes(old: Schema, new: Schema) -> Iterator[Change]:
    """Yield the changes of keywords that hold no schema."""
    differing = _differing(old, new)
    values = [keyword for keyword in _VALUES if keyword in differing]
    if len(values) == 1:
        yield _of_keyword(values[0], old, new, _effect_of_values(old, new))
    elif values:
        was, now = (
            ", ".join(f"{key}: {as_text(schema[key])}" for key in _VALUES if key in schema) for schema in (old, new)
        )
        yield change("", was or None, now or None, _effect_of_values(old, new))
    for keyword in differing:
        if keyword in _LOWER or keyword in _UPPER:
            yield _of_keyword(keyword, old, new, _effect_of_bound(keyword, old, new))
        elif keyword in {"pattern", "multipleOf", "uniqueItems"}:
            yield _of_keyword(keyword, old, new, _effect_of_restriction(keyword, old, new))
        elif keyword not in KNOWN and keyword not in _VALUES and not is_annotation(keyword):
            yield _of_keyword(keyword, old, new, Effect.UNKNOWN)


def _differing(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [key for key in {**old, **new} if (key in old) is not (key in new) or key_of(old[key]) != key_of(new[key])]


def _of_keyword(keyword: str, old: dict[str, Any], new: dict[str, Any], effect: Effect, what: str = "") -> Change:
    was, now = (as_text(each[keyword]) if keyword in each else None for each in (old, new))
    return Change(
        f" {keyword}", was, now, effect, what or ("the same in another form" if effect is Effect.SAME else "")
    )


def _effect_of_bound(keyword: str, old: Schema, new: Schema) -> Effect:
    absent = {**_LOWER, **_UPPER}[keyword]
    was, now = old.get(keyword, absent), new.get(keyword, absent)
    if was == now:
        return Effect.SAME
    return Effect.NARROWED if (now > was) == (keyword in _LOWER) else Effect.WIDENED


def _effect_of_restriction(keyword: str, old: Schema, new: Schema) -> Effect:
    was, now = old.get(keyword) or None, new.get(keyword) or None
    if was == now:
        return Effect.SAME
    return Effect.NARROWED if was is None else Effect.WIDENED if now is None else Effect.UNKNOWN


def _effect_of_values(old: Schema, new: Schema) -> Effect:
    was, now = values_of(old), values_of(new)
    if was is not None and now is not None:
        return _between(set(was), set(now))
    if was is None and now is None:
        return _between(types_of(old), types_of(new))
    listed, others = (old, new) if now is None else (new, old)
    if not types_of(listed) <= types_of(others):
        return Effect.UNKNOWN
    return Effect.WIDENED if now is None else Effect.NARROWED


def _between(was: set[str] | frozenset[str], now: set[str] | frozenset[str]) -> Effect:
    if was == now:
        return Effect.SAME
    return Effect.NARROWED if was > now else Effect.WIDENED if was < now else Effect.UNKNOWN
