"""Schemathesis, with a resolver and a reading of its own, finds nothing wrong with the mock."""

import collections
import copy
import json
import signal
import subprocess
import sys

import pytest

from mock_process import environment, running
from together_rerank_spec import READINGS, load

MODEL = "Salesforce/Llama-Rank-v1"
CONFIG = f"""
seed = 20261123
headers = {{ Authorization = "Bearer test-key" }}
[parameters]
"body.model" = {{ dictionary = "models" }}
[dictionaries.models]
values = ["{MODEL}"]
[generation]
database = "none"
[cache]
enabled = false
"""
ARGUMENTS = "--config-file schemathesis.toml run spec.json --max-examples 150"


def required(document):
    """The vendored reading with the one correction without which a request without a body would be valid."""
    content = copy.deepcopy(document.content)
    content["paths"]["/rerank"]["post"]["requestBody"]["required"] = True
    return content


@pytest.mark.parametrize("reading", READINGS)
def test_schemathesis_finds_nothing(tmp_path, reading):
    (tmp_path / "spec.json").write_text(json.dumps(required(load(reading))))
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    with running("--api-key", "test-key", "--reading", reading) as mock:
        ran = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *f"{ARGUMENTS} --url {mock.url}/v1".split()],
            check=False,
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        mock.stop(signal.SIGTERM)

    assert ran.returncode == 0, ran.stdout[-6_000:] + ran.stderr[-2_000:]
    # Nothing is found either when nothing gets as far as the ranking.
    assert statuses(mock)["200"] >= 30, ran.stdout
    assert statuses(mock)["400"] >= 30, ran.stdout


def statuses(mock):
    return collections.Counter(line.split()[2] for line in mock.lines if " /v1/rerank " in line)
