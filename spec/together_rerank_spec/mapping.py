"""The extension `x-rerank`: where things are in the messages of a rerank operation.

The kit works with one form of request and response, the canonical form, which has the names of Together's API. A
`Mapping` reads a request of another API into this form, and writes a canonical response in the form of that API.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from together_rerank_spec import package_files
from together_rerank_spec.validation import Validator

EXTENSION = "x-rerank"
_MISSING = object()
_REQUEST = ("model", "query", "documents", "top_n", "return_documents", "rank_fields")
_RESPONSE = ("id", "object", "model", "results", "usage")
# A canonical name in backticks, or a member of a result, in a text for people.
_NAME = re.compile(r"`([a-z_]+(?:\.[a-z_]+)?)`|\bresults\[(\d+)\](?:\.(index|relevance_score|document)\b)?")
# The values of `error` that are not places.
_NOT_PLACES = ("statuses", "messages")
# What an API that reads values leniently takes for true.
_TRUE = (True, "1", "t", "y", "yes", "on", "true")
# The mapping of an operation without the extension, and the canonical form itself.
CANONICAL: dict[str, Any] = {
    "request": {**{name: f"/{name}" for name in _REQUEST}, "returns_documents": True},
    "response": {
        "results": "/results",
        "index": "/index",
        "score": "/relevance_score",
        "document": "/document",
        "text": "/text",
        "not_returned": {},
        "id": "/id",
        "model": "/model",
        "usage": "/usage",
        "prompt_tokens": "/usage/prompt_tokens",
        "total_tokens": "/usage/total_tokens",
    },
    "error": {name: f"/error/{name}" for name in ("message", "type", "param", "code")},
}


class MappingError(ValueError):
    """The extension is malformed; the message names the place in it."""


@dataclass(frozen=True)
class Mapping:
    """The value of `x-rerank`; raises MappingError if it does not match its JSON Schema.

    Attributes:
        places: the value of the extension.
    """

    places: dict[str, Any]

    def __post_init__(self) -> None:
        violations = _validator().violations(self.places)
        if violations:
            raise MappingError(f"/{EXTENSION}{violations[0].pointer} {violations[0].message}")

    @cached_property
    def is_canonical(self) -> bool:
        """Whether messages have the canonical form, so that they need no translation."""
        return {**self.places, "error": self._error_places} == CANONICAL

    @cached_property
    def _error_places(self) -> dict[str, Any]:
        return {name: place for name, place in self.places["error"].items() if name not in _NOT_PLACES}

    @property
    def can_omit_documents(self) -> bool:
        """Whether the API has responses without documents."""
        places = self.places["request"]
        return "return_documents" in places or not places.get("returns_documents", False)

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return *body*, the body of a request, in the canonical form, with the defaults of the API."""
        if self.is_canonical:
            return body
        return {"return_documents": self.places["request"].get("returns_documents", False), **self.read_request(body)}

    def read_request(self, body: Any) -> dict[str, Any]:
        """Return *body*, a JSON value, as a canonical request: the members that it has at their places."""
        places = self.places["request"]
        found = {name: _at(body, places[name]) for name in _REQUEST if name in places}
        given = {name: value for name, value in found.items() if value is not _MISSING and value is not None}
        canonical = {name: _strict(name, value) for name, value in given.items()}
        if "all_results" in places and canonical.get("top_n") == places["all_results"]:
            canonical.pop("top_n", None)
        if not canonical.get("rank_fields") and isinstance(canonical.get("documents"), list):
            canonical["documents"] = self.texts(canonical["documents"])
        return canonical

    def write_request(self, canonical: dict[str, Any], *, texts_in_objects: bool) -> dict[str, Any]:
        """Return *canonical* as a request of the API, without the members that the API has no place for.

        With *texts_in_objects*, each document that is a string is put into an object.
        """
        places = self.places["request"]
        body: dict[str, Any] = {}
        for name in _REQUEST:
            if name in canonical and name in places:
                value = canonical[name]
                if name == "documents" and texts_in_objects and "text" in places and isinstance(value, list | tuple):
                    value = [_put({}, places["text"], each) if isinstance(each, str) else each for each in value]
                _put(body, places[name], value)
        return body

    def texts(self, documents: list[Any]) -> list[Any]:
        """Return *documents* of a request; in place of an object, its text if the mapping has a place for it."""
        return [self._text(each) for each in documents] if "text" in self.places["request"] else documents

    def model(self, body: Any) -> Any:
        """Return the model that the request *body* names; None if it names none."""
        for name in self._steps_to_model:
            body = body.get(name) if isinstance(body, dict) else None
        return body if self._steps_to_model else None

    @cached_property
    def _steps_to_model(self) -> tuple[str, ...]:
        return _steps(self.places["request"].get("model", ""))

    def _text(self, document: Any) -> Any:
        text = _at(document, self.places["request"]["text"])
        return document if text is _MISSING else text

    def status(self, kind: str, default: int) -> int:
        """Return the status of errors of this *kind*, such as `invalid_request`."""
        status: int = self.places["error"].get("statuses", {}).get(kind, default)
        return status

    def message(self, kind: str, values: dict[str, str]) -> str | None:
        """Return the API's own message of errors of this *kind*, with *values* for its placeholders.

        Return None if the message is not known, or if a value is missing.
        """
        message: str | None = self.places["error"].get("messages", {}).get(kind)
        try:
            return message and message.format_map(values)
        except KeyError:
            return None

    def place(self, pointer: str) -> str:
        """Return the place in the API's request of *pointer*, a place in the canonical request."""
        name, _, rest = pointer.removeprefix("/").partition("/")
        place: str | None = self.places["request"].get(name)
        return pointer if place is None else f"{place}/{rest}" if rest else place

    def place_of_error(self, name: str) -> str:
        """Return the first place of *name*, such as `type`, in the body of an error; a place below `/error` if none."""
        places = self.places["error"].get(name, f"/error/{name}")
        return str(places[0] if isinstance(places, list) else places)

    def response(self, canonical: Any, template: Any) -> Any:
        """Return *canonical*, the canonical body of a 200, in the form of the API.

        What the mapping has no place for is as in *template*, the body of a 200 with at least one result.
        """
        places = self.places["response"]
        body = _copied(template)
        listed = _at(body, places["results"])
        of_results = self._result({}, listed[0]) if isinstance(listed, list) and listed else {}
        if isinstance(canonical, list):  # a fault: the body is the list of results
            return [self._result(each, of_results) for each in canonical]
        for name in ("id", "model"):
            body = _put(body, places.get(name), canonical.get(name, _MISSING))
        usage = canonical.get("usage", _MISSING)
        counts = usage if isinstance(usage, dict) else {}
        for name in ("prompt_tokens", "total_tokens"):
            body = _put(body, places.get(name), counts.get(name, _MISSING))
        if usage is not counts:
            body = _put(body, places.get("usage"), usage)
        if isinstance(body, dict):
            body |= {name: value for name, value in canonical.items() if name not in _RESPONSE}
        results = canonical.get("results", _MISSING)
        if isinstance(results, list):
            results = [self._result(each, of_results) for each in self._ordered(results)]
        return _put(body, places["results"], results)

    def check_success(self, template: Any) -> None:
        """Raise MappingError if *template*, the body of a 200, has no results, index or score at their places."""
        places = self.places["response"]
        results = _at(template, places["results"])
        nodes = {"results": template}
        if isinstance(results, list) and results:
            nodes |= {"index": results[0], "score": results[0]}
        for name, node in nodes.items():
            if isinstance(node, dict) and _at(node, places[name]) is _MISSING:
                raise MappingError(f"/{EXTENSION}/response/{name}: the 200 response has no {places[name]}")

    def _ordered(self, results: list[Any]) -> list[Any]:
        """Return *results* in the order of the request if the API does not sort them."""
        if self.places["response"].get("sorted", True) or not all(type(each.get("index")) is int for each in results):
            return results
        return sorted(results, key=lambda each: int(each["index"]))

    def _result(self, canonical: Any, template: Any) -> Any:
        if not isinstance(canonical, dict):
            return canonical
        places = self.places["response"]
        result = _copied(template)
        result = _put(result, places["index"], canonical.get("index", _MISSING))
        result = _put(result, places["score"], canonical.get("relevance_score", _MISSING))
        return _put(result, places.get("document"), self._document(canonical.get("document", _MISSING)))

    def _document(self, canonical: Any) -> Any:
        places = self.places["response"]
        if canonical == {}:
            return places.get("not_returned", _MISSING)
        if not isinstance(canonical, dict) or "text" not in canonical:
            return canonical
        return _put({}, places.get("text", ""), canonical["text"])

    def read_response(self, body: Any) -> dict[str, Any]:
        """Return *body*, the body of any response, in the canonical form: the members that it has at their places.

        In place of a member of another type than expected is the value itself.
        """
        if self.is_canonical:
            return body if isinstance(body, dict) else {}
        places = self.places["response"]
        members = _found(body, {name: places[name] for name in ("id", "model", "results", "usage") if name in places})
        if isinstance(members.get("results"), list):
            members["results"] = [self._read_result(each) for each in members["results"]]
        elif not places["results"]:  # the body of an error is not the list of results
            members.pop("results", None)
        if isinstance(members.get("usage"), dict):
            members["usage"] = self._read_usage(body)
        error = _found(body, self._error_places)
        return {**members, "error": error} if error.get("message") else members

    def _read_result(self, result: Any) -> Any:
        places = self.places["response"]
        if not isinstance(result, dict):
            return result
        names = {"index": places["index"], "relevance_score": places["score"], "document": places.get("document")}
        members = _found(result, {name: place for name, place in names.items() if place})
        if "document" in members:
            members["document"] = self._read_document(members["document"])
        return members

    def _read_document(self, document: Any) -> Any:
        places = self.places["response"]
        if document is None or document == places.get("not_returned", _MISSING):
            return {}
        if places.get("text") == "" and isinstance(document, dict):
            # An API that returns texts may return an object as it is, or the text in an object.
            text = document.get("text") if "text" in self.places["request"] else None
            return {"text": text if isinstance(text, str) else json.dumps(document, ensure_ascii=False)}
        return _found(document, {"text": places.get("text", "")})

    def _read_usage(self, body: Any) -> dict[str, Any]:
        """Return the counts of tokens in *body*; an API that counts only the total has it in place of the others."""
        places = self.places["response"]
        total = places.get("total_tokens")
        counts = {"prompt_tokens": places.get("prompt_tokens", total), "total_tokens": total}
        return _found(body, {name: place for name, place in counts.items() if place})

    def in_words_of_the_api(self, text: str) -> str:
        """Return *text* with the names of the API in place of the canonical ones in backticks and in `results[0]`."""
        return text if self.is_canonical else _NAME.sub(self._renamed, text)

    def _renamed(self, match: re.Match[str]) -> str:
        name, position, member = match.groups()
        if name is not None:
            return f"`{self._names.get(name, name)}`".replace("``", "list of results")
        return f"{self._names['results']}[{position}]" + (f".{self._names.get(member, member)}" if member else "")

    @cached_property
    def _names(self) -> dict[str, str]:
        """The API's name of each canonical name, in dotted form."""
        response, error = self.places["response"], self._error_places
        result = {
            "index": response["index"],
            "relevance_score": response["score"],
            "document": response.get("document"),
        }
        counts = {f"usage.{name}": response.get(name) for name in ("prompt_tokens", "total_tokens")}
        texts = {"document.text": result["document"] and result["document"] + response.get("text", "")}
        of_response = {name: response.get(name) for name in ("id", "model", "results", "usage")}
        of_error = {f"error.{name}": place for name, place in error.items() if isinstance(place, str)}
        of_request = {name: self.places["request"].get(name) for name in _REQUEST}
        places = {**of_response, **result, **counts, **texts, **of_error, **of_request}
        return {name: ".".join(_steps(place)) for name, place in places.items() if place is not None}

    def error(self, canonical: dict[str, Any], template: Any, status: int) -> Any:
        """Return *canonical*, the body of an error, in the form of the API, on the basis of *template*."""
        body, values = _copied(template), {**canonical["error"], "status": status}
        for name, places in self._error_places.items():
            listed = places if isinstance(places, list) else [places]
            present = next((each for each in listed if _at(body, each) is not _MISSING), None)
            if name in values and (present or name != "status"):
                body = _put(body, present or listed[-1], values[name])
        return body


def _found(node: Any, places: dict[str, Any]) -> dict[str, Any]:
    """Return the values that *node* has at *places*; of a list of places, the value at the first that it has."""
    values = {
        name: next((value for each in listed if (value := _at(node, each)) is not _MISSING), _MISSING)
        for name, place in places.items()
        if (listed := place if isinstance(place, list) else [place])
    }
    return {name: value for name, value in values.items() if value is not _MISSING}


def _strict(name: str, value: Any) -> Any:
    """Return *value* of the canonical field *name* in its own type; some APIs take `"2"`, `"true"` and a lone text."""
    match name, value:
        case "documents", str():
            return [value]
        case "top_n", bool():
            return int(value)
        case "top_n", str() if re.fullmatch("[0-9]{1,18}", value):
            return int(value)
        case "return_documents", int() | str():
            return value in _TRUE
    return value


def _copied(node: Any) -> Any:
    """Return a copy of *node*, a JSON value; faster than `copy.deepcopy`."""
    if isinstance(node, dict):
        return {name: _copied(value) for name, value in node.items()}
    return [_copied(each) for each in node] if isinstance(node, list) else node


def value_at(node: Any, pointer: str) -> Any:
    """Return the value at *pointer*, a JSON Pointer, in *node*; None if there is none."""
    value = _at(node, pointer)
    return None if value is _MISSING else value


def _at(node: Any, pointer: str) -> Any:
    """Return the value at *pointer* in *node*; a sentinel if there is none."""
    for step in _steps(pointer):
        if isinstance(node, list) and step in map(str, range(len(node))):
            node = node[int(step)]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            return _MISSING
    return node


@lru_cache
def _steps(pointer: str) -> tuple[str, ...]:
    """Return the names in *pointer*, a JSON Pointer."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def _put(node: Any, pointer: str | None, value: Any) -> Any:
    """Return *node*, or an object in its place, with *value* at *pointer*; without what is there if it is missing."""
    if pointer is None:
        return node
    names = _steps(pointer)
    if not names:
        return {} if value is _MISSING else value
    node = node if isinstance(node, dict | list) else {}
    holder = node
    for name, following in pairwise(names):
        key = _key(holder, name, pointer)
        child = holder[key] if isinstance(holder, list) else holder.get(key)
        if not isinstance(child, dict) and not (isinstance(child, list) and following.isdigit()):
            child = holder[key] = {}
        holder = child
    key = _key(holder, names[-1], pointer)
    if value is not _MISSING:
        holder[key] = value
    elif isinstance(holder, list) or key in holder:
        del holder[key]
    return node


def _key(holder: Any, name: str, pointer: str) -> Any:
    """Return the key of *name* in *holder*, an object or a list; raise MappingError if the list is too short."""
    if isinstance(holder, dict):
        return name
    if name not in map(str, range(len(holder))):
        raise MappingError(f"the place {pointer} in `{EXTENSION}` is not in the list of {len(holder)} in the example")
    return int(name)


def _validator() -> Validator:
    return Validator(json.loads(package_files.content("together_rerank_spec", "x-rerank.schema.json")))
