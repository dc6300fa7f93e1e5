"""Measure the mock beside others and beside what its server costs bare, in one run. `make bench`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bodies
import growth
import machine
import plugin_bench
import rounds
import servers
import table
from load import Call, WrongAnswer, check
from process import Died
from results import Results
from servers import NotStarted, Server

_PEAKS = 3


def main() -> None:
    """Measure, print the tables, and write the results; a chosen few servers are only compared."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as folder:
        try:
            about = machine.facts()
            all_servers = contestants(Path(folder))
            chosen = [each for each in all_servers if each.name in (options.servers or [each.name])]
            if len(chosen) < len(options.servers or chosen):
                sys.exit(f"no such server; there are: {', '.join(each.name for each in all_servers)}")
            results = Results(_measured(about, chosen, options))
        except (machine.Missing, Died, NotStarted, WrongAnswer) as fault:
            sys.exit(f"no numbers: {fault}")
    print(table.markdown(results))
    if not options.servers:
        results.write()


def contestants(folder: Path) -> list[Server]:
    """Return all servers; what they answer with, or read, is written to *folder*."""
    call, answer = Call(bodies.example()), folder / "answer.json"
    with servers.running(servers.mock(), call) as mock:
        answer.write_bytes(check(mock.url, call))
    return [servers.mock(), *servers.peers(answer), *servers.floors(answer)]


def _measured(about: dict[str, str], chosen: list[Server], options: argparse.Namespace) -> dict[str, Any]:
    data: dict[str, Any] = {
        "machine": about,
        "run": {"date": f"{datetime.now(UTC):%Y-%m-%d}", "rounds": options.rounds, "seconds": options.seconds},
        "servers": {each.name: {"title": each.title, "kind": each.kind, "version": each.version} for each in chosen},
    }
    if not options.servers:
        # Before the loads, which leave a machine warm.
        data["plugin"] = plugin_bench.measure(options.starts)
        data["growth"] = growth.time_of_each(options.rounds)
        data["peak"] = growth.peak_of_the_largest(min(options.rounds, _PEAKS))
    data["starts"] = rounds.starts(chosen, options.starts)
    data["loads"], data["memory"] = rounds.loads(chosen, options.rounds, options.seconds)
    return data


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each load, in turn")
    parser.add_argument("--seconds", type=int, default=3, help="of each load")
    parser.add_argument("--starts", type=int, default=9, help="of each server, in turn")
    parser.add_argument("--servers", nargs="+", metavar="NAME", help="only these, and no results are written")
    return parser


if __name__ == "__main__":
    main()
