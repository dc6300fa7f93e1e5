"""What changed about where the operation is called, and who is let in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from together_rerank_spec.change import Difference, annotation_changes
from together_rerank_spec.document import Document, base_path

Alternative = frozenset[str]


def endpoint_differences(older: Document, newer: Document) -> Iterator[Difference]:
    """Yield the differences of path, servers and security."""
    ways = [{base + each.path for base in each.base_paths} for each in (older, newer)]
    if older.path != newer.path:
        moved = not ways[0] <= ways[1]
        why = "clients call the old path" if moved else "with its base path it is the same"
        yield Difference("path", older.path, newer.path, moved, why)
    yield from _of_servers(older, newer, {base for base in older.base_paths if base + older.path in ways[1]})
    yield from _of_security(older, newer)


def _of_servers(older: Document, newer: Document, served: set[str]) -> Iterator[Difference]:
    gone = [url for url in older.servers if url not in newer.servers]
    come = [url for url in newer.servers if url not in older.servers]
    for url in gone:
        heir = next((each for each in come if base_path(each) == base_path(url)), None)
        if heir is not None:
            come.remove(heir)
            yield Difference("servers", url, heir, False, "another host, with the same base path")
        elif base_path(url) in {*newer.base_paths, *served}:
            yield Difference("servers", url, None, False, "a host less; its base path is there on another one")
        else:
            yield Difference("servers", url, None, True, f"the base path {base_path(url) or '/'} is gone")
    for url in come:
        yield Difference("servers", None, url, False, "a server more; nobody needs to call it")


def _of_security(older: Document, newer: Document) -> Iterator[Difference]:
    (was, named), (now, renamed) = map(_security, (older, newer))
    if was != now:
        is_breaking = not all(any(asked <= given for asked in now) for given in was)
        why = "a client that was let in may lack what is asked for now" if is_breaking else "who was let in still is"
        yield Difference("security", _shown(was), _shown(now), is_breaking, why)
    for name in (each for each in named if each in renamed):
        for each in annotation_changes(named[name], renamed[name], also=("bearerFormat",)):
            yield Difference(f"security {name}{each.place}", each.was, each.now, False, each.what)


def _security(document: Document) -> tuple[set[Alternative], dict[str, dict[str, Any]]]:
    """Return the alternatives, each the credentials that it asks for together, and the schemes by name."""
    required = document.operation.get("security", document.content.get("security")) or [{}]
    defined = (document.content.get("components") or {}).get("securitySchemes") or {}
    schemes = {name: document.resolve(defined.get(name, {})) for each in required for name in each}
    return {
        frozenset(text for name, scopes in each.items() for text in _credentials(name, schemes[name], scopes))
        for each in required
    }, schemes


def _credentials(name: str, scheme: dict[str, Any], scopes: list[str]) -> list[str]:
    kind = scheme.get("type")
    credential = {
        "http": f"HTTP {str(scheme.get('scheme')).lower()}",
        "apiKey": f"the {scheme.get('in')} {scheme.get('name')}",
        "openIdConnect": f"OpenID of {scheme.get('openIdConnectUrl')}",
    }.get(str(kind), f"{kind} {name}")
    return [credential, *(f"{credential} with {scope}" for scope in scopes)]


def _shown(alternatives: set[Alternative]) -> str:
    return " or ".join(sorted(" and ".join(sorted(each)) or "none" for each in alternatives))
