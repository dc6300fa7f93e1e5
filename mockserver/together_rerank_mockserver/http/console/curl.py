"""Write a request to the mock as a curl command."""

import shlex
from collections.abc import Mapping
from urllib.parse import quote

from together_rerank_mockserver.api.messages import JSON
from together_rerank_mockserver.http.console.context import Console
from together_rerank_mockserver.state.namespace import DEFAULT
from together_rerank_spec import Document

# The headers of a recorded request that can change its answer, in lower case.
_REPEATED = ("content-type", "content-encoding", "prefer")


def curl(
    console: Console, document: Document, path: str, body: str, method: str = "POST", headers: Mapping[str, str] = JSON
) -> str:
    """Return a command that sends *body* to *path* of the mock, an operation of *document*.

    The key is the namespace of the page, or `$KEY`, because no other key is stored. Of *headers*, only those that
    change an answer are repeated.
    """
    # With a body, curl sends POST.
    lines = ["curl -sS -i" if body and method == "POST" else f"curl -sS -i -X {shlex.quote(method)}"]
    if document.key_header:
        scheme = "Bearer " if document.key_header == "Authorization" else ""
        key = f"{document.key_header}: {scheme}"
        # A word of a namespace is no part of its key.
        name = console.namespace.partition(" ")[0]
        lines.append(f'-H "{key}$KEY"' if name == DEFAULT else f"-H {shlex.quote(key + name)}")
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items() if name.lower() in _REPEATED]
    if body:
        lines.append(f"--data-raw {shlex.quote(body)}")
    lines.append(shlex.quote(console.base_url + quote(path, safe="/:@!$&'()*+,;=~")))
    return " \\\n  ".join(lines)
