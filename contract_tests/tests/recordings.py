"""Record a miniature's responses to the library's requests, or compare them."""

import datetime as dt

import together_rerank_fixtures as fixtures
from miniature import KEY, MODEL
from together_rerank_contract_tests.record import recording
from together_rerank_contract_tests.record.comparison import Comparison
from together_rerank_contract_tests.run.progress import Progress
from together_rerank_contract_tests.settings import Settings
from together_rerank_fixtures import folder

DAY = dt.date(2026, 11, 25)


def run_comparison(server, *patterns, url="", key=KEY):
    """Send the library's requests; return the comparison, and the contents of the files by path."""
    settings = Settings(f"{server.url}{url}", model=MODEL, key=key, key_name="KEY", timeout_s=20)
    comparison = Comparison(settings, patterns)
    comparison.run(Progress())
    return comparison, recording.files(comparison, DAY)


def read(tmp_path, files):
    """Write *files* to a folder and read it; return the exchanges by name."""
    folder.write(tmp_path / "kept", files)
    return {exchange.name: exchange for exchange in fixtures.read(tmp_path / "kept")}


def record(server, tmp_path, *patterns, **settings):
    return read(tmp_path, run_comparison(server, *patterns, **settings)[1])


def rows(kind, *patterns, key=KEY):
    """Compare a miniature with the library; return each difference as a tuple."""
    with kind() as server:
        comparison, _ = run_comparison(server, *patterns, key=key)
        assert comparison.sent_exchanges
        assert not comparison.stop_reason
        return [(row.what, row.document, row.endpoint, row.library, *row.exchanges) for row in comparison.differences]
