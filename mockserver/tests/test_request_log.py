"""The log has one line per request, as text or JSON, and never delays the server."""

import json
import os
import re
import time

import pytest

from together_rerank_mockserver.state.request_log import RequestLog


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    # Leave the writer open: a log with unwritten lines would write them to the next file with its number.
    os.close(reader)


def text(reader):
    chunks = []
    while True:
        try:
            chunks.append(os.read(reader, 65536))
        except BlockingIOError:
            return b"".join(chunks).decode()


def test_a_line_has_the_method_path_status_time_and_reason(pipe):
    reader, writer = pipe
    log = RequestLog(writer)

    log.record("POST", "/v1/rerank", 200, 1.26, "")
    log.record("POST", "/v1/rerank", 404, 0.5, "no such model")
    log.flush()

    assert text(reader) == "POST /v1/rerank 200 1.3 ms\nPOST /v1/rerank 404 0.5 ms no such model\n"


def test_a_json_line_has_the_same_fields(pipe):
    reader, writer = pipe

    log = RequestLog(writer, as_json=True)

    log.record("POST", "/é", 404, 0.5, "no")
    log.flush()

    assert json.loads(text(reader)) == {
        "event": "request",
        "method": "POST",
        "path": "/é",
        "status": 404,
        "ms": 0.5,
        "reason": "no",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_a_request_cannot_forge_a_line_or_exceed_its_length(pipe, as_json):
    reader, writer = pipe

    log = RequestLog(writer, as_json=as_json)

    log.record("P\nOST", "/\x1b[31m\nGET / 200" + "é" * 5_000, 404, 1.0, "\r" + "x" * 5_000)
    log.flush()

    line = text(reader)
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert len(line.encode()) < 4096


def test_lines_are_dropped_and_counted_while_the_pipe_blocks(pipe):
    reader, writer = pipe
    log = RequestLog(writer)

    for number in range(30_000):
        log.record("POST", f"/{number}", 200, 1.0, "")
    assert log.dropped
    written = text(reader)
    while log.queue.unfinished_tasks:
        written += text(reader)
    written += text(reader)
    log.record("POST", "/again", 200, 1.0, "")
    log.flush()
    written += text(reader)

    numbers = [int(number) for number in re.findall("^POST /([0-9]+) 200 1.0 ms$", written, re.MULTILINE)]
    dropped = [
        int(number)
        for number in re.findall(r"^\(([0-9]+) lines dropped because stderr blocked\)$", written, re.MULTILINE)
    ]
    assert 1_000 < len(numbers) < 10_000
    assert numbers == sorted(set(numbers))
    assert len(numbers) + sum(dropped) == 30_000
    assert written.endswith("POST /again 200 1.0 ms\n")


def test_a_closed_pipe_is_ignored(capfd):
    reader, writer = os.pipe()
    log = RequestLog(writer)
    os.close(reader)

    log.record("POST", "/", 200, 1.0, "")
    log.flush()

    assert log.queue.unfinished_tasks == 0
    assert capfd.readouterr() == ("", "")


def test_flush_does_not_wait_for_a_reader_that_does_not_read(pipe):
    reader, writer = pipe
    log = RequestLog(writer)
    for number in range(5_000):
        log.record("POST", f"/{number}", 200, 1.0, "")

    began = time.monotonic()
    log.flush()

    assert time.monotonic() - began < 30
    while log.queue.unfinished_tasks:  # otherwise its thread would write to the next file with this descriptor
        text(reader)
