"""Read the OpenAPI document: routes, schemas, security and examples of its rerank operation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from together_rerank_spec import package_files
from together_rerank_spec.mapping import CANONICAL, EXTENSION, Mapping, MappingError
from together_rerank_spec.overlay import OverlayError, apply_overlay
from together_rerank_spec.sample import sample
from together_rerank_spec.upgrade import upgraded
from together_rerank_spec.validation import Validator, pointer
from together_rerank_spec.yaml_text import YamlError, parse

OPERATION_ID = "rerank"
# The parameter of a path.
_MODEL = "{model}"
READINGS = ("corrected", "vendored")
TOGETHER = "together"
# The hosts of Together's API; its document has only one.
_TOGETHER_HOSTS = ("api.together.xyz", "api.together.ai")


class DocumentError(ValueError):
    """The kit cannot read or serve a document; the message is one line and names the document."""


@lru_cache(maxsize=len(READINGS))
def load(reading: str = "corrected") -> Document:
    """Return the vendored document: unchanged (`vendored`), or with the kit's overlay applied (`corrected`)."""
    if reading not in READINGS:
        raise DocumentError(f"unknown reading '{reading}'; the readings are: {', '.join(READINGS)}")
    content = parse(vendored_text())
    if reading == "corrected":
        content = apply_overlay(content, parse(_resource("corrections.overlay.yaml")))
    return Document(f"the {reading} document", content)


@lru_cache(maxsize=1)
def dialects() -> tuple[str, ...]:
    """Return the names of the rerank APIs that the kit has a document of, in alphabetical order."""
    names = [entry.name.removesuffix(".yaml") for entry in files("together_rerank_spec").joinpath("dialects").iterdir()]
    return tuple(sorted([*names, TOGETHER]))


@lru_cache(maxsize=64)
def dialect(name: str) -> Document:
    """Return the document of the rerank API *name*; raise DocumentError if there is none."""
    if name not in dialects():
        raise DocumentError(f"unknown dialect '{name}'; the dialects are: {', '.join(dialects())}")
    if name == TOGETHER:
        return load()
    return Document(f"the document of {name}", parse(_resource(f"dialects/{name}.yaml")), dialect=name)


@lru_cache(maxsize=1)
def real_hosts() -> tuple[str, ...]:
    """Return the hosts of the real APIs, by the servers in their documents."""
    return tuple(dict.fromkeys([*_TOGETHER_HOSTS, *(host for name in dialects() for host in dialect(name).hosts)]))


def dialect_of(path: str) -> str:
    """Return the name of the dialect that *path*, a path of a mock, begins with; "" if it begins with none."""
    name = path.removeprefix("/").partition("/")[0]
    return name if name in dialects() else ""


def operation_at(path: str, reading: str = "corrected") -> Document | None:
    """Return the operation of a mock at *path*: Together's, or that of a dialect below its name; None if there is none.

    *reading* is the reading of Together's document.
    """
    name = dialect_of(path)
    operations, below = (dialect(name).operations, path.removeprefix(f"/{name}")) if name else ((load(reading),), path)
    return next((each for each in operations if each.serves(below)), None)


def read(path: Path, overlay: Path | None = None, operation: tuple[str, str] | None = None) -> Document:
    """Return the document in the file *path*, with the overlay in the file *overlay* applied if there is one.

    If *path* is an overlay, it is applied to the document that its field `extends` names.
    *operation* is the method and the path of the operation to serve; None for every one that the kit recognizes.
    Raises DocumentError if a file cannot be read, *path* is not an OpenAPI 3.1 document with a rerank operation that
    the kit can serve, or *overlay* does not fit it.
    """
    content, name = _parse_file(path), str(path)
    if isinstance(content, dict) and "overlay" in content and overlay is None:
        path, overlay = _extended(path, content), path
        content = _parse_file(path)
    if isinstance(content, dict) and str(content.get("openapi")).startswith("3.0."):
        content = {**upgraded(content), "openapi": "3.1.0"}
    if overlay is not None:
        try:
            content = apply_overlay(content if isinstance(content, dict) else {}, _parse_file(overlay))
        except OverlayError as error:
            raise DocumentError(f"{overlay}: {error}") from error
    if operation is None:
        return Document(name, content)
    method, route = operation
    if method.upper() != "POST":
        raise DocumentError(f"{path}: the kit serves POST operations only, not {method.upper()} {route}")
    return Document(name, content, path=route)


def vendored_text() -> bytes:
    """Return the content of the vendored file, byte for byte."""
    return _resource("openapi.yaml")


@dataclass(frozen=True, eq=False)
class Document:
    """An OpenAPI 3.1 document and one rerank operation of it.

    Raises DocumentError if the document is not OpenAPI 3.1 or has no such operation, or if the mock cannot serve that
    operation.

    Attributes:
        name: the name of the document in error messages.
        content: the whole document; every key is a string. Treat as immutable.
        path: the path of the operation in the document. By default, that of the first POST with the extension
            `x-rerank`, or else of the one whose `operationId` is `rerank`.
        dialect: the name of the API if the kit has the document; "" for Together's document and those of users.
    """

    name: str
    content: Any
    path: str = ""
    dialect: str = ""

    def __post_init__(self) -> None:
        version = self.content.get("openapi") if isinstance(self.content, dict) else None
        if version is None:
            raise self._error("not an OpenAPI document: it has no field `openapi`")
        if not str(version).startswith("3.1."):
            raise self._error(f"the kit reads OpenAPI 3.0 and 3.1, but this document has `openapi: {version}`")
        try:
            _ = self.request_schema, self.statuses, self.routes, self.requires_key
            if not self.mapping.is_canonical:
                self._check_places()
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, DocumentError):
                raise
            raise self._error(f"the OpenAPI document is malformed ({type(error).__name__}: {error})") from error

    def _check_places(self) -> None:
        """Raise DocumentError if a response cannot be written to the places of the mapping."""
        result = {"index": 0, "relevance_score": 0.5, "document": {"text": ""}}
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        answer = {"id": "", "object": "rerank", "model": "", "results": [result], "usage": usage}
        try:
            self.mapping.check_success(self._templates.get(200))
            self.success_body(answer)
            for status in self.error_statuses:
                self.error_body(status, {"error": dict.fromkeys(("message", "type", "param", "code"), "")})
        except MappingError as error:
            raise self._error(str(error)) from error

    @cached_property
    def _found(self) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
        """The path item and the operation of each path to serve."""
        posts = {}
        for path, reference in self._mapping(self.content, "paths").items():
            item = self.resolve(reference)
            operation = item.get("post") if isinstance(item, dict) else None
            if isinstance(operation, dict):
                posts[path] = item, operation
        if self.path:
            if self.path not in posts:
                known = ", ".join(posts) or "none"
                raise self._error(f"there is no operation POST {self.path[:200]}; paths with POST: {known}")
            return {self.path: posts[self.path]}
        marked = {path: found for path, found in posts.items() if EXTENSION in found[1]}
        named = {path: found for path, found in posts.items() if found[1].get("operationId") == OPERATION_ID}
        if not marked and not named:
            expected = f"one POST must have `{EXTENSION}`, or `operationId: {OPERATION_ID}`"
            raise self._error(f"no operation to serve; {expected}, or be named with --operation")
        return marked or named

    @cached_property
    def operations(self) -> tuple[Document, ...]:
        """The document, once for each operation to serve; the first is `self`."""
        others = list(self._found)[1:]
        return self, *(replace(self, path=path, name=f"{self.name}: POST {path}") for path in others)

    @cached_property
    def _location(self) -> tuple[str, dict[str, Any], dict[str, Any]]:
        path, (item, operation) = next(iter(self._found.items()))
        return path, item, operation

    @cached_property
    def mapping(self) -> Mapping:
        """Where things are in the messages of the operation."""
        try:
            return Mapping(self.operation.get(EXTENSION, CANONICAL))
        except MappingError as error:
            raise self._error(str(error)) from error

    def request(self, body: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Return *body*, the body of a request to *path*, in the canonical form."""
        canonical = self.mapping.request(body)
        return {**canonical, "model": self.model_in(path)} if self._has_model_in_path else canonical

    def read_request(self, body: Any) -> Any:
        """Return *body*, the JSON of a request, in the canonical form as far as it has its members."""
        return body if self.mapping.is_canonical else self.mapping.read_request(body)

    def write_request(self, canonical: dict[str, Any]) -> dict[str, Any]:
        """Return *canonical*, a canonical request, in the form of the API, as far as the API has a place for it."""
        if self.mapping.is_canonical:
            return canonical
        return self.mapping.write_request(canonical, texts_in_objects=not self.takes_texts)

    @cached_property
    def takes_texts(self) -> bool:
        """Whether a document can be a string."""
        return self._takes("a")

    @cached_property
    def takes_objects(self) -> bool:
        """Whether a document can be an object with any fields."""
        return self._takes({"text": "a", "title": "a"})

    def _takes(self, document: Any) -> bool:
        body = self.mapping.write_request({"query": "a", "documents": [document]}, texts_in_objects=False)
        violations = Validator(self.request_schema).violations(body)
        return not any(each.pointer.startswith(self.mapping.place("/documents")) for each in violations)

    @cached_property
    def _has_model_in_path(self) -> bool:
        return _MODEL in self._location[0]

    def success_body(self, canonical: Any) -> Any:
        """Return *canonical*, the canonical body of a 200, in the form of the API.

        A fault can make it the body of an error.
        """
        if self.mapping.is_canonical:
            return canonical
        if isinstance(canonical, dict) and "error" in canonical:
            return self.error_body(500, canonical)
        return self.mapping.response(canonical, self._templates.get(200))

    def error_body(self, status: int, canonical: dict[str, Any]) -> Any:
        """Return *canonical*, the canonical body of an error with *status*, in the form of the API.

        It is a string if the document has only text for *status*, and None if it has no body.
        """
        if self.mapping.is_canonical:
            return canonical
        if status in self.statuses and self._json_media(status) is None:
            return canonical["error"].get("message", "") if self.response_media_types(status) else None
        return self.mapping.error(canonical, self._templates.get(self._nearest(status), {}), status)

    def _nearest(self, status: int) -> int:
        """Return the error status with a JSON body that is nearest to *status*, of the same class if there is one."""
        statuses = [each for each in self.error_statuses if self._json_media(each) is not None]
        return min(statuses, key=lambda each: (each // 100 != status // 100, abs(each - status)), default=0)

    @cached_property
    def _templates(self) -> dict[int, Any]:
        """The body of each documented status: its example, or one made from its schema."""
        return {status: self._template(status) for status in self.statuses}

    def _template(self, status: int) -> Any:
        media = self._json_media(status)
        if media is None:
            return {}
        example = self.body_example(status)
        return self.example(media.get("schema", True)) if example is None else example

    @property
    def example_of_success(self) -> Any:
        """The body of a 200: its example, or one made from its schema. Treat as immutable."""
        return self._templates.get(200)

    def body_example(self, status: int) -> Any:
        """Return the example of the body for *status*; None if the document has none."""
        media = (self._media(status) if status in self.statuses else None) or {}
        for example in (media.get("examples") or {}).values():
            return self.resolve(example).get("value")
        return media.get("example")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of the servers that the document names."""
        servers = self.content.get("servers") or []
        return tuple(host for each in servers if (host := urlsplit(_url(each)).hostname))

    @property
    def operation(self) -> dict[str, Any]:
        """The rerank operation: the operation object in the document."""
        return self._location[2]

    @property
    def place_of_operation(self) -> str:
        """The operation as a JSON Pointer into the document."""
        return pointer(["paths", self._location[0], "post"])

    @cached_property
    def base_paths(self) -> tuple[str, ...]:
        """The path of each server's URL without its trailing slash; "" for a server at the root."""
        _, item, operation = self._location
        servers = operation.get("servers") or item.get("servers") or self.content.get("servers") or [{"url": "/"}]
        return tuple(dict.fromkeys(urlsplit(_url(server)).path.rstrip("/") for server in servers))

    @cached_property
    def routes(self) -> tuple[str, ...]:
        """The paths that serve the operation: one below each server's base path, and one at the root."""
        path = self._location[0]
        routes = tuple(dict.fromkeys(unquote(each) for each in (*(base + path for base in self.base_paths), path)))
        for route in routes:
            if not route.startswith("/") or set(route.replace(_MODEL, "", 1)) & set("{}<>"):
                raise self._error(
                    f"the path {route} cannot be served: it must start with a slash, "
                    f"and its only parameter can be {_MODEL}"
                )
        return routes

    def serves(self, path: str) -> bool:
        """Return whether *path* is one of the routes, with any model in place of a parameter."""
        return path in self.routes or any(pattern.fullmatch(path) for pattern in self._patterns)

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        templates = (route.split(_MODEL) for route in self.routes if _MODEL in route)
        return [re.compile(f"{re.escape(before)}(.+){re.escape(after)}") for before, after in templates]

    def model_in(self, path: str) -> str | None:
        """Return the model in *path*, the path of a request; None if paths of the operation have no model.

        A model can contain slashes.
        """
        if not self._has_model_in_path:
            return None
        below = path.removeprefix(f"/{self.dialect}")
        found = (pattern.fullmatch(each) for pattern in self._patterns for each in (path, below))
        return next((match[1] for match in found if match), None)

    @cached_property
    def doubled_routes(self) -> dict[str, str]:
        """Routes with the base path twice, as keys, and the base path as values.

        A client requests such a route if it adds the base path to a base URL that already ends with it.
        """
        doubled = {base + base + self._location[0]: base for base in self.base_paths if base}
        return {route: base for route, base in doubled.items() if route not in self.routes}

    @cached_property
    def request_media_types(self) -> tuple[str, ...]:
        """The media types of the request body, as the document lists them."""
        return tuple(self._mapping(self.resolve(self._mapping(self.operation, "requestBody")), "content"))

    @cached_property
    def requires_key(self) -> bool:
        """Whether a request needs a key."""
        return bool(self.key_header) and {} not in self._security

    @property
    def _security(self) -> list[dict[str, Any]]:
        return self.operation.get("security", self.content.get("security")) or []

    @cached_property
    def key_header(self) -> str:
        """The header of a key; "" if the API has no keys. In `Authorization`, the key follows `Bearer`."""
        if not any(self._security):
            return ""
        schemes = self._mapping(self._mapping(self.content, "components"), "securitySchemes")
        names = [name for alternative in self._security for name in alternative]
        headers = [self._key_header(self.resolve(schemes.get(name, {}))) for name in names]
        if None in headers and {} not in self._security:
            supported = "HTTP bearer or an API key in a header, the only schemes that the kit supports"
            raise self._error(f"the security scheme '{names[headers.index(None)]}' is not {supported}")
        return next(filter(None, headers), "")

    def _key_header(self, scheme: Any) -> str | None:
        match scheme:
            case {"type": "http", "scheme": str(kind)} if kind.lower() == "bearer":
                return "Authorization"
            case {"type": "apiKey", "in": "header", "name": str(header)}:
                return header
        return None

    @cached_property
    def statuses(self) -> dict[int, str]:
        """The statuses that the document lists for the operation, with their descriptions."""
        responses = self._mapping(self.operation, "responses")
        numbered = ((int(code), self.resolve(r)) for code, r in responses.items() if re.fullmatch("[0-9]+", code))
        return {status: str(response.get("description", "")) for status, response in numbered}

    @property
    def error_statuses(self) -> tuple[int, ...]:
        """The statuses that the mock can simulate: all from 400 on that the document lists."""
        return tuple(status for status in self.statuses if status >= 400)

    @cached_property
    def request_schema(self) -> dict[str, Any]:
        """The JSON Schema of the request body, with everything that its references need."""
        content = self.resolve(self.operation["requestBody"])["content"]
        return self._schema(content[next(filter(_is_json, content), self.request_media_types[0])])

    @cached_property
    def default_model(self) -> str:
        """A model that the request schema names: the first of an `enum`, or else the example."""
        if self._has_model_in_path:
            _, item, operation = self._location
            parameters = map(self.resolve, [*item.get("parameters", []), *operation.get("parameters", [])])
            examples = (each.get("example") for each in parameters if each.get("name") == _MODEL[1:-1])
            if example := next(filter(None, examples), None):
                return str(example)
        request = self.resolve(self.request_schema["allOf"][0])
        properties = request.get("properties", {}) if isinstance(request, dict) else {}
        model = self.resolve(properties.get("model", {}))
        model = model if isinstance(model, dict) else {}
        alternatives = map(self.resolve, [model, *model.get("anyOf", []), *model.get("oneOf", [])])
        names = [name for each in alternatives if isinstance(each, dict) for name in each.get("enum", [])]
        example = self.example(request)
        return str(names[0] if names else example.get("model", "") if isinstance(example, dict) else "")

    def lists(self, status: int) -> bool:
        """Return whether the document lists *status*, also in a range such as `4XX` or as `default`."""
        return self._name_of(status) is not None

    def _name_of(self, status: int) -> str | None:
        """Return the name of the response for *status* in the document; None if there is none."""
        names = {str(name).upper(): str(name) for name in self._mapping(self.operation, "responses")}
        return next((names[each] for each in (str(status), f"{status // 100}XX", "DEFAULT") if each in names), None)

    def error_schema(self, status: int) -> dict[str, Any] | None:
        """Return the JSON Schema of an error with *status*, or of the nearest one that is listed; None if not JSON."""
        name = self._listed(status)
        return None if name is None else self.response_schema(name)

    def error_media_types(self, status: int) -> tuple[str, ...]:
        """Return the media types of an error with *status*, or of the nearest one that is listed."""
        name = self._listed(status)
        return () if name is None else self.response_media_types(name)

    def _listed(self, status: int) -> str | None:
        """Return the name of the response for *status*, or for the nearest error; None if there is no error."""
        nearest = self._nearest(status) or next(iter(self.error_statuses), 0)
        return self._name_of(status) or (str(nearest) if nearest else None)

    def response_schema(self, status: int | str) -> dict[str, Any] | None:
        """Return the JSON Schema of the body for *status*, or None if that body is not JSON.

        Raises KeyError if the document does not list *status*.
        """
        media = self._json_media(status)
        return None if media is None else self._schema(media)

    def response_media_types(self, status: int | str) -> tuple[str, ...]:
        """Return the media types of the body for *status*, without parameters; none if the document lists no body.

        Raises KeyError if the document does not list *status*.
        """
        return tuple(name.partition(";")[0].strip() for name in self._content(status))

    def _content(self, status: int | str) -> dict[str, Any]:
        return self.resolve(self.operation["responses"][str(status)]).get("content") or {}

    def _json_media(self, status: int | str) -> dict[str, Any] | None:
        content = self._content(status).items()
        return next((media for name, media in content if _is_json(name)), None)

    def _media(self, status: int) -> dict[str, Any] | None:
        """Return the JSON body for *status*, or else the first other one."""
        media = self._json_media(status)
        return next(iter(self._content(status).values()), None) if media is None else media

    def example(self, schema: Any) -> Any:
        """Return the example in *schema*, or a value made from its properties."""
        return sample(schema, self.resolve)

    def _schema(self, media: dict[str, Any]) -> dict[str, Any]:
        # The whole document is included so that references resolve. Its fields are not keywords of JSON Schema.
        return {**self.content, "allOf": [media.get("schema", True)]}

    def resolve(self, node: Any) -> Any:
        """Return *node*, or the node that its `$ref` points to; raise DocumentError if that is missing or circular."""
        for _ in range(16):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node
            node = self.at(node["$ref"])
        raise self._error(f"the reference {node['$ref']} is circular")

    def at(self, reference: str) -> Any:
        """Return the node that *reference* points to; raise DocumentError if there is none in the document."""
        node = self.content
        if not reference.startswith("#/"):
            raise self._error(f"the reference {reference} leads out of the document; it must start with #/")
        # In a URL fragment, percent-encoding is decoded before the pointer is split (RFC 6901, section 6).
        for step in map(_unescape, unquote(reference.removeprefix("#/")).split("/")):
            if isinstance(node, dict) and step in node:
                node = node[step]
            elif isinstance(node, list) and step in map(str, range(len(node))):
                node = node[int(step)]
            else:
                raise self._error(f"the reference {reference} has no target in the document")
        return node

    def _mapping(self, node: Any, key: str) -> dict[str, Any]:
        value = node.get(key) if isinstance(node, dict) else None
        if not isinstance(value, dict) or not value:
            raise self._error(f"`{key}` is missing or empty")
        return value

    def _error(self, message: str) -> DocumentError:
        return DocumentError(f"{self.name}: {message}")


def _is_json(media_type: str) -> bool:
    return media_type.partition(";")[0].strip().endswith("json")


def _url(server: dict[str, Any]) -> str:
    url: str = server["url"]
    for name, variable in (server.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", variable["default"])
    return url


def _resource(name: str) -> bytes:
    return package_files.content("together_rerank_spec", name)


def _parse_file(path: Path) -> Any:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror}") from error
    except YamlError as error:
        raise DocumentError(f"{path}: {error}") from error


def _extended(path: Path, overlay: dict[str, Any]) -> Path:
    """Return the document that the overlay in the file *path* extends; its name there is relative to *path*."""
    extends = overlay.get("extends")
    if not isinstance(extends, str) or "://" in extends:
        raise DocumentError(f"{path}: the field `extends` of this overlay must be the path of its document, not a URL")
    return path.parent / unquote(extends)


def _unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
