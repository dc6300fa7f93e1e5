"""The routes of the console, the access to them, and the headers of its pages."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

from flask import Blueprint, Request, Response, g, request, url_for
from werkzeug.exceptions import HTTPException

from together_rerank_mockserver.api.errors import ApiError, InvalidRequest, Unauthorized
from together_rerank_mockserver.api.messages import ADMIN, Reply
from together_rerank_mockserver.endpoint import api_error
from together_rerank_mockserver.http.console import (
    explain_page,
    journal_page,
    metrics_page,
    report_page,
    state_pages,
)
from together_rerank_mockserver.http.console.context import PACKAGE, Console, see_other
from together_rerank_mockserver.http.console.sign_in import SignIn
from together_rerank_mockserver.http.wsgi import Mock, call_of
from together_rerank_spec import html_page, package_files

# The maximum bytes of a form without documents or a report.
_MAX_FORM = 256 * 1024
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer`, browsers send `Origin: null` with a form.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FORM = ("GET", "POST")


class FormRequest(Request):
    """A request whose uploaded files stay in memory: they are bounded, and the mock may have no disk to write to."""

    def _get_file_stream(self, *_: Any, **__: Any) -> BytesIO:
        return BytesIO()


def blueprint(mock: Mock) -> Blueprint:
    """Return the console of *mock*."""
    plane = Blueprint("console", __name__, url_prefix=ADMIN)
    sign_in = SignIn(mock.settings)
    console = Console(mock, sign_in)

    def add(rule: str, name: str, view: Callable[..., Response], methods: tuple[str, ...] = ("GET",)) -> None:
        plane.add_url_rule(
            rule, name, view, methods=methods, provide_automatic_options=False, strict_slashes=rule != "/"
        )

    add("/", "journal", partial(journal_page.journal, console))
    add("/console/requests/<path:request_id>", "details", partial(journal_page.details, console))
    add("/console/explain", "explain", partial(explain_page.explain_page, console), _FORM)
    add("/console/faults", "faults", partial(state_pages.faults, console), _FORM)
    add("/console/rankings", "rankings", partial(state_pages.rankings, console), _FORM)
    add("/console/namespaces", "namespaces", partial(state_pages.namespaces, console), _FORM)
    add("/console/metrics", "metrics", partial(metrics_page.metrics, console))
    add("/console/report", "report", partial(report_page.report, console), _FORM)
    add("/console/sign-in", "sign_in", partial(_sign_in, console), _FORM)
    add("/console/sign-out", "sign_out", partial(_sign_out, console), ("POST",))
    add("/console/console.css", "style", _style)
    add("/console/console.js", "script", _script)
    plane.before_request(partial(_check, mock, sign_in))
    plane.after_request(partial(_finish, mock))
    plane.register_error_handler(Exception, partial(_problem, console))
    return plane


def _check(mock: Mock, sign_in: SignIn) -> None:
    """Check access, and bound the body. The form for the token needs the style and the script, so they are public."""
    g.call = call_of(request.environ)
    limits = {"console.explain": mock.settings.max_body, "console.report": report_page.MAX_REPORT}
    limit = limits.get(request.endpoint or "", _MAX_FORM)
    request.max_content_length = request.max_form_memory_size = limit
    if request.endpoint in ("console.sign_in", "console.sign_out"):
        sign_in.check_form(request)
    elif request.endpoint not in ("console.style", "console.script"):
        sign_in.check(request)


def _finish(mock: Mock, response: Response) -> Response:
    """Add the headers of a page; log forms and errors, but not each refresh of a page."""
    response.headers.update(_HEADERS)
    if request.method == "POST" or response.status_code >= 400:
        mock.operations.state.recorder.log(g.call, Reply(response.status_code, b""), g.get("reason"))
    return response


def _problem(console: Console, error: Exception) -> Response:
    """Return the page about *error*: the form for the token if the browser is not signed in."""
    if isinstance(error, HTTPException):
        g.has_unread_form = g.without_namespace = True
        return console.page("problem.html.j2", error.code or 500, title=error.name, message=error.description, hint="")
    refused = api_error(error)
    g.reason = str(refused)
    g.without_namespace = isinstance(refused, InvalidRequest)  # which may be about the namespace
    if isinstance(refused, Unauthorized):
        return _form(console, 401)
    return console.page(
        "problem.html.j2", refused.status, title=_title(refused), message=str(refused), hint=_hint(refused)
    )


def _title(error: ApiError) -> str:
    titles = {400: "Not valid", 403: "The console is closed", 404: "Not found", 501: "Not with this setup"}
    return titles.get(error.status, "The mock cannot answer")


def _hint(error: ApiError) -> str:
    if error.status != 403:
        return ""
    return "To open the console, start the mock with `--admin-token TOKEN`; this page then asks for the token."


def _form(console: Console, status: int, message: str = "", onward: str = "") -> Response:
    """Return the form for the token, which leads to the path *onward*, or back to this page."""
    return console.page(
        "sign_in.html.j2", status, message=message, onward=onward or request.script_root + request.full_path
    )


def _sign_in(console: Console) -> Response:
    home = url_for("console.journal")
    if request.method == "GET":
        return _form(console, 200, onward=home)
    onward = request.form.get("onward", "")
    if not console.sign_in.accepts(request.form.get("token", "")):
        return _form(console, 401, "This is not the token of --admin-token.", onward)
    # A path that begins with that of the console cannot lead to another host.
    is_own = onward.startswith(home) and onward.isprintable()
    response = see_other(onward if is_own else home)
    console.sign_in.set_cookie(response, request, request.script_root + ADMIN)
    return response


def _sign_out(console: Console) -> Response:
    response = see_other(url_for("console.sign_in"))
    console.sign_in.delete_cookie(response, request.script_root + ADMIN)
    return response


def _style() -> Response:
    return Response(html_page.render(PACKAGE, "console.css.j2"), mimetype="text/css")


def _script() -> Response:
    return Response(package_files.content(PACKAGE, "console.js"), mimetype="text/javascript")
