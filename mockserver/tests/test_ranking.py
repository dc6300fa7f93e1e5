"""The ranking: the order that users can rely on, and the scores, which are those of this mock alone."""

import sys
from dataclasses import replace
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from together_rerank_fixtures.strategies import requests, texts
from together_rerank_mockserver.ranking.score import Query, rank
from together_rerank_mockserver.ranking.tokens import normalise, parts, words
from together_rerank_spec import load

vocabulary = st.sampled_from(
    ["llama", "llamas", "panda", "peru", "in", "a", "animal", "東京", "大学", "ข้าว", "हिन्दी", "x2"]
)
sentences = st.lists(vocabulary, max_size=8).map(" ".join)
# A few letters, so that words share parts, and some other characters.
letters = st.text(st.sampled_from("aabcde éß東京กिन्द 1_-\n") | st.characters(codec="utf-8"), max_size=30)
# Query and documents that share words, in any language, or letters.
searches = requests(objects=False).map(lambda body: (body["query"], body["documents"])) | st.tuples(
    letters | sentences, st.lists(letters | sentences)
)
pairs = searches.map(lambda search: (search[0], "\n".join(search[1])))


def score(query, text):
    return Query(query).scores([text])[0]


@given(searches)
def test_every_document_is_ranked_once_best_first(search):
    query, documents = search
    ranking = rank(query, documents)

    assert sorted(ranked.index for ranked in ranking) == list(range(len(documents)))
    assert [ranked.score for ranked in ranking] == sorted((ranked.score for ranked in ranking), reverse=True)
    assert all(0.0 <= ranked.score <= 1.0 for ranked in ranking)
    assert ranking == rank(query, documents)


@given(sentences, st.lists(sentences), sentences)
def test_a_score_does_not_depend_on_other_documents(query, others, text):
    alone = rank(query, [text])[0].score

    assert next(ranked.score for ranked in rank(query, [*others, text]) if ranked.index == len(others)) == alone


def test_a_score_does_not_depend_on_the_amount_of_text():
    query, text = "What animals live near Peru?", "An animal that lives near Peru."

    alone = rank(query, [text])[0].score

    assert rank(query, [text, "x" * 100_000])[0].score == alone
    assert [ranked.score for ranked in rank(query, [text] * 20_000)] == [alone] * 20_000


@pytest.mark.parametrize(
    "texts", [["near", "peru"], ["near", "\u0301 peru"], ["東", "京"], ["pe", "ru"], ["", "near", ""]]
)
def test_nothing_is_matched_across_two_documents(texts):
    together = sorted((ranked.index, ranked.score) for ranked in rank("near peru 東京", texts))

    assert together == [(index, score("near peru 東京", text)) for index, text in enumerate(texts)]


@given(st.lists(sentences, min_size=1))
def test_ties_keep_the_order_of_the_request(documents):
    doubled = [ranked.index for ranked in rank("llama peru", documents * 2)]

    for index in range(len(documents)):
        assert doubled.index(index) < doubled.index(index + len(documents))


@given(texts() | letters | sentences)
@example("\u0301abc")
@example("ß\u0301")
@example("llama llama")
@example("東京東京都")
def test_the_query_itself_scores_one(query):
    expected = 1.0 if words(normalise(query)) else 0.0

    assert score(query, query) == expected
    assert score(query, normalise(query)) == expected


@given(pairs)
@example(("animals", "the wanderings of an animal"))
@example(("cat", "concatenate"))
@example(("of", "office"))
@example(("猫", "私は猫が好き"))
@example(("東京都", "京都"))
def test_a_score_is_zero_exactly_when_nothing_is_shared(pair):
    query, text = pair
    text_words = words(normalise(text))
    query_words = words(normalise(query))
    shares_word = any(word in text_words or (parts_are_pairs(word) and word in normalise(text)) for word in query_words)
    shares_part = any(piece in word for piece in (p for w in query_words for p in parts(w)) for word in text_words)

    assert (score(query, text) > 0) is (shares_word or shares_part)


def parts_are_pairs(word):
    return (len(word) == 1 and ord(word) > 0x0E00) or (bool(parts(word)) and len(parts(word)[0]) == 2)


@pytest.mark.slow
@settings(max_examples=500)
@given(st.lists(vocabulary, min_size=1, max_size=6), st.lists(vocabulary, max_size=8), st.data())
def test_adding_a_missing_word_never_lowers_the_score(query, text, data):
    missing = [word for word in query if word not in text]
    assume(missing)
    at = data.draw(st.integers(0, len(text)))
    more = [*text[:at], data.draw(st.sampled_from(missing)), *text[at:]]

    assert score(" ".join(query), " ".join(more)) >= score(" ".join(query), " ".join(text))


@pytest.mark.parametrize("filler", [[], ["and"], ["and", "also"]])
def test_the_word_order_of_the_query_scores_highest(filler):
    query = ["alpha", "beta", "gamma"]
    best = score(" ".join(query), " ".join([*query, *filler]))

    for other in permutations([*query, *filler]):
        if list(other[: len(query)]) != query and " ".join(query) not in " ".join(other):
            assert score(" ".join(query), " ".join(other)) < best


def test_separated_words_in_order_score_higher_than_words_in_another_order():
    apart, otherwise = "alpha x beta y gamma", "gamma x beta y alpha"

    assert score("alpha beta gamma", apart) > score("alpha beta gamma", otherwise)


@given(sentences, sentences, st.text("xyz ", min_size=1, max_size=50))
def test_additional_text_never_raises_the_score(query, text, noise):
    assume(0 < score(query, text) < 1)

    assert score(query, f"{text} {noise}") <= score(query, text)
    assert score(query, text) > score(query, f"{text} qqqq") > 0


@pytest.mark.parametrize(
    ("query", "best_first"),
    [
        ("animals", ["animals", "an animal", "animated", "panda"]),
        ("東京の大学", ["東京の大学", "東京大学", "京都大学", "寿司"]),
        ("ข้าวผัด", ["ข้าวผัดกุ้ง", "กินข้าว", "แมว"]),
        ("हिन्दी भाषा", ["हिन्दी भाषा", "भाषा", "चाय"]),
        ("동물원", ["동물원에 갔다", "식당"]),
        ("CAFÉ", ["cafe\u0301", "cafeteria", "tea"]),
        ("llama peru", ["llama peru", "llama in peru", "peru llama", "llama", "lla"]),
    ],
)
def test_documents_are_ranked_as_expected(query, best_first):
    ranking = rank(query, best_first[::-1])

    assert [best_first[::-1][ranked.index] for ranked in ranking] == best_first
    assert len({ranked.score for ranked in ranking}) == len(best_first)


def test_the_example_of_the_document_is_ranked_as_documented():
    document = load()
    request = document.example({"$ref": "#/components/schemas/RerankRequest"})
    texts = ["\n".join(each.values()) for each in request["documents"]]

    assert [ranked.index for ranked in rank(request["query"], texts)][: request["top_n"]] == [0, 2]


def test_scores_are_the_same_bits_on_every_machine():
    query = "What animals live near Peru? 東京 ข้าว हिन्दी Straße"
    documents = [
        "An animal lives near Peru",
        "東京タワー",
        "กินข้าว",
        "हिन्दी strasse",
        "STRASSE near Peru live",
        "live near",
    ]

    assert [(ranked.index, ranked.score.hex()) for ranked in rank(query, documents)] == [
        (4, "0x1.917c1644fce3bp-2"),
        (0, "0x1.2b581aac5f2f0p-2"),
        (5, "0x1.b43661c591803p-3"),
        (3, "0x1.b2b3087a4ae5dp-3"),
        (1, "0x1.9c68f649f8261p-4"),
        (2, "0x1.9af4e0d442d48p-4"),
    ]


def score_by_definition(query, text):
    """Return the score of *text*, in a script with spaces, as the docstring of the module defines it."""
    query_words, text_words = words(normalise(query)), words(normalise(text))
    missing = [word for word in dict.fromkeys(query_words) if word not in text_words]
    shares = [sum(part in normalise(text) for part in parts(word)) / max(1, len(parts(word))) for word in missing]
    pairs, neighbours = set(pairwise(query_words)), set(pairwise(text_words))
    whole = len(set(query_words)) - len(missing)
    if not whole and not any(shares):
        return 0.0
    in_order = {pair for pair in pairs - neighbours if pair in combinations(text_words, 2)}
    points = 8 * whole + 2 * len(pairs & neighbours) + len(in_order)
    for share in shares:
        points += 4 * share
    points += len(normalise(query)) / (len(normalise(query)) + len(normalise(text)))
    return min(1.0, points / (8 * len(set(query_words)) + 2 * len(pairs) + 0.5))


latin_words = st.sampled_from(["llama", "Llamas", "ama", "in", "a,", "peru", "été", "x2."])
latin = st.lists(latin_words, max_size=8).map(" ".join)


@given(latin, st.lists(latin))
def test_scores_are_those_of_the_definition(query, documents):
    for scores in every_way(lambda: Query(query).scores(documents)):
        assert scores == [score_by_definition(query, document) for document in documents]


def every_way(function):
    """Return the results of *function* for each way to search: with `in`, a look-up, an automaton, and windows."""
    returned = []
    for few, contained, looked_up, window in (
        (8, 10**9, 0, 10**6),
        (0, 10**9, 0, 10**6),
        (0, 0, 10**9, 10**6),
        (0, 0, 0, 10**6),
        (0, 0, 0, 30),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("together_rerank_mockserver.ranking.score._FEW", few)
            patch.setattr("together_rerank_mockserver.ranking.search._ASKED", contained)
            patch.setattr("together_rerank_mockserver.ranking.search._LOOKED_UP", looked_up)
            patch.setattr("together_rerank_mockserver.ranking.search._WINDOW", window)
            returned.append(function())
    return returned


@pytest.mark.slow
@settings(max_examples=300)
@given(searches)
def test_every_way_to_search_gives_the_same_ranking(search):
    first, *others = every_way(lambda: rank(*search))

    assert others == [first] * 4


@settings(max_examples=300)
@given(
    sentences,
    st.lists(st.sampled_from(["llama", "peru", " ", ", ", "llamas", "東京", "大", "\u0301", "x"]), max_size=60),
)
@example("llama peru", ["llama", *[" "] * 30, "peru"])
def test_every_way_to_search_finds_the_same_evidence(query, pieces):
    first, *others = every_way(lambda: Query(query).evidence("".join(pieces)))

    assert others == [first] * 4


@pytest.mark.parametrize("before", range(25))
def test_neighbours_are_found_wherever_a_window_ends(before):
    for evidence in every_way(lambda: Query("llama peru").evidence("x" * before + " llama   peru")):
        assert evidence.whole == ("llama", "peru")
        assert evidence.adjacent == (("llama", "peru"),)


@settings(max_examples=300)
@given(sentences, sentences)
@example("llama peru", "peru llama peru")
@example("llama llama", "llama")
@example("llama panda peru", "llama in panda peru")
def test_a_combining_mark_between_words_changes_nothing(query, text):
    plain, marked = Query(query).evidence(f"{text} . ."), Query(query).evidence(f"{text} \u0301 .")

    assert replace(marked, score=plain.score) == plain
    assert marked.score == plain.score


SPACES = " " * 8_000


@pytest.mark.parametrize(
    "text",
    ["llama " * 2_000, "ab\u0301 " * 2_000, "東" * 8_000, f"東京都{SPACES}", "\u0301" * 8_000 + "llama ", SPACES],
)
def test_the_work_is_linear_in_the_text(text):
    query = "llama llama near peru ab\u0301 東京 東京都 京都 都"

    assert calls(query, text * 4) < 5 * calls(query, text) + 1_000


def calls(query, text):
    prepared = Query(query)
    count = 0

    def profile(_frame, event, _arg):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    prepared.scores([text])
    sys.setprofile(None)
    return count


def test_evidence_names_what_matched():
    evidence = Query("what animals live near peru").evidence("Peru: an animal, near! live")

    assert evidence.whole == ("live", "near", "peru")
    assert evidence.parts == {"animals": ("ani", "nim", "ima", "mal")}
    assert evidence.adjacent == ()
    assert evidence.in_order == ()
    assert evidence.score == score("what animals live near peru", "Peru: an animal, near! live")
    assert Query("a b c").evidence("a b x c").adjacent == (("a", "b"),)
    assert Query("a b c").evidence("a b x c").in_order == (("b", "c"),)


@pytest.mark.parametrize("mark", ["", "\u0301"])
def test_neighbours_are_whole_words(mark):
    evidence = Query("alpha beta").evidence(f"alpha betas, beta {mark}")

    assert evidence.adjacent == ()
    assert evidence.in_order == (("alpha", "beta"),)


@given(pairs)
def test_the_points_of_the_evidence_add_up_to_the_score(pair):
    query, text = pair
    evidence = Query(query).evidence(text)
    points = evidence.points
    *summed, of = points.whole, points.parts, points.adjacent, points.in_order, points.length, points.query

    assert evidence.score == pytest.approx(min(1.0, sum(summed) / of), abs=1e-9)
    assert (points.whole, points.adjacent) == (8 * len(evidence.whole), 2 * len(evidence.adjacent))
    assert min(summed) >= 0


def test_the_points_add_up_with_more_parts_than_are_counted_one_by_one():
    query = " ".join(f"a{number:04}bcd" for number in range(3000))
    evidence = Query(query).evidence("bcd")
    points = evidence.points

    assert evidence.score == pytest.approx((points.parts + points.length) / points.query, abs=1e-9)
    assert points.parts > 4 * 100
