"""Write the page docs/clients.md from what was observed."""

import json

from observation import RETRY_AFTER_S, WRONG_200
from real_clients import CLIENTS, filled

# The APIs by the beginning of the path, with the title of their section.
_APIS = {
    "": "Together",
    "/cohere": "Cohere",
    "/jina": "Jina",
    "/voyage": "Voyage",
    "/tei": "TEI (Text Embeddings Inference)",
    "/nim": "NVIDIA NIM",
    "/infinity": "Infinity",
    "/vllm": "vLLM",
    "/mixedbread": "Mixedbread",
    "/pinecone": "Pinecone",
}
_HEAD = """# Real clients

This page shows how you point a rerank client at the mock, and what the client makes of the mock's answers.
Every line was run with the unmodified client and version that it names.
`make clients-real` runs all of them again and compares the results with this page.

Start the mock with `together-rerank-mock serve`, which listens on `http://127.0.0.1:4010`.
The mock accepts any key and any model.

## Your client, your line

If a client reads its URL from an environment variable, you can set the variable instead of passing the arguments.
`together-rerank-mock env http://127.0.0.1:4010` prints these variables with their values.
Set the variable before you import the client.
Clients without a variable in the table read their URL from the code only.
"""
_BEHAVIOUR = """
## What each client does with faults

With every client you can request a [fault](faults.md) by the model, such as `mock/429`.
Only the clients of TEI cannot, because TEI has no models.

For this table, each client made one call per fault, with four documents and its default settings.
The fault was in the queue, so it applied to the first request only.

| column | fault |
|---|---|
| 429 | `429,retry_after={retry_after}` |
| index | `index-out-of-range`: the first result has the index 4 |
| score | `score-string`: the scores are strings |
| results | `results-missing`: the field with the results is missing; TEI's answer, which is only a list, is `{{}}` |

| text in the table | meaning |
|---|---|
| *waited, then right* | The client waited as `Retry-After` says, sent a second request, and returned its results. |
| *unnoticed* | The client returned the wrong value that follows. |
| *repaired* | The client returned the right value. |
| *raised* | The client raised this exception. After a 429 it sent no second request. |

| client | 429 | index | score | results |
|---|---|---|---|---|
"""
_LIMITS = """
## What does not work, and why

Each client also made a call for the best two of the four documents.
It returned two, unless this table says otherwise.

| client | limit |
|---|---|
"""


def page(observed):
    """Return the text of the page."""
    parts = [_HEAD]
    for api, title in _APIS.items():
        rows = [_line(client, observed) for client in CLIENTS if _api(client) == api]
        parts.append(f"\n### {title}\n\n| client | line | environment variables |\n|---|---|---|\n{''.join(rows)}")
    parts.append(_BEHAVIOUR.format(retry_after=RETRY_AFTER_S))
    parts += [_behaviour(client, observed) for client in CLIENTS]
    parts.append(_LIMITS)
    parts += [f"| {_label(client, observed)} | {client.limit} |\n" for client in CLIENTS if client.limit]
    return "".join(parts)


def _label(client, observed):
    return client.label(observed.versions[client.id])


def _api(client):
    if "--dialect" in client.flags:
        return f"/{client.flags[-1]}"
    return next((api for api in _APIS if api and client.path.startswith(f"{api}/")), "")


def _line(client, observed):
    variables = "<br>".join(f"`{name}={filled(value)}`" for name, value in client.variables.items())
    return f"| {_label(client, observed)} | `{client.code()}` | {variables} |\n"


def _behaviour(client, observed):
    good = observed.calls[client.id, "all"]
    cells = [_after_429(observed.calls[client.id, "429"], good)]
    cells += [_after_a_wrong_200(observed.calls[client.id, fault], good) for fault in WRONG_200]
    return f"| {_label(client, observed)} | {' | '.join(cells)} |\n"


def _after_429(call, good):
    retried = len(call.requests) > 1
    waited = all(wait >= RETRY_AFTER_S for wait in call.waits)
    before = f"{'waited' if waited else 'did not wait'}, then " if retried else ""
    return before + (_raised(call) if call.error else "right" if call.rows == good.rows else "wrong")


def _after_a_wrong_200(call, good):
    if call.error:
        return _raised(call)
    if call.rows is None:
        return "unnoticed: no results"
    if call.rows == good.rows:
        return "repaired"
    if len(call.rows) != len(good.rows):
        return f"unnoticed: {len(call.rows) or 'no'} results"
    names = ("index", "score", "text")
    wrong, right = next((bad, best) for bad, best in zip(call.rows, good.rows, strict=True) if bad != best)
    name, value = next(
        (name, one)
        for name, one, other in zip(names, wrong, right, strict=True)
        if (one, type(one)) != (other, type(other))
    )
    return f"unnoticed: {name} `{json.dumps(value)}`"


def _raised(call):
    """Return the class, and the message of an exception of Python or JavaScript itself, whose class says little."""
    name = call.error.removeprefix("builtins.")
    own = call.error.startswith("builtins.") or call.error in ("Error", "TypeError")
    message = call.message.partition("\n")[0]
    return f"raised `{name}: {message}`" if own else f"raised `{name}`"
