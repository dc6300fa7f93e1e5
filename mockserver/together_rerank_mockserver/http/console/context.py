"""What all pages of the console need: the request, the control plane behind it, and the template around it."""

from collections.abc import Mapping
from typing import Any

from flask import Response, g, request, url_for

from together_rerank_mockserver import __version__
from together_rerank_mockserver.api import json_text
from together_rerank_mockserver.api.errors import InvalidRequest
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.http.admin import AdminRequest
from together_rerank_mockserver.http.console.sign_in import SignIn, is_https
from together_rerank_mockserver.http.wsgi import RAW_SOCKET, Mock
from together_rerank_mockserver.state.namespace import DEFAULT
from together_rerank_spec import html_page

PACKAGE = "together_rerank_mockserver.http.console"
# The pages in the navigation, by the names of their views.
_PAGES = {
    "journal": "Journal",
    "explain": "Explain",
    "faults": "Faults",
    "rankings": "Rankings",
    "namespaces": "Namespaces",
    "metrics": "Metrics",
    "report": "Reports",
}


class Console:
    """Renders the pages about one mock, for the request that Flask handles."""

    def __init__(self, mock: Mock, sign_in: SignIn) -> None:
        self.mock = mock
        self.sign_in = sign_in
        self.registry = mock.operations.state.registry

    @property
    def namespace(self) -> str:
        """The namespace that the page is about."""
        return DEFAULT if g.get("without_namespace") else given("namespace") or DEFAULT

    def check_namespace(self) -> InvalidRequest | None:
        """Return the error if the request names no namespace; the page is then about `default`."""
        try:
            self.call("GET", "/faults")
        except InvalidRequest as error:
            g.without_namespace = True
            return error
        return None

    @property
    def names(self) -> list[str]:
        """The names of all namespaces: `default` first, and that of the page."""
        return sorted({DEFAULT, self.namespace, *self.registry.names()}, key=lambda name: (name != DEFAULT, name))

    @property
    def base_url(self) -> str:
        """The URL of the mock, as the browser reaches it."""
        scheme = "https" if is_https(request) else "http"
        return f"{scheme}://{request.host}{request.script_root}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer of the control plane to a request about the namespace of the page.

        Raises ApiError if the control plane refuses it.
        """
        name, _, word = self.namespace.partition(" ")
        parameters = {"namespace": name, "word": word} if word else {"namespace": name}
        raw_socket = request.environ.get(RAW_SOCKET)
        content = b"" if body is None else to_json(body)
        sent = AdminRequest(method, path, parameters, self.base_url, lambda _: content, raw_socket is not None)
        return json_text.parse(self.mock.admin.answer(sent))

    def link(self, view: str, **values: Any) -> str:
        """Return the path of *view* with the namespace of the page, unless that is the default."""
        own = {"namespace": self.namespace} if self.namespace != DEFAULT else {}
        return url_for(f"console.{view}", **{**own, **values})

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return the page that *template* makes of *values*."""
        common = {
            "pages": _PAGES,
            "here": (request.endpoint or "").removeprefix("console."),
            "namespace": self.namespace,
            "typed": "" if g.get("has_unread_form") else given("namespace"),
            "link": self.link,
            "version": __version__,
            "as_json": lambda value: to_json(value).decode(),
            "signed_in": self.sign_in.is_signed_in(request),
        }
        return Response(html_page.render(PACKAGE, template, **{**common, **values}), status, mimetype="text/html")


def see_other(path: str) -> Response:
    """Return the answer that lets a browser load *path* with GET."""
    return Response(b"", 303, {"Location": path})


def given(name: str) -> str:
    """Return the value of the field *name* of the request; empty if it has none."""
    return request.values.get(name, "").strip()


def parse(content: bytes, what: str) -> Any:
    """Return the JSON value of *content*; raise InvalidRequest about *what* if it is none."""
    try:
        return json_text.parse(content)
    except InvalidRequest as error:
        message = str(error).replace("The body", what, 1) if content else f"{what} is empty"
        raise InvalidRequest(message) from error


def number(text: str) -> int | str:
    """Return the number from 0 that *text* is, or else *text* itself, which the control plane rejects."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def without_empty(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
