"""What changed between two schemas, keyword by keyword, and whether fewer or more values pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from together_rerank_spec.change import Change, Effect, annotation_changes, change, combined, keyword_changes
from together_rerank_spec.document import Document
from together_rerank_spec.schema_form import (
    CHOICES,
    Forms,
    Schema,
    are_disjoint,
    as_text,
    choice_of,
    covered,
    is_bare,
    key_of,
    matched,
)
from together_rerank_spec.validation import pointer

# What it does to have them, for keywords with one schema that says nothing of its own about each value.
_INNER = {
    "contains": Effect.NARROWED,
    "not": Effect.NARROWED,
    **dict.fromkeys(
        ("if", "then", "else", "unevaluatedItems", "unevaluatedProperties", "contentSchema"), Effect.UNKNOWN
    ),
}
# A schema met again is told again, unless that is so much that a document of few lines could fill memory.
_MOST_TOLD_AGAIN = 50
_OF_A_BRANCH = re.compile(r"(\[\w+/\d+\])+ default")

Idle = tuple[list[int], list[int]]


class SchemaComparison:
    """Compares schemas of *older* with schemas of *newer*, for one part of the operation.

    Among schemas that contain one another, what changed is told where each is met first; so the next part, which
    other changes break, needs a comparison of its own.
    """

    def __init__(self, older: Document, newer: Document) -> None:
        self._old = Forms(older)
        self._new = Forms(newer)
        self._found: dict[tuple[int, int, bool], list[Change]] = {}

    def changes(self, old: Any, new: Any, *, telling: bool = True) -> list[Change]:
        """Return what changed from the schema *old* to *new*; unless *telling*, no effect of a change is known.

        Raises:
            DocumentError: a reference leads nowhere, out of its document or in a circle.
        """
        was, now = self._old.of(old), self._new.of(new)
        key = (id(was), id(now), telling)
        if key not in self._found:
            self._found[key] = []  # for a schema within itself: what changed is told where it begins
            self._found[key] = self._judged(was, now, telling)
        found = self._found[key]
        if len(found) > _MOST_TOLD_AGAIN:
            effect = combined(each.effect for each in found)
            self._found[key] = [Change("", "...", "...", effect, "as told where this schema is met first")]
        return found

    def _judged(self, old: Schema | None, new: Schema | None, telling: bool) -> list[Change]:
        # `unevaluated...` looks into all schemas beside it: not even another form of the same is safe.
        looked_into = any(key.startswith("unevaluated") for key in {**(old or {}), **(new or {})})
        found = list(self._compare(old, new, telling and not looked_into))
        if looked_into:
            described = {Effect.NONE, Effect.DEFAULT}
            return [each if each.effect in described else replace(each, effect=Effect.UNKNOWN) for each in found]
        return found if telling else [each.untold() for each in found]

    def _compare(self, old: Schema | None, new: Schema | None, telling: bool) -> Iterator[Change]:
        if old is None or new is None:
            if old is not new:
                effect = Effect.WIDENED if old is None else Effect.NARROWED
                yield change("", old is not None, new is not None, effect, "`false` lets nothing pass")
            return
        yield from annotation_changes(old, new)
        if (choice_of(old) and is_bare(new)) or (choice_of(new) and is_bare(old)):
            yield from self._choice_come_or_gone(old, new, telling)
            return
        yield from keyword_changes(old, new)
        yield from self._of_fields(old, new, telling)
        yield from self._of_each("additionalProperties", "/{other}", old, new, telling)
        yield from self._of_each("propertyNames", "[propertyNames]", old, new, telling)
        yield from self._of_each("items", "/*", old, new, telling)
        yield from self._of_inner(old, new)
        yield from self._of_lists(old, new, telling)
        yield from self._of_choices(old, new, telling)

    def _within(self, place: str, old: Any, new: Any, telling: bool) -> Iterator[Change]:
        for each in self.changes(old, new, telling=telling):
            yield replace(each, place=place + each.place)

    def _effect(self, old: Any, new: Any, telling: bool) -> Effect:
        return combined(each.effect for each in self.changes(old, new, telling=telling))

    def _of_fields(self, old: Schema, new: Schema, telling: bool) -> Iterator[Change]:
        was, now = old.get("properties", {}), new.get("properties", {})
        for name in {**was, **now}:
            if name in was and name in now:
                yield from self._within(pointer([name]), was[name], now[name], telling)
            else:
                yield self._field_come_or_gone(name, old, new, telling)
        for keyword in ("patternProperties", "dependentSchemas"):
            before, after = old.get(keyword, {}), new.get(keyword, {})
            for name in {**before, **after}:
                if name in before and name in after:
                    yield from self._within(f"[{keyword}]{pointer([name])}", before[name], after[name], telling)
                else:
                    yield change(f"[{keyword}]{pointer([name])}", before.get(name), after.get(name), Effect.UNKNOWN)
        required, still = old.get("required", []), new.get("required", [])
        for name in (each for each in still if each not in required):
            yield Change(f"{pointer([name])} required", "no", "yes", Effect.NARROWED, "the field must be there")
        for name in (each for each in required if each not in still):
            yield Change(f"{pointer([name])} required", "yes", "no", Effect.WIDENED, "the field may be missing")

    def _field_come_or_gone(self, name: str, old: Schema, new: Schema, telling: bool) -> Change:
        """Return the change of a field that one side alone names; to the other it is an additional one."""
        was, now = (
            schema.get("properties", {}).get(name, schema.get("additionalProperties", True)) for schema in (old, new)
        )
        known = telling and not ("patternProperties" in old or "patternProperties" in new)
        effect = self._effect(was, now, telling=known)
        if name not in new.get("properties", {}):
            closed = self._new.of(now) is None
            what = "a field less, and no room for it" if closed else "a field less; under its name others may come"
            return Change(pointer([name]), as_text(was), None, effect, what)
        if known and self._old.of(was) is None and effect is Effect.WIDENED:
            effect = Effect.NEW_FIELD
        what = "a new field" if effect is Effect.NEW_FIELD else "a new field, where anything was allowed"
        return Change(pointer([name]), None, as_text(now), effect, what)

    def _of_each(self, keyword: str, place: str, old: Schema, new: Schema, telling: bool) -> Iterator[Change]:
        """Compare a keyword whose absence means `true`."""
        was, now = old.get(keyword, True), new.get(keyword, True)
        if isinstance(was, dict) and isinstance(now, dict):
            yield from self._within(place, was, now, telling)
        elif (keyword in old) is not (keyword in new) or key_of(was) != key_of(now):
            yield change(f" {keyword}", old.get(keyword), new.get(keyword), self._effect(was, now, telling))

    def _of_inner(self, old: Schema, new: Schema) -> Iterator[Change]:
        for keyword, effect in _INNER.items():
            if keyword in old and keyword in new:
                yield from self._within(f"[{keyword}]", old[keyword], new[keyword], telling=False)
            elif keyword in new:
                yield change(f" {keyword}", None, new[keyword], effect)
            elif keyword in old:
                yield change(f" {keyword}", old[keyword], None, effect.reverse)

    def _of_lists(self, old: Schema, new: Schema, telling: bool) -> Iterator[Change]:
        was, now = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(was) != len(now):
            yield change(" prefixItems", old.get("prefixItems"), new.get("prefixItems"), Effect.UNKNOWN)
        for index, (before, after) in enumerate(zip(was, now, strict=False)):
            yield from self._within(f"/{index}", before, after, telling)
        yield from self._of_branches("allOf", old.get("allOf", []), new.get("allOf", []), Effect.NARROWED, telling)

    def _of_choices(self, old: Schema, new: Schema, telling: bool) -> Iterator[Change]:
        was, now = ([keyword for keyword in CHOICES if keyword in schema] for schema in (old, new))
        if len(was) == len(now) == 1:
            yield from self._of_choice(was[0], now[0], old[was[0]], new[now[0]], telling)
            return
        for keyword in CHOICES:
            if keyword in old and keyword in new:
                yield from self._of_choice(keyword, keyword, old[keyword], new[keyword], telling)
            elif keyword in old or keyword in new:
                effect = Effect.NARROWED if keyword in new else Effect.WIDENED
                yield change(f" {keyword}", old.get(keyword), new.get(keyword), effect)

    def _choice_come_or_gone(self, old: Schema, new: Schema, telling: bool) -> Iterator[Change]:
        """Compare a schema with a choice that it may be one branch of."""
        keyword = choice_of(old) or choice_of(new) or ""
        was, now = (schema[keyword] if choice_of(schema) else [schema] for schema in (old, new))
        found = list(self._of_choice(keyword, keyword, was, now, telling))
        yield from (each for each in found if each.effect is Effect.DEFAULT and not _is_beside(each, choice_of(old)))
        yield from [each for each in found if each.is_decisive] or [
            change(f" {keyword}", old.get(keyword), new.get(keyword), Effect.SAME)
        ]

    def _of_choice(self, was: str, now: str, old: list[Any], new: list[Any], telling: bool) -> Iterator[Change]:
        before, after = [*map(self._old.of, old)], [*map(self._new.of, new)]
        exclusive = (was == "oneOf" and not are_disjoint(before)), (now == "oneOf" and not are_disjoint(after))
        if was != now:
            effect = (Effect.WIDENED if exclusive[0] else Effect.NARROWED) if any(exclusive) else Effect.SAME
            yield Change(f" {now}", was, now, effect, "a value may fit several branches of anyOf, and one of oneOf")
        elif any(exclusive):
            # A branch that lets more in can shut out what fits another one too.
            telling = False
        idle: Idle = ([], []) if any(exclusive) else (covered(before), covered(after))
        texts = [before[i] for i in idle[0]], [after[i] for i in idle[1]]
        if key_of(texts[0]) != key_of(texts[1]):
            what = "another branch lets these values in anyway"
            yield change(f" {now}", texts[0] or None, texts[1] or None, Effect.SAME, what)
        yield from self._of_branches(now, old, new, Effect.WIDENED, telling, idle)

    def _of_branches(
        self, keyword: str, old: list[Any], new: list[Any], one_more: Effect, telling: bool, idle: Idle = ([], [])
    ) -> Iterator[Change]:
        before = {index: self._old.of(each) for index, each in enumerate(old) if index not in idle[0]}
        after = {index: self._new.of(each) for index, each in enumerate(new) if index not in idle[1]}
        for was, now in matched(before, after):
            place = f"[{keyword}/{was if now is None else now}]"
            if was is not None and now is not None:
                yield from self._within(place, old[was], new[now], telling)
            elif now is not None:
                yield change(place, None, new[now], one_more if telling else Effect.UNKNOWN, "a branch more")
            elif was is not None:
                yield change(place, old[was], None, one_more.reverse if telling else Effect.UNKNOWN, "a branch less")


def _is_beside(default: Change, chosen_before: str | None) -> bool:
    """Return whether a default only stands beside the choice where it stood in the schema without one."""
    return bool(_OF_A_BRANCH.fullmatch(default.place)) and (default.was if chosen_before else default.now) is None
