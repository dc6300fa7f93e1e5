"""What the benchmark found, as it is kept: whole, of what is pinned, and shown as it was measured."""

import copy
import dataclasses
import json
import re
from xml.etree import ElementTree as ET

import pytest

import bodies
import page
import plot
import rounds
import table
from goals import goals
from results import FILE, Results
from servers import Server
from snippets import ROOT
from together_rerank_mockserver import __version__

SERVERS = ["mock", "prism", "steady", "aimock", "mockoon", "wiremock", "flask", "wsgi"]
PACKAGES = {
    "prism": "@stoplight/prism-cli",
    "steady": "@stdy/cli",
    "aimock": "@copilotkit/aimock",
    "mockoon": "@mockoon/cli",
    "wiremock": "wiremock",
}


def made():
    """Results in which every number is 1, but that those of bodies are their sizes."""
    cells = {what: [1.0] for what in ("rate", "cpu_us", "p50_ms", "p99_ms")}
    rows = [rounds.EXAMPLE, rounds.LARGE, *rounds.FAULTS]
    return {
        "loads": {name: {row: {str(n): cells for n in rounds.CONNECTIONS} for row in rows} for name in SERVERS},
        "starts": {name: [1.0] for name in SERVERS},
        "memory": {name: {"rss_mb": [1.0], "pss_mb": [1.0]} for name in SERVERS},
        "growth": {size: {"bytes": 1, "wall_ms": [1.0], "cpu_ms": [1.0]} for size in ("1 MB", "30 MB")},
        "peak": {"bytes": 1, "rise_bytes": [1]},
        "plugin": {
            kind: {what: [1.0] for what in ("unused", "first", "each")} for kind in ("bare pytest", "rerank_mock")
        },
    }


def doctored(path, value):
    data = json.loads(json.dumps(made()))
    *above, last = path
    place = data
    for key in above:
        place = place[key]
    place[last] = [value]
    return Results(data)


def loaded(server, row, connections, what):
    return ("loads", server, row, connections, what)


# Of the goal that begins so: what is changed, to a value that is just good enough, and to one that is not.
LIMITS = {
    "CPU per request, the example, to a bare Flask": (loaded("flask", "example", "16", "cpu_us"), 1.67, 1.66),
    "CPU per request, the example, to Prism": (loaded("prism", "example", "16", "cpu_us"), 5.0, 4.9),
    "CPU per request, 98 kB, to Prism": (loaded("prism", "98 kB", "16", "cpu_us"), 6.67, 6.66),
    "requests/s, the example, to Prism": (loaded("prism", "example", "16", "rate"), 0.25, 0.26),
    "requests/s, the example, to Steady": (loaded("steady", "example", "16", "rate"), 0.66, 0.67),
    "requests/s, the example, to aimock": (loaded("aimock", "example", "16", "rate"), 1.0, 1.1),
    "requests/s, the example, to a stub of WireMock": (loaded("wiremock", "example", "16", "rate"), 1.0, 1.1),
    "start to the first 200, to Prism": (("starts", "prism"), 5.0, 4.9),
    "start to the first 200, to Steady": (("starts", "steady"), 0.84, 0.83),
    "RSS, to Prism": (("memory", "prism", "rss_mb"), 1.25, 1.24),
    "time per MB": (("growth", "30 MB", "wall_ms"), 1.3, 1.31),
    "memory that a body of 30 MB takes": (("peak", "rise_bytes"), 6, 7),
    "requests/s, the example, 128": (loaded("mock", "example", "128", "rate"), 1.0, 0.9),
    "requests/s, 98 kB, 128": (loaded("mock", "98 kB", "128", "rate"), 1.0, 0.9),
    "p99, the example, 128": (loaded("mock", "example", "128", "p99_ms"), 16.0, 16.1),
    "p99, 98 kB, 128": (loaded("mock", "98 kB", "128", "p99_ms"), 16.0, 16.1),
    "CPU per request, 429 by header": (loaded("mock", "429 by header", "16", "cpu_us"), 1.0, 1.1),
    "CPU per request, 429 by model": (loaded("mock", "429 by model", "16", "cpu_us"), 1.0, 1.1),
    "CPU per request, 429 by queue": (loaded("mock", "429 by queue", "16", "cpu_us"), 1.0, 1.1),
    "plugin that is not used": (("plugin", "rerank_mock", "unused"), 21.0, 21.1),
    "plugin, first use": (("plugin", "rerank_mock", "first"), 300.0, 300.1),
    "plugin, each test": (("plugin", "rerank_mock", "each"), 2.0, 2.1),
}


def test_every_goal_has_its_limits_below():
    assert len(LIMITS) == len(goals())


@pytest.mark.parametrize("name", LIMITS)
def test_a_goal_is_met_to_its_limit_and_missed_beyond(name):
    (goal,) = [goal for goal in goals() if goal.name.startswith(name)]
    path, met, missed = LIMITS[name]

    assert goal.met(doctored(path, met))
    assert goal.missed_by(doctored(path, met)) == 0
    assert not goal.met(doctored(path, missed))
    assert 0 < goal.missed_by(doctored(path, missed)) < 0.2


RESULTS = Results.read()


def test_the_results_have_every_server_row_and_goal():
    data = RESULTS.data

    assert list(data["servers"]) == SERVERS
    for name, server in data["servers"].items():
        about = Server(name, server["title"], server["kind"], server["version"], "/", lambda port: [port])
        assert list(data["loads"][name]) == list(rounds.calls(about))
        for row, cells in data["loads"][name].items():
            connections = ["16"] if row in rounds.FAULTS else ["1", "16", "128"]
            assert list(cells) == connections
            for cell in cells.values():
                if server["kind"] == "peer" and "refused" in cell:
                    continue
                assert {len(values) for values in cell.values()} == {data["run"]["rounds"]}
                assert all(value > 0 for values in cell.values() for value in values)
        assert len(data["starts"][name]) >= 9
        assert all(len(values) == data["run"]["rounds"] for values in data["memory"][name].values())
    assert list(data["growth"]) == list(bodies.SIZES)
    assert data["run"]["rounds"] >= 3
    assert [goal.name for goal in goals() if goal.of(RESULTS) is None] == []


def test_the_results_are_of_the_versions_that_are_pinned():
    measured = {name: server["version"] for name, server in RESULTS.data["servers"].items()}
    pinned = json.loads((ROOT / "requirements/peers/package.json").read_text())["dependencies"]

    assert {PACKAGES[name]: measured[name] for name in PACKAGES} == pinned
    assert measured["mock"] == __version__


def test_the_page_shows_the_results_as_they_are():
    shown = page.FILE.read_text()

    assert table.markdown(RESULTS) in shown
    assert page.written(shown, RESULTS) == shown


def test_the_readme_shows_the_drawing_with_the_machine_and_the_day():
    assert "](benchmarks/results.svg)" in (ROOT / "README.md").read_text()

    drawn = " ".join("".join(each.itertext()) for each in ET.parse(plot.FILE).iter() if each.tag.endswith("}text"))
    for fact in (RESULTS.data["run"]["date"], RESULTS.data["machine"]["processor"]):
        assert fact in drawn


def test_a_page_gets_other_results_in_the_place_of_those_it_shows():
    other = Results(copy.deepcopy(RESULTS.data))
    other.data["run"]["date"] = "2001-02-03"

    again = page.written(page.FILE.read_text(), other)

    assert "2001-02-03" in again
    assert page.written(again, RESULTS) == page.FILE.read_text()


def test_each_goal_that_is_missed_says_why():
    assert [goal.name for goal in goals() if not goal.met(RESULTS) and not goal.because] == []


def test_the_results_name_no_machine():
    assert sorted(RESULTS.data["machine"]) == sorted(["processor", "memory", "system", "python", "wrk", "node", "java"])


def test_results_are_read_as_they_were_written(tmp_path):
    RESULTS.write(tmp_path / "results.json")

    assert Results.read(tmp_path / "results.json").data == RESULTS.data
    assert (tmp_path / "results.json").read_bytes() == FILE.read_bytes()


def test_the_plot_shows_the_numbers_of_the_results():
    texts = [each.text for each in ET.parse(plot.FILE).iter("{http://www.w3.org/2000/svg}text")]

    shown = [text for text in texts if re.fullmatch(r"[\d. ]+|-", text)]
    assert shown == [label for labels in plot.labels(RESULTS) for label in labels]
    for server in SERVERS:
        assert table.title(RESULTS, server) in texts
    assert table.about(RESULTS).split("; ")[0] in texts


def test_the_tables_tell_every_server_goal_and_median():
    text = table.markdown(RESULTS)

    for server in SERVERS:
        assert f"| {table.title(RESULTS, server)} | " in text
        assert f" / {table.number(RESULTS.load(server, 'example', 16, 'cpu_us'))} / " in text
    for fault in rounds.FAULTS:
        rate, cpu = (table.number(RESULTS.load("mock", fault, 16, what)) for what in ("rate", "cpu_us"))
        assert f"| {fault} | {rate} | {cpu} |" in text
    for goal in goals():
        assert f"| {goal.name} | " in text


def test_a_load_that_was_refused_has_no_number_but_the_reason():
    data = copy.deepcopy(RESULTS.data)
    data["loads"]["wiremock"]["example"]["16"] = {"refused": "26 connections broke"}
    refused = Results(data)

    text = table.markdown(refused)
    fewest, most = (table.number(refused.load("wiremock", "example", n, "rate")) for n in (1, 128))

    assert f"| {fewest} / - / {most} | - |" in text
    assert "No number of WireMock 3.13.2, example, 16 connections: 26 connections broke." in text
    assert "to a stub of WireMock | ≥ 1 x | - | not known: a server that it is about" in text
    assert plot.labels(refused)[0][SERVERS.index("wiremock")] == "-"


def test_a_goal_that_is_missed_says_by_how_much_and_why(monkeypatch):
    (goal,) = [goal for goal in goals() if goal.name == "RSS, to Prism"]
    monkeypatch.setattr(table, "goals", lambda: [dataclasses.replace(goal, because="it holds a model")])
    data = copy.deepcopy(RESULTS.data)
    data["memory"]["mock"]["rss_mb"] = [RESULTS.memory("prism", "rss_mb")]

    text = table.markdown(Results(data))

    assert "| RSS, to Prism | ≤ 0.8 x | 1.00 x | missed by 25%: it holds a model |" in text
