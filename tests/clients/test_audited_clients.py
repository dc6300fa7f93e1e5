"""The audit of pipelines with real clients finds what docs/audit.md shows. Run by `make clients-real`."""

import pytest

from audit_page import outcomes, page, picture
from audited import PIPELINES, audit_all
from snippets import ROOT
from together_rerank_mockserver.audit.outcome import Outcome

PAGE = ROOT / "docs/audit.md"


@pytest.fixture(scope="session")
def audited():
    return audit_all()


@pytest.mark.parametrize("client", PIPELINES, ids=lambda client: client.id)
def test_a_client_finds_the_best_passages_without_a_fault(client, audited):
    reports, _ = audited

    (ranking,) = [row for row in reports[client.id].rows if row.name == "ranking"]
    assert ranking.outcome is Outcome.RIGHT, ranking.did


@pytest.mark.parametrize("name", ["audit-clients.json", "audit-clients.svg", "audit.md"])
def test_the_page_about_the_audit_is_current(name, audited):
    reports, versions = audited
    draft, current = ROOT / "build" / name, ROOT / "docs" / name
    written = {
        "audit-clients.json": lambda: outcomes(reports),
        "audit-clients.svg": lambda: picture(reports),
        "audit.md": lambda: page(PAGE.read_text(), reports, versions),
    }

    draft.parent.mkdir(exist_ok=True)
    draft.write_text(written[name]())

    assert draft.read_text() == current.read_text(), f"if that is so: cp build/{name} docs/{name}"
