"""An overlay does what it says, once, or says why not."""

import copy

import pytest

from together_rerank_spec import Misfit, OverlayError, apply_overlay, load, misfits, read_overlay

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


def test_true_is_not_what_one_is():
    result = apply_overlay({"a": {"b": 1}}, overlay({"target": "$.a", "update": {"b": True}}))

    assert result["a"]["b"] is True


def test_an_item_can_be_removed_by_index():
    result = apply_overlay(DOCUMENT, overlay({"target": "$.paths['/rerank'].post.tags[0]", "remove": True}))

    assert result["paths"]["/rerank"]["post"]["tags"] == ["b"]


@pytest.mark.parametrize(
    ("action", "because"),
    [
        ({"target": "$.paths['/other'].post", "update": {"a": 1}}, "no such place"),
        ({"target": "$.paths['/rerank'].post.tags[2]", "remove": True}, "no such place"),
        ({"target": "$.paths['/rerank'].post.body", "update": {"required": False}}, "changes nothing"),
        ({"target": "$.paths['/rerank'].post.body.required", "update": True}, "updates objects"),
        ({"target": "$.paths[*].post", "update": {"a": 1}}, "plain path"),
        ({"target": "paths", "update": {"a": 1}}, "plain path"),
        ({"target": "$", "remove": True}, "whole document"),
        ({"target": "$.paths"}, "either `update` or `remove"),
        ({"target": "$.paths", "update": {"a": 1}, "remove": True}, "either `update` or `remove"),
        ({"target": "$.paths", "updat": {"a": 1}}, "unknown field `updat`"),
        ({"update": {"a": 1}}, "no target"),
    ],
)
def test_an_action_that_cannot_be_applied_is_named(action, because):
    good = {"target": "$", "update": {"info": {}}}

    with pytest.raises(OverlayError, match=f"(?s)action 2 of the overlay.*{because}"):
        apply_overlay(DOCUMENT, overlay(good, action))


@pytest.mark.parametrize(
    "broken", [None, [], {}, {"overlay": "2.0.0", "actions": [1]}, {"overlay": "1.0.0", "actions": []}]
)
def test_what_is_no_overlay_is_refused(broken):
    with pytest.raises(OverlayError):
        apply_overlay(DOCUMENT, broken)


def test_each_action_that_does_not_apply_is_named_and_the_others_are_applied():
    found = misfits(
        DOCUMENT,
        overlay(
            {"target": "$.nowhere", "update": {"a": 1}},
            {"target": "$.paths['/rerank'].post", "update": {"deprecated": True}},
            {"target": "$.paths['/rerank'].post.deprecated", "remove": True},
            {"target": "$.paths['/rerank'].post.deprecated", "remove": True},
        ),
    )

    assert found == [
        Misfit(1, "$.nowhere", {"a": 1}, "the document has no such place ('nowhere' is missing)"),
        Misfit(
            4, "$.paths['/rerank'].post.deprecated", None, "the document has no such place ('deprecated' is missing)"
        ),
    ]
    assert "deprecated" not in DOCUMENT["paths"]["/rerank"]["post"]


def test_every_correction_applies_to_the_document_that_it_is_for():
    assert misfits(load("vendored").content, read_overlay()) == []


def test_every_correction_gives_its_reason():
    assert all(len(action["description"]) > 20 for action in read_overlay()["actions"])


def test_every_correction_is_needed():
    vendored = load("vendored").content
    actions = read_overlay()["actions"]

    for left_out in range(len(actions)):
        some = copy.deepcopy(actions)
        del some[left_out]
        assert apply_overlay(vendored, overlay(*some)) != load("corrected").content
