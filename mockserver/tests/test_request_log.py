"""A line per request, for people or machines, at nobody's expense."""

import json
import os

import pytest

from together_rerank_mockserver.request_log import RequestLog


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(writer)
    os.close(reader)


def text(reader):
    chunks = []
    while True:
        try:
            chunks.append(os.read(reader, 65536))
        except BlockingIOError:
            return b"".join(chunks).decode()


def test_a_line_tells_method_path_status_time_and_reason(pipe):
    reader, writer = pipe
    log = RequestLog(writer)

    log.record("POST", "/v1/rerank", 200, 1.26, "")
    log.record("POST", "/v1/rerank", 404, 0.5, "no such model")

    assert text(reader) == "POST /v1/rerank 200 1.3 ms\nPOST /v1/rerank 404 0.5 ms no such model\n"


def test_json_lines_hold_the_same(pipe):
    reader, writer = pipe

    RequestLog(writer, as_json=True).record("POST", "/é", 404, 0.5, "no")

    assert json.loads(text(reader)) == {
        "event": "request",
        "method": "POST",
        "path": "/é",
        "status": 404,
        "ms": 0.5,
        "reason": "no",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_no_request_can_forge_or_stretch_a_line(pipe, as_json):
    reader, writer = pipe

    RequestLog(writer, as_json=as_json).record(
        "P\nOST", "/\x1b[31m\nGET / 200" + "é" * 5_000, 404, 1.0, "\r" + "x" * 5_000
    )

    line = text(reader)
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert len(line.encode()) < 4096


def test_a_pipe_that_nobody_reads_costs_lines_and_not_time(pipe):
    reader, writer = pipe
    log = RequestLog(writer)

    for number in range(10_000):
        log.record("POST", f"/{number}", 200, 1.0, "")
    written = text(reader).splitlines()
    log.record("POST", "/again", 200, 1.0, "")

    assert 100 < len(written) < 10_000
    assert text(reader).splitlines() == [
        f"({10_000 - len(written)} lines dropped: nobody read them)",
        "POST /again 200 1.0 ms",
    ]


def test_a_closed_pipe_is_survived():
    reader, writer = os.pipe()
    log = RequestLog(writer)
    os.close(reader)

    log.record("POST", "/", 200, 1.0, "")
    os.close(writer)

    assert log._dropped == 1
