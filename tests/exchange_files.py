"""Files of exchanges as a user writes them, valid or invalid."""

import json

from together_rerank_fixtures import library
from together_rerank_fixtures.exchange import text


def changed(name, **changes):
    """Return the data of an exchange with changes: `response__body` is a place, None removes the value there."""
    data = json.loads(library.raw(name))
    for place, value in changes.items():
        *parents, last = place.split("__")
        node = data
        for step in parents:
            node = node[int(step)] if isinstance(node, list) else node[step]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return data


def recorded(folder, data, name="kept/mine.json"):
    """Write *data*, a string or JSON, as the file of an exchange below *folder*."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else text(data))
    return path
