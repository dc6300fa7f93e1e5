"""The page docs/cli.md has every flag of the commands, with its environment variable and its default."""

import re

import click
import pytest

from snippets import ROOT
from together_rerank_contract_tests.cli import command as contract
from together_rerank_contract_tests.cli import compare as compare_command
from together_rerank_contract_tests.cli import matrix as matrix_command
from together_rerank_contract_tests.cli import record as record_command
from together_rerank_mockserver.cli import command as mock

PAGE = (ROOT / "docs/cli.md").read_text()
_SHARED = ("--help", "-h")  # named once, at the top of the page
_MOST_COLUMNS = 4


def commands_below(group, name=""):
    """Return the commands of *group* and of the groups in it, by their full names."""
    found = {}
    for word, command in group.commands.items():
        full = f"{name} {word}".strip()
        found |= commands_below(command, full) if isinstance(command, click.Group) else {full: command}
    return found


COMMANDS = {
    **commands_below(mock.commands),
    "together-rerank-contract": contract.command,
    "record": record_command.record,
    "drift": record_command.compare,
    "compare": compare_command.compare,
    "matrix": matrix_command.matrix,
}


def rows(title):
    """Return the cells of the rows about flags in the section *title*, by the name of the flag."""
    (section,) = re.findall(rf"^##+ {title}\n(.*?)(?=^###? |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for line in section.splitlines() if re.match(r"\| `-", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {re.findall(r"(?<=[` ])-[\w-]+|^-[\w-]+", row[0])[-1]: row for row in cells}


def options(command):
    return {each.opts[-1]: each for each in command.params if isinstance(each, click.Option)}


def default_in_words(option):
    """Return the start of the cell with the default, or None if the page describes the default in words."""
    if option.required:
        return "required"
    if option.is_flag:
        return "" if option.opts[-1] == "--version" else "off"
    is_value = isinstance(option.default, str | int | float) and not isinstance(option.default, bool)
    return f"`{option.default}`" if is_value else None


@pytest.mark.parametrize("name", COMMANDS)
def test_a_table_has_exactly_the_flags_of_its_command(name):
    assert sorted(rows(name)) == sorted(set(options(COMMANDS[name])) - set(_SHARED))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_row_has_the_variable_and_the_default_of_its_flag(name):
    for flag, row in rows(name).items():
        option = options(COMMANDS[name])[flag]
        default = default_in_words(option)

        assert [f"`{each}`" for each in option.opts] == re.findall(r"`-[\w-]+`", re.sub(r" [^`]+`", "`", row[0]))
        assert len(row) == _MOST_COLUMNS - (option.envvar is None), row
        if option.envvar:
            assert row[1] == f"`{option.envvar}`"
        if default is None:
            assert row[-1], row
            assert not row[-1].startswith("`"), row
        else:
            assert row[-1].startswith(default), row


def test_the_page_has_a_section_for_every_command_and_no_flag_that_does_not_exist():
    known = {flag for command in COMMANDS.values() for each in command.params for flag in each.opts}

    titles = re.findall(r"^###? (.+)$", PAGE, re.MULTILINE)
    assert sorted(titles) == sorted([*COMMANDS, "together-rerank-mock", "Progress"])
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) - set(_SHARED) <= known
