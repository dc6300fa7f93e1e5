"""The OpenAPI document of the control plane: its routes, and the document as one mock serves it."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import orjson

from together_rerank_mockserver.faults.fault import COMMON_PARAMETERS, Fault
from together_rerank_mockserver.faults.status import StatusFault
from together_rerank_spec import Document, package_files

_METHODS = ("get", "post", "put", "delete")


@cache
def read() -> dict[str, Any]:
    """Return the document without what differs between mocks. Treat as immutable."""
    document: dict[str, Any] = orjson.loads(package_files.content(__package__, "admin.openapi.json"))
    return document


@cache
def operations() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the operations by path and method; each has all of its parameters, resolved."""
    common = read()["components"]["parameters"]
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for path, item in read()["paths"].items():
        shared = [common[each["$ref"].rpartition("/")[2]] for each in item["parameters"]]
        found[path] = {
            method.upper(): {**item[method], "parameters": [*shared, *item[method].get("parameters", ())]}
            for method in _METHODS
            if method in item
        }
    return found


def served(document: Document, faults: Sequence[Fault], paths: Sequence[str], url: str) -> dict[str, Any]:
    """Return the document of a mock at *url* with *faults*, whose operation is that of *document*, at *paths*."""
    content = deepcopy(read())
    content["servers"] = [{"url": url}]
    schemas = content["components"]["schemas"]
    schemas["RerankRequest"] = _inlined(document, document.request_schema["allOf"][0])
    schemas["Path"]["enum"] = list(paths)
    schemas["FaultName"]["enum"] = [fault.name for fault in faults]
    by_parameters = sorted((each for each in faults if not isinstance(each, StatusFault)), key=attrgetter("parameters"))
    for parameters, group in groupby(by_parameters, key=attrgetter("parameters")):
        title = f"FaultWith{parameters[0].title()}" if parameters else "NamedFault"
        schemas[title] = _spec([each.name for each in group], (*parameters, *COMMON_PARAMETERS))
        schemas["Fault"]["anyOf"].append({"$ref": f"#/components/schemas/{title}"})
    return content


def with_token(content: dict[str, Any]) -> dict[str, Any]:
    """Return *content*, the document of a mock, with the token that each request needs."""
    schemes = {"token": {"type": "http", "scheme": "bearer"}}
    components = {**content["components"], "securitySchemes": schemes}
    return {**content, "components": components, "security": [{"token": []}]}


def _spec(names: list[str], parameters: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of the faults *names* with *parameters*: as that of a delay, but with a name."""
    delay = read()["components"]["schemas"]["DelayFault"]
    own = {name: {"$ref": f"#/components/schemas/FaultParameters/properties/{name}"} for name in parameters}
    properties = {**delay["properties"], "fault": {"enum": names}, **own}
    return {"type": "object", "required": ["fault"], "additionalProperties": False, "properties": properties}


def _inlined(document: Document, schema: Any, around: frozenset[str] = frozenset()) -> Any:
    """Return *schema* of *document* with the targets of its references; a reference to a schema *around* it is `{}`."""
    if isinstance(schema, dict) and isinstance(reference := schema.get("$ref"), str):
        return {} if reference in around else _inlined(document, document.at(reference), around | {reference})
    if isinstance(schema, dict):
        return {key: _inlined(document, value, around) for key, value in schema.items()}
    return [_inlined(document, each, around) for each in schema] if isinstance(schema, list) else schema
