"""The pages that change the state: queue faults, set rankings, and reset namespaces."""

import re
from collections.abc import Callable
from typing import Any

from flask import Response, request

from together_rerank_mockserver.api.errors import ApiError, InvalidRequest
from together_rerank_mockserver.faults import grammar
from together_rerank_mockserver.faults.catalogue import UnknownFault
from together_rerank_mockserver.faults.fault import Fault
from together_rerank_mockserver.http.console.context import Console, given, number, see_other, without_empty
from together_rerank_mockserver.http.console.journal_page import entries, shown

# What a ranking lists, by the field of the form.
RANKINGS = {
    "indexes": "documents by index, best first, such as 2",
    "texts": "texts that documents contain, best first, such as Peru",
    "scores": "a score and an index on each line, such as 0.9 2",
    "text_scores": "a score and a text on each line, such as 0.9 Peru",
}
_SCORE = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s+(\S.*)")
_MAX_DOCUMENTS = 100
_LONGEST_TEXT = 200


def faults(console: Console) -> Response:
    """Show the queue, the catalogue, and the form for the chosen fault; queue or clear faults."""
    actions = {"queue": _queue_fault, "clear": lambda console: console.call("DELETE", "/faults")}
    problem = console.check_namespace() or _act(console, actions)
    if request.method == "POST" and problem is None:
        return see_other(console.link("faults") + "#queue")
    catalogue = console.mock.operations.state.catalogue
    wanted = given("text").casefold()
    rows = [fault.as_dict for fault in catalogue]
    return console.page(
        "faults.html.j2",
        problem.status if problem else 200,
        rows=[row for row in rows if wanted in f"{row['name']} {row['family']} {row['sentence']}".casefold()],
        text=given("text"),
        queue=console.call("GET", "/faults")["queue"],
        chosen=_chosen(console, given("fault")),
        fields=request.values,
        names=console.names,
        problem=problem and str(problem),
    )


def _chosen(console: Console, name: str) -> dict[str, Any] | None:
    """Return the fault *name* for the form; None if there is none."""
    try:
        fault: Fault = console.mock.operations.state.catalogue[name]
    except UnknownFault:
        return None
    return fault.as_dict


def _queue_fault(console: Console) -> None:
    values = without_empty({name: given(name) for name in grammar.PARAMETERS})
    try:
        spec = grammar.from_pairs(given("fault"), values, console.mock.operations.state.catalogue)
    except grammar.InvalidFaultSpec as error:
        raise InvalidRequest(str(error)) from error
    console.call("POST", "/faults", {**spec.as_dict, "times": number(given("times") or "1")})


def _act(console: Console, actions: dict[str, Callable[[Console], Any]]) -> ApiError | None:
    """Do what the button of the form says; return the error if that is refused. GET does nothing."""
    if request.method != "POST":
        return None
    try:
        act = actions.get(given("do"))
        if act is None:
            raise InvalidRequest(f"`do` must be one of {', '.join(actions)}")
        act(console)
    except ApiError as error:
        return error
    return None


def rankings(console: Console) -> Response:
    """Show the rankings that are set, and a form for one; set or clear them."""
    actions = {"set": _set_ranking, "clear": lambda console: console.call("DELETE", "/ranking")}
    problem = console.check_namespace() or _act(console, actions)
    if request.method == "POST" and problem is None:
        return see_other(console.link("rankings") + "#set")
    order = request.args.getlist("order")
    return console.page(
        "rankings.html.j2",
        problem.status if problem else 200,
        state=console.call("GET", "/ranking"),
        kinds=RANKINGS,
        kind=given("kind") or "indexes",
        lines=request.form.get("lines", "\n".join(order)),
        times=given("times"),
        order=order,
        documents=_last_documents(console),
        names=console.names,
        problem=problem and str(problem),
    )


def _last_documents(console: Console) -> list[str]:
    """Return the beginning of each document of the last request that has some."""
    for entry in entries(console):
        canonical = shown(console, entry).canonical
        documents = canonical.get("documents") if isinstance(canonical, dict) else None
        if documents and isinstance(documents, list):
            return [str(each)[:_LONGEST_TEXT] for each in documents[:_MAX_DOCUMENTS]]
    return []


def _set_ranking(console: Console) -> None:
    ranking = _ranking(given("kind"), [line for line in map(str.strip, given("lines").splitlines()) if line])
    if times := given("times"):
        console.call("POST", "/ranking", {**ranking, "times": number(times)})
    else:
        console.call("PUT", "/ranking", ranking)


def _ranking(kind: str, lines: list[str]) -> dict[str, Any]:
    """Return the ranking that *lines* describe, as the control plane takes it."""
    if kind == "indexes":
        if texts := [line for line in lines if isinstance(number(line), str)]:
            raise InvalidRequest(f"each line must be the index of a document, not {texts[0][:100]}")
        return {"rank": [number(line) for line in lines]}
    if kind == "texts":
        return {"rank": lines}
    if kind not in RANKINGS:
        raise InvalidRequest(f"`kind` must be one of {', '.join(RANKINGS)}")
    found = [_SCORE.fullmatch(line) for line in lines]
    if not all(found):
        wrong = lines[found.index(None)]
        raise InvalidRequest(f"each line must be {RANKINGS[kind]}, not {wrong[:100]}")
    scores = {match[2]: float(match[1]) for match in found if match}
    if len(scores) < len(lines):
        raise InvalidRequest("each index or text can have one score only")
    return {kind: scores}


def namespaces(console: Console) -> Response:
    """List the namespaces with what they hold; reset one."""
    if request.method == "POST":
        console.call("POST", "/reset")
        return see_other(console.link("namespaces", namespace=None))
    return console.page("namespaces.html.j2", rows=console.call("GET", "/namespaces")["namespaces"])
