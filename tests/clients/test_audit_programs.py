"""The programs of docs/audit-commands.md can be audited as the page shows. Run by `make clients-real`."""

import os
import subprocess
from pathlib import Path

from mock_process import COMMAND, environment
from snippets import PORT, is_file, shown, snippets, write_project

PAGE = "docs/audit-commands.md"


def test_the_programs_of_the_page_have_the_outcomes_below_them(tmp_path):
    packages = Path(os.environ["RERANK_KIT_NPM_CLIENTS"]) / "node_modules"
    (tmp_path / "node_modules").symlink_to(packages)
    assert write_project(PAGE, tmp_path) == ["search.py", "search.mts", "search.sh"]
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"

    for each in snippets(PAGE):
        if is_file(each):
            continue
        ran = subprocess.run(
            ["bash", "-c", each.text],
            cwd=tmp_path,
            env=environment(PATH=path),
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

        assert ran.stderr == ""
        assert shown(ran.stdout, PORT) == shown(each.output, PORT)
