"""Ids look like the real ones and depend on nothing but the requests."""

import re
from concurrent.futures import ThreadPoolExecutor

from together_rerank_mockserver.identifiers import Identifiers

OBSERVED = "oGs6Zt9-62bZhn-99529372487b1b0a"
SHAPE = re.compile(r"[A-Za-z0-9]{7}-[A-Za-z0-9]{6}-[0-9a-f]{16}")


def test_an_id_has_the_observed_shape():
    assert SHAPE.fullmatch(OBSERVED)
    assert SHAPE.fullmatch(Identifiers().take(b"body"))


def test_the_same_requests_get_the_same_ids_however_they_interleave():
    bodies = [b"a", b"b", b"a", b"c", b"a", b"b"]
    one, other = Identifiers(), Identifiers()

    assert sorted(map(one.take, bodies)) == sorted(map(other.take, reversed(bodies)))
    assert len({Identifiers().take(body) for body in bodies}) == 3


def test_no_two_requests_share_an_id():
    identifiers = Identifiers()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda n: identifiers.take(b"%d" % (n % 10)), range(2_000)))

    assert len(ids) == 2_000


def test_the_oldest_body_is_forgotten_first():
    identifiers = Identifiers(most=2)
    first = [identifiers.take(body) for body in (b"a", b"b", b"a", b"c")]

    assert identifiers.take(b"b") == first[1]
    assert identifiers.take(b"c") != first[3]
    assert len(identifiers._seen) == 2
