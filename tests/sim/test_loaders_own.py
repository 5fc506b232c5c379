"""Weir's own format, to the last bit, and the recognition of formats."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.sim.loaders.formats import FORMATS, Options, format_of, load
from weir.sim.loaders.own import load_own, save_own
from weir.sim.workload import Workload, workload

TEXTS = ("user", "home", "kind", "model", "queue")
NUMBERS = (
    "submit_s",
    "duration_s",
    "estimate_s",
    "tasks",
    "cpu_milli",
    "memory_bytes",
    "device_milli",
    "priority",
    "patience_s",
    "data_bytes",
    "start_after_s",
    "deadline_s",
    "preemptible",
)


def write(tmp_path: Path, text: str, name: str = "jobs.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def assert_same(one: Workload, two: Workload) -> None:
    assert one.ids == two.ids
    for name in NUMBERS:
        left, right = getattr(one, name), getattr(two, name)
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    for name in TEXTS:
        left, right = getattr(one, name), getattr(two, name)
        assert [left.of_row(i) for i in range(len(one))] == [
            right.of_row(i) for i in range(len(two))
        ]
    np.testing.assert_array_equal(one.epoch_s, two.epoch_s)
    assert (one.name, one.notes) == (two.name, two.notes)


times = st.floats(0, 1e12)
counts = st.integers(0, 2**62)
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    rows = draw(st.integers(1, 6))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=rows, max_size=rows))

    names = draw(st.lists(words.filter(bool), min_size=rows, max_size=rows, unique=True))
    return workload(
        "a name",
        names,
        submit_s=sorted(column(times)),
        duration_s=column(times | st.just(np.inf)),
        estimate_s=column(times | st.just(np.nan)),
        tasks=column(st.integers(1, 1 << 31)),
        cpu_milli=column(counts),
        memory_bytes=column(counts),
        device_milli=column(st.integers(0, 999) | st.integers(0, 9).map(lambda n: n * 1000)),
        priority=column(st.integers(-(2**62), 2**62)),
        patience_s=column(times | st.just(np.inf)),
        data_bytes=column(counts),
        start_after_s=column(times | st.just(0.0)),
        deadline_s=column(times | st.just(np.inf)),
        preemptible=column(st.booleans()),
        epoch_s=draw(times | st.just(np.nan)),
        notes=["first: note", "second"],
        **{name: column(words) for name in TEXTS},
    )


@given(workloads(), st.sampled_from(["w.csv", "w.csv.gz"]))
@settings(max_examples=60, deadline=None)
def test_what_is_saved_is_loaded(tmp_path_factory: Any, jobs: Workload, name: str) -> None:
    path = tmp_path_factory.mktemp("own") / name
    save_own(jobs, path)
    assert format_of(path) == "own"
    assert_same(load_own(path), jobs)
    before = path.read_bytes()
    save_own(jobs, path)
    assert path.read_bytes() == before


def test_two_columns_are_enough(tmp_path: Path) -> None:
    jobs = load_own(write(tmp_path, "# by hand\n\nduration_s,submit_s\n60,0\ninf,0.5\n"))
    assert jobs.ids == ("0", "1")
    assert jobs.duration_s.tolist() == [60, np.inf]
    assert jobs.tasks.tolist() == [1, 1]
    assert np.isnan(jobs.estimate_s).all() and np.isnan(jobs.epoch_s)


def test_mistakes_have_the_lines_of_the_file(tmp_path: Path) -> None:
    text = "# a comment\nid,submit_s,duration_s,device_milli\na,0,1,1500\na,x,-1,\n,1,nan,1\n"
    with pytest.raises(BadInput) as caught:
        load_own(write(tmp_path, text))
    assert sorted((m.line, m.field) for m in caught.value.mistakes) == [
        (3, "device_milli"),
        (4, "duration_s"),
        (4, "id"),
        (4, "submit_s"),
        (5, "duration_s"),
    ]


def test_the_clock_goes_forward(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load_own(write(tmp_path, "submit_s,duration_s\n5,1\n3,1\n4,1\n3.5,1\n"))
    assert [m.line for m in caught.value.mistakes] == [3, 5]
    assert "sort the rows" in caught.value.mistakes[0].message


def test_columns_that_mean_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load_own(write(tmp_path, "submit_s,duration_s,gpus\n5,1,1\n"))
    assert [m.field for m in caught.value.mistakes] == ["gpus"]
    with pytest.raises(BadInput, match="no such column"):
        load_own(write(tmp_path, "submit_s,tasks\n5,1\n"))
    with pytest.raises(BadInput, match="epoch_s"):
        load_own(write(tmp_path, "# epoch_s: noon\nsubmit_s,duration_s\n5,1\n"))


SAMPLES = {
    "swf": "; c\n" + "1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 -1 1 -1 -1 -1\n" * 2,
    "gavel": "A3C\tc\td\t-n\t0\t5\t1\t1\t-1\t0\n",
    "own": "# x\nsubmit_s,duration_s\n0,1\n",
    "openb": "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,1,1,500\n",
    "llm": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,1\n",
    "csv": "t,d\n1,2\n",
}
OPTIONS = Options(mapping="submit=t,duration=d", tokens_per_s=1, prefill_tokens_per_s=1)


@pytest.mark.parametrize("name", SAMPLES)
def test_formats_are_recognized(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, SAMPLES[name], "file.txt")
    assert format_of(path) == name
    by_itself, by_name = load(path, options=OPTIONS), load(path, name, OPTIONS)
    assert len(by_itself) >= 1
    assert_same(by_itself, by_name)


def test_there_is_a_sample_of_every_format() -> None:
    assert {entry.name for entry in FORMATS} == set(SAMPLES)


def test_long_files_are_recognized_by_their_beginning(tmp_path: Path) -> None:
    for name in ("swf", "csv", "gavel"):
        body = SAMPLES[name].splitlines(keepends=True)
        assert format_of(write(tmp_path, "".join(body[:-1]) + body[-1] * 3000, "long")) == name


def test_a_broken_log_is_still_a_log(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="line 1"):
        load(write(tmp_path, "1 2 3\n", "a.swf"))
    with pytest.raises(BadInput, match="line 1"):
        load(write(tmp_path, "1 2 3\n", "a.trace"))


def test_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="its columns are 't', 'd'"):
        load(write(tmp_path, SAMPLES["csv"]))
    with pytest.raises(BadInput, match="tokens_per_s"):
        load(write(tmp_path, SAMPLES["llm"]))
    with pytest.raises(BadInput, match=r"did you mean swf.*gavel"):
        load(write(tmp_path, SAMPLES["csv"]), "swff")
    with pytest.raises(BadInput, match="none of the formats"):
        load(write(tmp_path, "words and words\n"))
    with pytest.raises(BadInput, match="empty"):
        load(write(tmp_path, " \n"))
