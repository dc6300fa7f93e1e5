"""The log has one line per request, as text or JSON, and never delays the server."""

import json
import os
import re
import time

import pytest

from together_rerank_mockserver.api.messages import utc
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


def record(log, **changes):
    usual = {
        "time": 1_800_000_000.25,
        "method": "POST",
        "path": "/v1/rerank",
        "status": 200,
        "ms": 1.0,
        "request_id": "abc",
        "namespace": "default",
        "fault": None,
    }
    log.record({**usual, **changes})


def test_a_line_has_the_method_path_status_time_and_reason(pipe):
    reader, writer = pipe
    log = RequestLog(writer)

    record(log, ms=1.26)
    record(log, status=404, ms=0.5, reason="no such model")
    log.flush()

    assert text(reader) == "POST /v1/rerank 200 1.3 ms\nPOST /v1/rerank 404 0.5 ms no such model\n"


def test_a_json_line_has_the_documented_fields(pipe):
    reader, writer = pipe

    log = RequestLog(writer, as_json=True)

    record(log, path="/é", status=429, ms=0.5, namespace="test-a", fault="429", reason="no")
    log.flush()

    assert json.loads(text(reader)) == {
        "event": "request",
        "time": "2027-01-15T08:00:00.250000Z",
        "method": "POST",
        "path": "/é",
        "status": 429,
        "ms": 0.5,
        "request_id": "abc",
        "namespace": "test-a",
        "fault": "429",
        "reason": "no",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_a_request_cannot_forge_a_line_or_exceed_its_length(pipe, as_json):
    reader, writer = pipe

    log = RequestLog(writer, as_json=as_json)

    path, namespace = "/\x1b[31m\nGET / 200" + "é" * 5_000, "test-\x1b" + "\x85" * 190
    record(log, method="P\nOST", path=path, status=404, namespace=namespace, reason="\r" + "\U0001f600" * 5_000)
    log.flush()

    line = text(reader)
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert len(line.encode()) < 4096


def test_lines_are_dropped_and_counted_while_the_pipe_blocks(pipe):
    reader, writer = pipe
    log = RequestLog(writer)

    for number in range(30_000):
        record(log, path=f"/{number}")
    assert log.dropped
    written = text(reader)
    while log.queue.unfinished_tasks:
        written += text(reader)
    written += text(reader)
    record(log, path="/again")
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


def test_the_json_line_about_dropped_lines_has_a_time(pipe):
    reader, writer = pipe
    log = RequestLog(writer, as_json=True)
    log.dropped = 7
    began = utc(time.time())

    record(log)
    log.flush()

    dropped, _ = map(json.loads, text(reader).splitlines())
    assert began <= dropped.pop("time") <= utc(time.time())
    assert dropped == {"event": "request", "dropped": 7}


def test_a_closed_pipe_is_ignored(capfd):
    reader, writer = os.pipe()
    log = RequestLog(writer)
    os.close(reader)

    record(log)
    log.flush()

    assert log.queue.unfinished_tasks == 0
    assert capfd.readouterr() == ("", "")


def test_flush_does_not_wait_for_a_reader_that_does_not_read(pipe):
    reader, writer = pipe
    log = RequestLog(writer)
    for number in range(5_000):
        record(log, path=f"/{number}")

    began = time.monotonic()
    log.flush()

    assert time.monotonic() - began < 30
    while log.queue.unfinished_tasks:  # otherwise its thread would write to the next file with this descriptor
        text(reader)
