"""An overlay is applied exactly, or raises an error with the reason."""

from importlib.resources import files

import pytest

from together_rerank_spec import OverlayError, apply_overlay, load
from together_rerank_spec.yaml_text import parse

CORRECTIONS = parse(files("together_rerank_spec").joinpath("corrections.overlay.yaml").read_bytes())["actions"]
DOCUMENT = {"paths": {"/rerank": {"post": {"tags": ["a", "b"], "body": {"required": False}}}}}


def overlay(*actions):
    return {"overlay": "1.0.0", "actions": list(actions)}


@pytest.mark.parametrize(
    "target", ["$.paths['/rerank'].post.body", '$.paths["/rerank"].post.body', "$['paths']['/rerank']['post']['body']"]
)
def test_an_update_is_merged_into_its_target(target):
    result = apply_overlay(DOCUMENT, overlay({"target": target, "update": {"required": True, "x": {"y": 1}}}))

    assert result["paths"]["/rerank"]["post"]["body"] == {"required": True, "x": {"y": 1}}
    assert DOCUMENT["paths"]["/rerank"]["post"]["body"] == {"required": False}


def test_an_update_of_an_array_is_appended():
    result = apply_overlay(DOCUMENT, overlay({"target": "$.paths['/rerank'].post.tags", "update": "c"}))

    assert result["paths"]["/rerank"]["post"]["tags"] == ["a", "b", "c"]


def test_true_and_1_are_different_values():
    result = apply_overlay({"a": {"b": 1}}, overlay({"target": "$.a", "update": {"b": True}}))

    assert result["a"]["b"] is True


def test_an_item_can_be_removed_by_index():
    result = apply_overlay(DOCUMENT, overlay({"target": "$.paths['/rerank'].post.tags[0]", "remove": True}))

    assert result["paths"]["/rerank"]["post"]["tags"] == ["b"]


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ({"target": "$.paths['/other'].post", "update": {"a": 1}}, "no such place"),
        ({"target": "$.paths['/rerank'].post.tags[2]", "remove": True}, "no such place"),
        ({"target": "$.paths['/rerank'].post.body", "update": {"required": False}}, "changes nothing"),
        ({"target": "$.paths['/rerank'].post.body.required", "update": True}, "can merge an object"),
        ({"target": "$.paths[*].post", "update": {"a": 1}}, "plain path"),
        ({"target": "paths", "update": {"a": 1}}, "plain path"),
        ({"target": "$", "remove": True}, "whole document"),
        ({"target": "$.paths"}, "either `update` or `remove"),
        ({"target": "$.paths", "update": {"a": 1}, "remove": True}, "either `update` or `remove"),
        ({"target": "$.paths", "updat": {"a": 1}}, "unknown field `updat`"),
        ({"update": {"a": 1}}, "no target"),
    ],
)
def test_an_action_that_cannot_be_applied_is_named(action, reason):
    good = {"target": "$", "update": {"info": {}}}

    with pytest.raises(OverlayError, match=f"(?s)action 2 of the overlay.*{reason}"):
        apply_overlay(DOCUMENT, overlay(good, action))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (None, "it has no version"),
        ([], "it has no version"),
        ({}, "it has no version"),
        ({"overlay": "2.0.0", "actions": [1]}, "it has `overlay: 2.0.0`"),
        ({"overlay": "1.0.0"}, "has no actions"),
        ({"overlay": "1.0.0", "actions": []}, "has no actions"),
        ({"overlay": "1.0.0", "actions": [1]}, "action 1 of the overlay has no target"),
    ],
)
def test_a_malformed_overlay_is_rejected(broken, reason):
    with pytest.raises(OverlayError, match=reason):
        apply_overlay(DOCUMENT, broken)


def test_every_correction_gives_its_reason_and_is_needed():
    vendored = load("vendored").content

    assert all(len(action["description"]) > 20 for action in CORRECTIONS)
    for left_out in range(len(CORRECTIONS)):
        some = CORRECTIONS[:left_out] + CORRECTIONS[left_out + 1 :]
        assert apply_overlay(vendored, overlay(*some)) != load("corrected").content


def test_a_correction_that_changes_nothing_or_has_no_target_is_an_error():
    corrected = load("corrected").content
    without_schemas = {**load("vendored").content, "components": {}}

    for document, reason in ((corrected, "it changes nothing"), (without_schemas, "has no such place")):
        with pytest.raises(OverlayError, match=reason):
            apply_overlay(document, overlay(*CORRECTIONS))
