"""Schemas that contain themselves and one another are compared to their end, in each part of the operation."""

import copy
import time

import pytest

from revised_document import POST, REQUEST, SCHEMAS, revised, verdicts
from together_rerank_spec import DocumentError
from together_rerank_spec.difference import differences

A = "#/components/schemas/A"


def test_schemas_may_contain_themselves():
    usage = {
        "type": "object",
        "properties": {"of": {"$ref": "#/components/schemas/UsageData"}, "n": {"type": "integer"}},
    }
    wider = copy.deepcopy(usage)
    wider["properties"]["n"]["type"] = "number"
    older, newer = (revised(**{f"{SCHEMAS}/UsageData": each}) for each in (usage, wider))

    assert verdicts(older, older) == {}
    assert verdicts(older, newer) == {"200 /usage/n type": True, "200 /usage/of/n type": True}


def within_another(longest):
    return {
        f"{SCHEMAS}/A": {
            "properties": {
                "b": {"$ref": "#/components/schemas/B"},
                "n": {"type": "string", "maxLength": longest},
            }
        },
        f"{SCHEMAS}/B": {"properties": {"a": {"$ref": "#/components/schemas/A"}}},
    }


def asked_and_answered(asked, answered, schemas):
    media = {"application/json": {"schema": {"$ref": f"#/components/schemas/{answered}"}}}
    return revised(
        **schemas,
        **{
            f"{REQUEST}": {"$ref": f"#/components/schemas/{asked}"},
            f"{POST}/responses/200/content": media,
        },
    )


@pytest.mark.parametrize(
    ("asked", "answered", "places"),
    [
        ("A", "B", {"request /n maxLength": False, "200 /a/n maxLength": True}),
        ("B", "A", {"request /a/n maxLength": False, "200 /n maxLength": True}),
        ("A", "A", {"request /n maxLength": False, "200 /n maxLength": True}),
    ],
)
def test_a_schema_within_another_is_judged_by_the_part_of_the_operation_it_is_met_in(asked, answered, places):
    older, newer = (asked_and_answered(asked, answered, within_another(longest)) for longest in (5, 10))

    assert verdicts(older, newer) == places
    assert verdicts(newer, older) == {place: not is_breaking for place, is_breaking in places.items()}


@pytest.mark.parametrize("inner", [{"additionalProperties": {"$ref": "#/components/schemas/A"}}, {}])
def test_a_field_more_counts_for_what_is_within_it(inner):
    # What the field may hold now is itself: told at its first place, and nowhere lost.
    def schemas(longest, names):
        fields = {name: {"$ref": "#/components/schemas/A"} for name in names}
        leaf = {"n": {"type": "string", "maxLength": longest}}
        return {f"{SCHEMAS}/A": {"properties": {**fields, **leaf}, **inner}, f"{SCHEMAS}/B": {"items": {"$ref": A}}}

    older = asked_and_answered("A", "B", schemas(5, ["a"]))
    newer = asked_and_answered("A", "B", schemas(10, ["a", "b"]))

    assert verdicts(older, newer)["200 /*/n maxLength"] is True
    assert verdicts(older, newer)["request /n maxLength"] is False
    assert verdicts(newer, older)["request /n maxLength"] is True


def test_a_schema_that_contains_itself_is_judged_in_each_part():
    def recursive(longest):
        leaf = {"type": "string", "maxLength": longest}
        return {f"{SCHEMAS}/A": {"properties": {"self": {"$ref": A}, "n": leaf}}}

    older, newer = (asked_and_answered("A", "A", recursive(longest)) for longest in (5, 10))

    assert verdicts(older, newer) == {"request /n maxLength": False, "200 /n maxLength": True}


def test_many_schemas_that_contain_one_another_take_no_time():
    def schemas(longest):
        fields = {f"s{n}": {"$ref": f"#/components/schemas/S{n}"} for n in range(25)}
        leaf = {"n": {"type": "string", "maxLength": longest}}
        return {f"{SCHEMAS}/S{n}": {"properties": {**fields, **leaf}} for n in range(25)}

    older, newer = (asked_and_answered("S0", "S24", schemas(longest)) for longest in (5, 10))

    began = time.monotonic()
    found = verdicts(older, newer)

    assert found["request /n maxLength"] is False
    assert found["200 /n maxLength"] is True
    assert time.monotonic() - began < 10


def doubling(leaf):
    """Few lines that stand for 2 ** 40 places."""
    schemas = {
        f"S{n}": {"properties": {key: {"$ref": f"#/components/schemas/S{n + 1}"} for key in "ab"}} for n in range(40)
    }
    return {f"{SCHEMAS}/UsageData": {"$ref": "#/components/schemas/S0"}, f"{SCHEMAS}/S40": leaf} | {
        f"{SCHEMAS}/{name}": schema for name, schema in schemas.items()
    }


def test_what_is_met_again_and_again_is_told_so_often_as_can_be_read():
    older, newer = (revised(**doubling({"type": leaf})) for leaf in ("integer", "string"))

    found = differences(older, newer)

    assert 0 < len(found) < 200
    assert all(each.is_breaking for each in found)


def test_references_that_go_too_deep_are_refused():
    chain = {f"{SCHEMAS}/S{n}": {"items": {"$ref": f"#/components/schemas/S{n + 1}"}} for n in range(2000)}
    deep = revised(**{f"{SCHEMAS}/S2000": {}, f"{SCHEMAS}/UsageData": {"$ref": "#/components/schemas/S0"}}, **chain)

    with pytest.raises(DocumentError, match="too deep"):
        differences(deep, deep)
