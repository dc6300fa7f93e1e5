"""The OpenAPI document, parsed once: routes, schemas, security and examples of its rerank operation."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from together_rerank_spec.overlay import OverlayError, apply_overlay
from together_rerank_spec.yaml_text import YamlError, parse

OPERATION_ID = "rerank"
READINGS = ("corrected", "vendored")


class DocumentError(ValueError):
    """A document that the kit cannot read or honour; the message is one line and names it."""


@lru_cache(maxsize=len(READINGS))
def load(reading: str = "corrected") -> Document:
    """Return the vendored document: as it stands (`vendored`), or as the kit's overlay corrects it (`corrected`)."""
    if reading not in READINGS:
        raise DocumentError(f"no reading '{reading}'; there are: {', '.join(READINGS)}")
    content = parse(vendored_text())
    if reading == "corrected":
        content = apply_overlay(content, parse(_resource("corrections.overlay.yaml")))
    return Document(f"the {reading} document", content)


def read(path: Path, overlay: Path | None = None) -> Document:
    """Return the document in *path* as it stands, or with *overlay* applied.

    Raises DocumentError if a file cannot be read, *path* is not an OpenAPI 3.1 document with a rerank operation that
    the kit can serve, or *overlay* does not fit it.
    """
    content = _parse_file(path)
    if overlay is not None:
        try:
            content = apply_overlay(content if isinstance(content, dict) else {}, _parse_file(overlay))
        except OverlayError as fault:
            raise DocumentError(f"{overlay}: {fault}") from fault
    return Document(str(path), content)


def vendored_text() -> bytes:
    """Return the vendored file, byte for byte."""
    return _resource("openapi.yaml")


@dataclass(frozen=True)
class Document:
    """An OpenAPI 3.1 document with one operation of interest: the POST called `rerank`.

    Raises DocumentError if it is not OpenAPI 3.1, has no such operation, or the mock cannot serve that operation.

    Attributes:
        name: what messages call it.
        content: the whole of it, every key a string; never to be changed.
    """

    name: str
    content: Any

    def __post_init__(self) -> None:
        version = self.content.get("openapi") if isinstance(self.content, dict) else None
        if version is None:
            raise self._error("not an OpenAPI document: it has no field `openapi`")
        if not str(version).startswith("3.1."):
            raise self._error(f"the kit reads OpenAPI 3.1, this says openapi: {version}")
        try:
            _ = self.request_schema, self.statuses, self.routes, self.requires_key
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
            if isinstance(fault, DocumentError):
                raise
            raise self._error(f"not the shape of an OpenAPI document ({type(fault).__name__}: {fault})") from fault

    @cached_property
    def _place(self) -> tuple[str, dict[str, Any], dict[str, Any]]:
        for path, reference in self._mapping(self.content, "paths").items():
            item = self.resolve(reference)
            operation = item.get("post") if isinstance(item, dict) else None
            if isinstance(operation, dict) and operation.get("operationId") == OPERATION_ID:
                return path, item, operation
        raise self._error(f"no operation to serve; one POST must have `operationId: {OPERATION_ID}`")

    @property
    def operation(self) -> dict[str, Any]:
        """The operation as the document has it."""
        return self._place[2]

    @cached_property
    def base_paths(self) -> tuple[str, ...]:
        """The path of every server's URL, without the slash at its end; "" for a server at the root."""
        _, item, operation = self._place
        servers = operation.get("servers") or item.get("servers") or self.content.get("servers") or [{"url": "/"}]
        return tuple(dict.fromkeys(urlsplit(_url(server)).path.rstrip("/") for server in servers))

    @cached_property
    def routes(self) -> tuple[str, ...]:
        """Where the operation answers: below each server's base path, and at the root."""
        path = self._place[0]
        routes = tuple(dict.fromkeys([*(base + path for base in self.base_paths), path]))
        for route in routes:
            if not route.startswith("/") or set(route) & set("{}<>"):
                raise self._error(f"the path {route} cannot be served: it must be fixed and begin with a slash")
        return routes

    @cached_property
    def doubled_routes(self) -> dict[str, str]:
        """Routes with the base path doubled, each with that path; clients add it to a base URL that already has it."""
        doubled = {base + base + self._place[0]: base for base in self.base_paths if base}
        return {route: base for route, base in doubled.items() if route not in self.routes}

    @cached_property
    def request_media_types(self) -> tuple[str, ...]:
        """The media types of the request body, in the document's order."""
        return tuple(self._mapping(self.resolve(self._mapping(self.operation, "requestBody")), "content"))

    @cached_property
    def requires_key(self) -> bool:
        """Whether a request needs a bearer key."""
        alternatives = self.operation.get("security", self.content.get("security")) or []
        if not alternatives or {} in alternatives:
            return False
        schemes = self._mapping(self._mapping(self.content, "components"), "securitySchemes")
        for name in (name for alternative in alternatives for name in alternative):
            scheme = self.resolve(schemes.get(name, {}))
            if (scheme.get("type"), str(scheme.get("scheme")).lower()) != ("http", "bearer"):
                raise self._error(f"the security scheme '{name}' is not HTTP bearer, the only one the kit knows")
        return True

    @cached_property
    def statuses(self) -> dict[int, str]:
        """Every status that the operation documents, with its description."""
        responses = self._mapping(self.operation, "responses")
        numbered = ((int(code), self.resolve(r)) for code, r in responses.items() if re.fullmatch("[0-9]+", code))
        return {status: str(response.get("description", "")) for status, response in numbered}

    @property
    def error_statuses(self) -> tuple[int, ...]:
        """The statuses that can be simulated: all that the document lists from 400 on."""
        return tuple(status for status in self.statuses if status >= 400)

    @cached_property
    def request_schema(self) -> dict[str, Any]:
        """JSON Schema of the request body, whole: references resolve inside it."""
        return self._schema(self.resolve(self.operation["requestBody"]), self.request_media_types[0])

    def response_schema(self, status: int) -> dict[str, Any] | None:
        """Return the JSON Schema of the body for *status*, None for no JSON; raise KeyError for an unknown status."""
        response = self.resolve(self.operation["responses"][str(status)])
        media = [m for m in (response.get("content") or {}) if m.partition(";")[0].strip().endswith("json")]
        return self._schema(response, media[0]) if media else None

    def example(self, schema: Any) -> Any:
        """Return the example that *schema* gives of itself, or put one together from its properties' examples."""
        node = self.resolve(schema)
        if "example" in schema:
            return copy.deepcopy(schema["example"])
        if node.get("examples"):
            return copy.deepcopy(node["examples"][0])
        if "example" in node:
            return copy.deepcopy(node["example"])
        examples = {name: self.example(child) for name, child in node.get("properties", {}).items()}
        return {name: value for name, value in examples.items() if value is not None} or None

    def _schema(self, holder: dict[str, Any], media: str) -> dict[str, Any]:
        # Beside the whole document, so that references resolve; its other fields are no keywords of JSON Schema.
        return {**self.content, "allOf": [holder["content"][media].get("schema", True)]}

    def resolve(self, node: Any) -> Any:
        """Return *node*, or the node its `$ref` points to; raise DocumentError if that is missing or circular."""
        for _ in range(16):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node
            node = self.at(node["$ref"])
        raise self._error(f"the references around {node['$ref']} lead in a circle")

    def at(self, reference: str) -> Any:
        """Return the node that *reference* points to; raise DocumentError if the document has none there."""
        node = self.content
        if not reference.startswith("#/"):
            raise self._error(f"the reference {reference} leads out of the document; only #/... is followed")
        # Of a fragment the percent signs are read before the pointer is (RFC 6901, section 6).
        for step in map(_unescape, unquote(reference.removeprefix("#/")).split("/")):
            if isinstance(node, dict) and step in node:
                node = node[step]
            elif isinstance(node, list) and step in map(str, range(len(node))):
                node = node[int(step)]
            else:
                raise self._error(f"the reference {reference} leads nowhere")
        return node

    def _mapping(self, node: Any, key: str) -> dict[str, Any]:
        value = node.get(key) if isinstance(node, dict) else None
        if not isinstance(value, dict) or not value:
            raise self._error(f"`{key}` is missing or empty")
        return value

    def _error(self, message: str) -> DocumentError:
        return DocumentError(f"{self.name}: {message}")


def _url(server: dict[str, Any]) -> str:
    url: str = server["url"]
    for name, variable in (server.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", variable["default"])
    return url


def _resource(name: str) -> bytes:
    return files("together_rerank_spec").joinpath(name).read_bytes()


def _parse_file(path: Path) -> Any:
    try:
        return parse(path.read_bytes())
    except OSError as fault:
        raise DocumentError(f"{path}: {fault.strerror}") from fault
    except YamlError as fault:
        raise DocumentError(f"{path}: {fault}") from fault


def _unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
