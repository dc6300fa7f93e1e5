"""Miniatures that speak another API: the mapping of its document renders what they read and send."""

import json

from miniature import MODEL, PATHS
from together_rerank_spec import Validator, load, value_at
from together_rerank_spec.mapping import CANONICAL

_TOGETHER = Validator(load().request_schema)


def speaking(kind, document):
    """Return the class *kind*, a miniature, in the form of the API of *document*."""
    is_valid = Validator(document.request_schema).is_valid
    return type(kind.__name__, (_Speaking, kind), {"api": document, "is_valid": staticmethod(is_valid)})


class _Speaking:
    def reply(self, method, path, headers, content):
        key = headers.get(self.api.key_header) if self.api.key_header else None
        if key is not None and self.api.key_header != "Authorization":
            headers["Authorization"] = f"Bearer {key}"
        return super().reply(method, PATHS[0] if self.api.serves(path) else "/nowhere", headers, content)

    def canonical(self, body):
        """Return the body in the form of Together's API; what is not valid stays so."""
        if not isinstance(body, dict):
            return body
        canonical = {"model": MODEL, **self.api.mapping.request(body)}
        if self.is_valid(body):
            return canonical
        places = {name: place for name, place in self.api.mapping.places["request"].items() if str(place)[:1] == "/"}
        as_sent = {name: value for name, place in places.items() if (value := value_at(body, place)) is not None}
        names = {place.split("/")[1] for place in places.values()} | {*CANONICAL["request"]}
        others = {name: body[name] for name in body.keys() - names}
        request = {**canonical, **as_sent, **others}
        return {**request, "not_valid": True} if _TOGETHER.is_valid(request) else request

    def serialise(self, body):
        return super().serialise(self.api.success_body(body))

    def refusal(self, refused):
        status, headers, content = super().refusal(refused)
        kind = "model_not_found" if "model" in str(refused) else {400: "invalid_request"}.get(status, "")
        status = self.api.mapping.status(kind, status)
        try:
            body = json.loads(content)
        except ValueError:
            return status, headers, content
        if "error" not in body:
            return status, headers, content
        error = self.api.error_body(status, {"error": body["error"]})
        if error is None or isinstance(error, str):  # no body, or a text
            return status, {**headers, "Content-Type": "text/plain"}, (error or "").encode()
        name = self.api.mapping.places["response"]["results"].lstrip("/")
        results = {name: body["results"]} if name and "results" in body else {}
        return status, headers, json.dumps({**error, **results}).encode()
