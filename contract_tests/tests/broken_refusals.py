"""Servers that break one thing each, of what the mock's faults cannot express: whom and what they refuse, and how.

`breaks` are the requirements of the first layer that must fail, `breaks_fuzz` those that Schemathesis judges.
"""

import json

from miniature import KEY, MODEL, PATHS, Miniature, Refused


class IgnoresTheKey(Miniature):
    breaks = {"RR-AUTH-001", "RR-AUTH-002"}
    breaks_fuzz = {"RR-FUZZ-009"}

    def authenticate(self, headers):
        """Everybody is welcome."""


class TakesAnyKey(Miniature):
    breaks = {"RR-AUTH-002"}
    breaks_fuzz = {"RR-FUZZ-009"}

    def authenticate(self, headers):
        if not headers.get("Authorization", "").startswith("Bearer "):
            raise Refused(401, "the key is missing")


class ForbidsInsteadOf401(Miniature):
    breaks = {"RR-AUTH-001", "RR-AUTH-002", "RR-AUTH-003"}

    def authenticate(self, headers):
        if headers.get("Authorization") != f"Bearer {KEY}":
            raise Refused(403, "the key is missing or wrong")


class NamesNoKeyAs400(Miniature):
    """A wrong key is told as it should be."""

    breaks = {"RR-AUTH-001"}

    def authenticate(self, headers):
        if "Authorization" not in headers:
            raise Refused(400, "the key is missing")
        super().authenticate(headers)


class AcceptsInvalidRequests(Miniature):
    breaks = {"RR-ERROR-002"}
    breaks_fuzz = {"RR-FUZZ-005"}

    def validate(self, request):
        if not isinstance(request, dict):
            raise Refused(400, "must be an object")
        request["query"] = str(request.get("query"))
        documents = request.get("documents")
        documents = documents if isinstance(documents, list) else []
        request["documents"] = [each if isinstance(each, str | dict) else str(each) for each in documents]
        request["model"] = request["model"] if isinstance(request.get("model"), str) else MODEL
        if not isinstance(request.get("top_n"), int):
            request.pop("top_n", None)
        if not isinstance(request.get("rank_fields"), list):
            request.pop("rank_fields", None)


class IgnoresUnknownFields(Miniature):
    """A misspelt `top_k` is ignored."""

    breaks = set()
    breaks_fuzz = {"RR-FUZZ-005"}

    def validate(self, request):
        known = ("model", "query", "documents", "top_n", "return_documents", "rank_fields")
        super().validate(
            {key: request[key] for key in known if key in request} if isinstance(request, dict) else request
        )


class SaysUnprocessable(Miniature):
    breaks = set()
    breaks_fuzz = {"RR-FUZZ-002"}

    def validate(self, request):
        try:
            super().validate(request)
        except Refused as refused:
            raise Refused(422, str(refused)) from None


class ErrorsAsHtml(Miniature):
    breaks = {"RR-ERROR-001"}
    breaks_fuzz = {"RR-FUZZ-003"}

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        return status, {**headers, "Content-Type": "text/html"}, f"<html><h1>{refused.status}</h1></html>".encode()


class ErrorsOfAnotherForm(Miniature):
    """As FastAPI has them."""

    breaks = {"RR-ERROR-001"}
    breaks_fuzz = {"RR-FUZZ-004"}

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        return status, headers, json.dumps({"detail": str(refused)}).encode()


class ErrorsWithResults(Miniature):
    breaks = {"RR-RESPONSE-006"}

    def refusal(self, refused):
        status, headers, content = super().refusal(refused)
        return status, headers, json.dumps({**json.loads(content), "results": [{"index": 0}]}).encode()


class ErrorsThatChange(Miniature):
    breaks = {"RR-ERROR-004"}

    def refusal(self, refused):
        if next(self.calls) % 2 and refused.status == 400:
            refused.status = 404
        return super().refusal(refused)


class ServesAnyModel(Miniature):
    breaks = {"RR-ERROR-003"}

    def check_model(self, model):
        """Whatever it is called, it is the one."""


class AcceptsGet(Miniature):
    breaks = set()
    breaks_fuzz = {"RR-FUZZ-007"}

    def reply(self, method, path, headers, content):
        if method == "GET" and path in PATHS and headers.get("Authorization") == f"Bearer {KEY}":
            return 200, {"Content-Type": "text/plain"}, b"rerank is POST"
        return super().reply(method, path, headers, content)


class OptionsThatLie(Miniature):
    breaks = set()
    breaks_fuzz = {"RR-FUZZ-008"}

    def reply(self, method, path, headers, content):
        if method == "OPTIONS" and path in PATHS:
            return 200, {"Allow": "GET, DELETE", "Content-Type": "application/json"}, b"{}"
        return super().reply(method, path, headers, content)


class CrashesOnAnEmptyQuery(Miniature):
    breaks = set()
    breaks_fuzz = {"RR-FUZZ-001", "RR-FUZZ-002"}

    def scores(self, query, texts, request):
        if not query:
            raise Refused(500, "division by zero")
        return super().scores(query, texts, request)


class LeavesOnAnEmptyQuery(Miniature):
    """No answer at all."""

    breaks = set()
    breaks_fuzz = {"RR-FUZZ-001"}

    def reply(self, method, path, headers, content):
        if b'"query": ""' in content:
            return None
        return super().reply(method, path, headers, content)


class RefusesAnEmptyQuery(Miniature):
    """Which the schema allows."""

    breaks = set()
    breaks_fuzz = {"RR-FUZZ-006"}

    def scores(self, query, texts, request):
        if not query.strip():
            raise Refused(400, "the query is empty")
        return super().scores(query, texts, request)


class AnotherFormForOneDocument(Miniature):
    """Found only by who sends more than is usual."""

    breaks = set()
    breaks_fuzz = {"RR-FUZZ-004"}

    def answer(self, request):
        body = super().answer(request)
        return {**body, "object": "list"} if request["documents"] == [""] else body


class LooksAtTheBodyFirst(Miniature):
    breaks = {"RR-AUTH-003"}

    def reply(self, method, path, headers, content):
        try:
            json.loads(content)
        except ValueError:
            return self.refusal(Refused(400, "the body is not JSON"))
        return super().reply(method, path, headers, content)


REFUSALS = tuple(
    kind
    for kind in globals().values()
    if isinstance(kind, type) and issubclass(kind, Miniature) and kind is not Miniature
)
