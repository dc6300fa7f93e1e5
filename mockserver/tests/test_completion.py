"""The command `completion`, and what its scripts complete."""

import os
import shutil
import subprocess

import pytest

from command_runner import assert_refused, run
from mock_process import COMMAND, environment
from snippets import ROOT
from together_rerank_mockserver.cli.completion import VARIABLE

PATH = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
SHELLS = ("bash", "zsh", "fish")
# Call the function that bash calls for the words "$@", and print what it completes the last one to.
IN_BASH = """
eval "$(together-rerank-mock completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_together_rerank_mock_completion "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def in_bash(*words, **changes):
    """Return the completions of the last of *words* in bash; the command must print nothing to stderr."""
    line = ["bash", "-c", IN_BASH, "bash", COMMAND.name, *words]
    env = environment(PATH=PATH, **changes)
    ran = subprocess.run(line, env=env, check=True, capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["ser"], ["serve"]),
        (["fixtures", ""], ["export", "list", "show"]),
        (["serve", "--lat"], ["--latency", "--latency-per-document", "--latency-distribution"]),
        (["serve", "--server", ""], ["granian", "threaded"]),
        (["serve", "--fault", "score-ne"], ["score-negative"]),
        (["serve", "--config", "missing.toml", "--log-format", "j"], ["json"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_bash_completes_commands_flags_and_values(words, completions):
    assert in_bash(*words) == completions


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "completion"), [(["serve", "--lat"], "--latency"), (["serve", "--server", ""], "threaded")]
)
def test_the_command_answers_each_shell(shell, words, completion):
    line = " ".join([COMMAND.name, *words])
    # fish passes the word itself, the other shells its position.
    position = words[-1] if shell == "fish" else str(len(words))

    answer = run(COMP_WORDS=line, COMP_CWORD=position, TOGETHER_RERANK_MOCK_X="1", **{VARIABLE: f"{shell}_complete"})

    assert answer.exit_code == 0
    assert completion in answer.stdout.replace(",", "\n").replace("\t", "\n").split("\n")
    assert answer.stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_asks_for_the_answers_of_its_shell(shell):
    printed = run("completion", shell)

    assert printed.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in printed.stdout
    assert printed.stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_the_page_says_how_to_install_each_script(shell):
    assert f"together-rerank-mock completion {shell}" in (ROOT / "docs/cli.md").read_text()


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_values():
    script = 'together-rerank-mock completion fish | source; complete -C "together-rerank-mock serve --server "'
    env = environment(PATH=PATH)

    ran = subprocess.run(["fish", "-c", script], env=env, check=True, capture_output=True, text=True, timeout=60)

    assert ran.stdout.split() == ["granian", "threaded"]
    assert ran.stderr == ""


def test_another_shell_is_refused():
    assert_refused(run("completion", "powershell"), "'powershell' is not one of 'bash', 'zsh', 'fish'")
