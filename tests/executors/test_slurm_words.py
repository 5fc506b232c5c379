from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.executors import slurm_words
from weir.executors.slurm_words import Gres


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gpu:ascend910b:8(S:0-1),npu:4", [("gpu", "ascend910b", 8), ("npu", "", 4)]),
        ("gpu:ascend910b:0(IDX:N/A),npu:dcu:2", [("gpu", "ascend910b", 0), ("npu", "dcu", 2)]),
        ("gpu:h100:3(IDX:0,2-3)", [("gpu", "h100", 3)]),
        ("gpu:h100:1(IDX:0),npu:dcu(CNT:2)", [("gpu", "h100", 1), ("npu", "dcu", 2)]),
        ("gres:gpu:a100:1,gres:npu:2", [("gpu", "a100", 1), ("npu", "", 2)]),
        ("gres/gpu:h100=2", [("gpu", "h100", 2)]),
        ("mlu", [("mlu", "", 1)]),
        ("shard:4K", [("shard", "", 4096)]),
        ("", []),
        ("(null)", []),
        ("N/A", []),
    ],
)
def test_generic_resources(text: str, found: list[tuple[str, str, int]]) -> None:
    assert slurm_words.gres_of(text) == tuple(Gres(*each) for each in found)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("c1-n[1-3,7]", ["c1-n1", "c1-n2", "c1-n3", "c1-n7"]),
        ("gpu[08-11]", ["gpu08", "gpu09", "gpu10", "gpu11"]),
        ("a,b[1-2]-ib,c", ["a", "b1-ib", "b2-ib", "c"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("(null)", []),
        ("", []),
        ("None assigned", []),
    ],
)
def test_lists_of_hosts(text: str, hosts: list[str]) -> None:
    assert list(slurm_words.hosts_of(text)) == hosts


@given(st.sets(st.from_regex(r"[a-z]{1,3}(-[a-z])?[0-9]{1,3}", fullmatch=True), max_size=30))
def test_hosts_are_the_same_when_gathered_and_expanded(hosts: set[str]) -> None:
    text = slurm_words.hosts_text(hosts)

    assert set(slurm_words.hosts_of(text)) == hosts


def test_ranges_of_hosts_are_gathered() -> None:
    assert slurm_words.hosts_text(["n1", "n3", "n2", "n10", "login"]) == "login,n[1-3,10]"
    assert slurm_words.hosts_text(["n08", "n09", "n10", "n12"]) == "n[08-09],n[10,12]"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("16384", 16384),
        ({"set": True, "infinite": False, "number": 5}, 5),
        ({"set": False, "infinite": False, "number": 0}, None),
        ({"set": True, "infinite": True, "number": 0}, None),
        (-1, None),
        (4294967294, None),
        (18446744073709551614, None),
        (None, None),
        ("N/A", None),
        (True, None),
    ],
)
def test_numbers_in_all_their_forms(value: object, number: int | None) -> None:
    assert slurm_words.number(value) == number


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("IDLE+DRAIN", ("IDLE", "DRAIN")),
        ("MIXED*", ("MIXED",)),
        (["COMPLETED", "COMPLETING"], ("COMPLETED", "COMPLETING")),
        ("idle", ("IDLE",)),
        (None, ()),
    ],
)
def test_states_in_all_their_forms(value: object, words: tuple[str, ...]) -> None:
    assert slurm_words.words(value) == words


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("1-12:00:00", 2160), ("01:00:00", 60), ("30:30", 31), ("45", 45), ("UNLIMITED", None)],
)
def test_time_limits(text: str, minutes: int | None) -> None:
    assert slurm_words.minutes(text) == minutes


def test_a_line_of_scontrol_may_hold_blanks_and_signs() -> None:
    line = "NodeName=n1 OS=Linux 6.1 #1 SMP  State=IDLE+DRAIN Reason=bad = disk State=DOWN [root@1]"
    fields = slurm_words.fields_of(line)

    assert (fields["OS"], fields["State"]) == ("Linux 6.1 #1 SMP", "IDLE+DRAIN")
