"""The page docs/client-faults.md matches the behaviour of real clients."""

import subprocess
import sys

import pytest

from mock_process import environment
from snippets import ROOT


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_page_about_faults_matches_the_real_clients():
    ran = subprocess.run(
        [sys.executable, ROOT / "tests/client_table.py"],
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (ROOT / "docs/client-faults.md").read_text(), "run: make clients"
