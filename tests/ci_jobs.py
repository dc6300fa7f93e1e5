"""Run the steps of a job as GitHub Actions and GitLab do, with the kit installed from the checkout."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from mock_process import environment
from snippets import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step.get("id", "judge"): step for step in ACTION["runs"]["steps"]}
_EXPRESSION = re.compile(r"\$\{\{ (!?)([\w.-]+) \}\}")
_PACKAGES = [path for path in sys.path if path.endswith("site-packages")]
# pip installs the checkout alone, without a network; the packages that it needs are those of the tests.
OFFLINE = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PIP_IGNORE_INSTALLED": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # which disables the isolation, as pip reads it
    "PIP_NO_DEPS": "1",
    "PIP_NO_INDEX": "1",
    "PYTHONPATH": os.pathsep.join(_PACKAGES),
    "TOGETHER_RERANK_MOCK_PORT": "0",
}


class Shells:
    """Processes in *folder*; `close` ends them, and what they have left running."""

    def __init__(self, folder):
        self.folder = folder
        self._groups = []

    def run(self, command, variables):
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            self._groups.append(process.pid)
            output, _ = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, output)

    def close(self):
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


class Job:
    """A job of GitHub Actions in the empty folders *work* and *temp*: what its steps share, and the last output."""

    def __init__(self, work, temp):
        self.folder = work
        self.shells = Shells(work)
        self.variables = {**OFFLINE, "RUNNER_TEMP": str(temp), "GITHUB_ACTIONS": "true"}
        self.output = ""
        self.status = 0
        self.summary = temp / "summary"
        self._temp = temp
        self.inner = {}  # the outputs of the steps of the action

    def use(self, **inputs):
        """Run the action with *inputs*, whose names have `_` for `-`; return the status of the first step that fails.

        If the kit is already installed, it is not installed again.
        """
        names = [name for name in STEPS if name != "kit" or "steps.kit.outputs.folder" not in self.inner]
        return next(filter(None, (self.run_step(name, **inputs) for name in names)), 0)

    def run_step(self, name, **inputs):
        """Run a step of the action if its condition is true, and return its exit status."""
        step = STEPS[name]
        assert step["shell"] == "bash"
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= ACTION["inputs"].keys()
        defaults = {name: each["default"] for name, each in ACTION["inputs"].items()}
        context = {**{f"inputs.{name}": value for name, value in {**defaults, **given}.items()}, **self.inner}
        if "if" in step and not evaluated(step["if"], context):
            return 0
        found = self._shell(step["run"], {**step["env"], "GITHUB_ACTION_PATH": str(ROOT)}, context)
        self.inner |= {f"steps.{name}.outputs.{key}": value for key, value in found.items()}
        return self.status

    @property
    def outputs(self):
        return {name: evaluated(each["value"], self.inner) for name, each in ACTION["outputs"].items()}

    def run_workflow(self, steps, **secrets):
        """Run those *steps* of a workflow that use the action or have a command; return the status of the last one."""
        context = {f"secrets.{name}": value for name, value in secrets.items()}
        for step in steps:
            if step.get("uses", "").startswith("together-rerank-kit/"):
                given = {name.replace("-", "_"): evaluated(value, context) for name, value in step["with"].items()}
                self.use(**given)
                context |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in self.outputs.items()}
            elif "run" in step and not step["run"].startswith("pip install"):
                self._shell(step["run"], step.get("env", {}), context)
        return self.status

    def _shell(self, script, variables, context):
        """Run *script* in a shell of a step, and return the outputs that it sets."""
        files = {name: self._temp / name for name in ("script", "output", "env")}
        for path in files.values():
            path.write_text("")
        files["script"].write_text(script)
        own = {name: evaluated(value, context) for name, value in variables.items()}
        shared = {"GITHUB_OUTPUT": str(files["output"]), "GITHUB_ENV": str(files["env"])}
        ran = self.shells.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", files["script"]],
            {**self.variables, **shared, "GITHUB_STEP_SUMMARY": str(self.summary), **own},
        )
        self.status, self.output = ran.returncode, ran.stdout
        self.variables |= pairs(files["env"])
        return pairs(files["output"])


def evaluated(value, context):
    """Return *value* with each expression replaced by its value in *context*; an unknown one is an error."""

    def replace(match):
        negated, name = match.groups()
        found = "" if name.startswith("steps.") and name not in context else context[name]
        return ("" if found else "true") if negated else found

    assert _EXPRESSION.sub("", value).count("${{") == 0, value
    return _EXPRESSION.sub(replace, value)


def pairs(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


@contextmanager
def job(tmp_path):
    for name in ("work", "temp"):
        (tmp_path / name).mkdir()
    running = Job(tmp_path / "work", tmp_path / "temp")
    try:
        yield running
    finally:
        running.shells.close()
