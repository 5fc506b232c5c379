"""Identifiers: issued from the top down, read back whole, and proof against slips of the pen."""

import doctest
import pickle
import re
import string
from itertools import product
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weir.core.identifiers import (
    ISSUES,
    LETTERS,
    MAX_LENGTH,
    MAX_NUMBER,
    BadIdentifier,
    Identifier,
    Kind,
    issue,
    kind_of,
    parse,
    root,
    validate,
)

ALPHABET = string.digits + string.ascii_uppercase
PAGE = Path(__file__).parents[2] / "docs" / "identifiers.md"
DEVICE = "CN.R1.S3.C1.P2.H17.D4-X"


@st.composite
def identifiers(draw: st.DrawFn) -> str:
    """A legal identifier of any kind, with room left below it."""
    text = root(draw(st.text(string.ascii_uppercase, min_size=2, max_size=4)))
    for _ in range(draw(st.integers(0, 7))):
        below = ISSUES[kind_of(text)]
        if not below:
            break
        number = draw(st.integers(1, 40) | st.integers(1, MAX_NUMBER))
        text = issue(text, draw(st.sampled_from(below)), number)
    return text


def is_read(text: str) -> bool:
    try:
        parse(text)
    except BadIdentifier:
        return False
    return True


def wrong_but_read(body: str, check: str, slip: str) -> bool:
    return slip != body and is_read(f"{slip}-{check}")


def test_a_network_names_its_parts_from_the_top_down() -> None:
    nation = root("cn")
    region = issue(nation, Kind.REGIONAL, 1)
    industry = issue(region, Kind.INDUSTRY, 2)
    site = issue(region, Kind.SITE, 3)
    cluster = issue(site, Kind.CLUSTER, 1)
    pool = issue(cluster, Kind.POOL, 2)
    host = issue(pool, Kind.HOST, 17)
    device = issue(host, Kind.DEVICE, 4)
    assert (nation, region, industry, device) == ("CN-F", "CN.R1-K", "CN.R1.N2-H", DEVICE)
    assert parse(device).ancestors == (nation, region, site, cluster, pool, host)
    assert parse(industry).parent == region


def test_an_identifier_is_taken_apart() -> None:
    device = parse(DEVICE)
    assert device == Identifier(DEVICE, Kind.DEVICE, ("CN", "R1", "S3", "C1", "P2", "H17", "D4"), 4)
    assert str(device) == DEVICE
    nation = parse("CN-F")
    assert (nation.kind, nation.number, nation.parent, nation.ancestors) == (
        Kind.NATIONAL, None, None, (),
    )  # fmt: skip


def test_case_and_blanks_around_do_not_matter() -> None:
    assert validate(f"  {DEVICE.lower()}\n") == DEVICE
    assert kind_of(DEVICE.lower()) is Kind.DEVICE


def test_a_domain_knows_what_is_under_it() -> None:
    site = issue("CN.R1-K", Kind.SITE, 3)
    other = issue("CN-F", Kind.REGIONAL, 11)
    device = parse(DEVICE)
    assert device.is_under(site)
    assert device.is_under(parse("CN-F"))
    assert not device.is_under(other)
    assert not device.is_under(device)
    assert not parse(site).is_under(device)
    assert not parse(issue(other, Kind.SITE, 1)).is_under("CN.R1-K")


@pytest.mark.parametrize(("above", "below"), list(product(Kind, Kind)))
def test_only_legal_nestings_are_issued(above: Kind, below: Kind) -> None:
    parents = {kind_of(text): text for text in (DEVICE, *parse(DEVICE).ancestors, "CN.R1.N2-H")}
    legal = {
        ("national", "regional"), ("national", "industry"), ("national", "site"),
        ("regional", "regional"), ("regional", "industry"), ("regional", "site"),
        ("industry", "site"), ("site", "cluster"), ("cluster", "pool"),
        ("pool", "host"), ("host", "device"),
    }  # fmt: skip
    if (above.value, below.value) in legal:
        assert parse(issue(parents[above], below, 1)).parent == parents[above]
    else:
        with pytest.raises(BadIdentifier, match="stands under"):
            issue(parents[above], below, 1)


@pytest.mark.parametrize("number", [0, -1, MAX_NUMBER + 1, True, 1.5])
def test_a_number_out_of_range_is_not_issued(number: int) -> None:
    with pytest.raises(BadIdentifier, match="its number is from 1 to"):
        issue("CN-F", Kind.SITE, number)


@pytest.mark.parametrize("code", ["", "C", "CHINA", "C1", "Cß", "中国", "C N", "ﬁ", "Cı"])
def test_a_network_s_code_is_two_to_four_letters(code: str) -> None:
    with pytest.raises(BadIdentifier, match="2 to 4 letters"):
        root(code)


def test_regions_in_regions_end_at_the_longest_identifier() -> None:
    text = root("CN")
    while len(text) + len(f".R{MAX_NUMBER}") <= MAX_LENGTH:
        text = validate(issue(text, Kind.REGIONAL, MAX_NUMBER))
    with pytest.raises(BadIdentifier, match="can't have a regional domain issued under it"):
        issue(text, Kind.REGIONAL, MAX_NUMBER)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("CN", "no dash and check character"),
        ("CN-", "one check character stands after the dash"),
        ("CN-FF", "one check character stands after the dash"),
        ("CN-.", "one check character stands after the dash"),
        ("CN--F", "segment 1, 'CN-', is not a code"),
        ("R1-K", "segment 1, 'R1', is not a code"),
        ("CN..R1-K", "segment 2, '', is not one letter and a number"),
        ("CN.R1.-K", "segment 3, '', is not one letter and a number"),
        ("CN.1R-K", "segment 2, '1R', is not one letter and a number"),
        ("CN.X1-K", "segment 2, 'X1', has an unknown letter"),
        ("CN.R01-K", "segment 2, 'R01', has a number that begins with 0"),
        ("CN.R0-K", "segment 2, 'R0', has a number that begins with 0"),
        ("CN.R1234567890-K", "segment 2, 'R1234567890', has a number over 999999999"),
        ("CN.C1-K", "segment 2, 'C1': a cluster stands under a site"),
        ("CN.R1.N2.R1-K", "segment 4, 'R1': a regional domain stands under"),
        ("CN.R1-ﬁ", "character 7, 'ﬁ', can't stand in one"),
        ("CN.R１-K", "character 5, '１', can't stand in one"),
        ("CN.R1 .S1-K", "character 6, ' ', can't stand in one"),
        ("CN." * 100, "longer than 120 characters"),
    ],
)
def test_a_bad_identifier_is_told_what_is_wrong_and_where(text: str, problem: str) -> None:
    with pytest.raises(BadIdentifier, match=re.escape(problem)) as caught:
        parse(text)
    assert caught.value.text == text
    assert isinstance(caught.value, ValueError)


def test_a_wrong_check_character_is_told_without_giving_the_right_one() -> None:
    with pytest.raises(BadIdentifier) as caught:
        parse("CN.R1-A")
    assert caught.value.problem == (
        "the check character after the dash doesn't match, copy it again"
    )
    assert "K" not in str(caught.value)


def test_the_error_crosses_processes_and_stays_short() -> None:
    error = BadIdentifier("x" * 10**6, "it is long")
    assert len(str(error)) < 200
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@given(identifiers())
def test_what_is_issued_reads_back(text: str) -> None:
    taken = parse(text)
    assert taken.text == validate(text.lower()) == text
    if taken.parent is not None and taken.number is not None:
        assert issue(taken.parent, taken.kind, taken.number) == text
        assert taken.ancestors[-1] == taken.parent
        assert taken.ancestors[:-1] == parse(taken.parent).ancestors
    for above in taken.ancestors:
        assert taken.is_under(above)


@given(identifiers())
def test_the_dots_can_be_put_back_so_the_check_may_leave_them_out(text: str) -> None:
    body = text[:-2]
    undotted = body.replace(".", "")
    letters = "".join(LETTERS.values())
    match = re.fullmatch(rf"([A-Z]{{2,4}}?)((?:[{letters}][0-9]+)*)", undotted)
    assert match is not None
    assert ".".join([match[1], *re.findall(r"[A-Z][0-9]+", match[2])]) == body


@given(identifiers(), st.data())
def test_every_single_wrong_character_is_caught(text: str, data: st.DataObject) -> None:
    body, check = text[:-2], text[-1]
    places = [place for place, character in enumerate(body) if character != "."]
    place = data.draw(st.sampled_from(places))
    for character in ALPHABET + ".":
        assert not wrong_but_read(body, check, body[:place] + character + body[place + 1 :])
    for character in set(ALPHABET) - {check}:
        assert not is_read(f"{body}-{character}")


@given(identifiers(), st.data())
def test_a_swap_of_neighbors_is_caught_unless_they_are_consecutive(
    text: str, data: st.DataObject
) -> None:
    body, check = text[:-2], text[-1]
    place = data.draw(st.integers(0, len(body) - 2))
    left, right = body[place], body[place + 1]
    assume(left != "." and right != "." and left != right)
    apart = abs(ALPHABET.index(left) - ALPHABET.index(right))
    assume(apart not in (1, len(ALPHABET) - 1))
    assert not wrong_but_read(body, check, body[:place] + right + left + body[place + 2 :])


def test_of_swaps_of_consecutive_neighbors_one_in_thirty_six_passes() -> None:
    swaps = passed = 0
    for first in map("".join, product(string.ascii_uppercase, repeat=2)):
        for code in (f"{first}{a}{b}" for a, b in ("AB", "BA", "MN", "ZY")):
            swaps += 1
            passed += is_read(f"{code[:2]}{code[3]}{code[2]}{root(code)[-2:]}")
    assert 0 < passed < 1.5 * swaps / 36


def test_every_identifier_in_the_documentation_is_valid() -> None:
    shown = re.findall(r"`([A-Z]{2,4}(?:\.[A-Z0-9]+)*-[A-Z0-9])`", PAGE.read_text("utf-8"))
    assert len(shown) >= 8
    assert [validate(text) for text in shown] == shown


def test_the_worked_example_of_the_documentation_works() -> None:
    flags = doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags, encoding="utf-8")
    assert (result.failed, result.attempted) == (0, 7)
