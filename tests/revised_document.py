"""Newer documents: the vendored one with something changed."""

import copy

from together_rerank_spec import Document, load
from together_rerank_spec.difference import differences

SCHEMAS = "components/schemas"
POST = "paths/~rerank/post"
REQUEST = f"{SCHEMAS}/RerankRequest"
RESPONSE = f"{SCHEMAS}/RerankResponse"
GONE = object()


def revised(**changes):
    """The vendored document with other values in places such as `paths/~rerank/post`, or without what is GONE."""
    content = copy.deepcopy(load("vendored").content)
    for place, value in changes.items():
        *steps, last = (step.replace("~", "/") for step in place.split("/"))
        node = content
        for step in steps:
            node = node[int(step) if isinstance(node, list) else step]
        if value is GONE:
            del node[last]
        elif isinstance(node, list):
            node.append(value)
        else:
            node[last] = value
    return Document("newer", content, to_serve=False)


def verdicts(older, newer, overlay=None):
    found = differences(older, newer, overlay)
    return {each.place: each.is_breaking for each in reversed(found)}  # what breaks comes last, and counts
