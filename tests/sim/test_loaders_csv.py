"""Any CSV by a map of columns, and LLM requests: units, times, and what is said of mistakes."""

import gzip
import math
from pathlib import Path

import pytest

from weir.core.errors import BadInput
from weir.sim.loaders import table
from weir.sim.loaders.columns import load_csv, parse_mapping
from weir.sim.loaders.llm import load_llm


def write(tmp_path: Path, text: str, name: str = "jobs.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def mistakes_of(path: Path, mapping: str, **options: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(BadInput) as caught:
        load_csv(path, mapping, **options)
    return [(m.line, m.field, m.message) for m in caught.value.mistakes]


def test_columns_by_name(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "job,who,gpus,cpus,mem,at,run,limit,vc,gpu,prio,n,in\n"
        "a,x,2,0.5,4,100,60,120,east,V100|A100,9,3,1\n"
        "b,,0.25,2,0.5,40,1h30m,,,,,,\n",
    )
    jobs = load_csv(
        path,
        "id=job,user=who,devices=gpus,cores=cpus,memory_mib=mem,submit=at,duration=run,"
        "estimate=limit,home=vc,model=gpu,priority=prio,tasks=n,data_gb=in",
    )
    assert jobs.ids == ("b", "a")
    assert jobs.submit_s.tolist() == [0, 60]
    assert jobs.duration_s.tolist() == [5400, 60]
    assert math.isnan(jobs.estimate_s[0]) and jobs.estimate_s[1] == 120
    assert jobs.device_milli.tolist() == [250, 2000]
    assert jobs.cpu_milli.tolist() == [2000, 500]
    assert jobs.memory_bytes.tolist() == [512 << 10, 4 << 20]
    assert jobs.data_bytes.tolist() == [0, 10**9]
    assert jobs.tasks.tolist() == [1, 3]
    assert jobs.priority.tolist() == [0, 9]
    assert [jobs.user.of_row(i) for i in (0, 1)] == ["", "x"]
    assert jobs.home.of_row(1) == "east" and jobs.model.of_row(1) == "V100|A100"
    assert math.isnan(jobs.epoch_s)


def test_ties_keep_the_order_of_the_file_and_zero_durations_are_fine(tmp_path: Path) -> None:
    path = write(tmp_path, "t,d,i\n5,0,a\n1,0,b\n5,0,c\n1,0,d\n")
    jobs = load_csv(path, "submit=t,duration=d,id=i")
    assert jobs.ids == ("b", "d", "a", "c")
    assert jobs.duration_s.tolist() == [0, 0, 0, 0]


def test_dates_and_ends(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "from,to\n"
        "2017-10-09 07:01:55,2017-10-09 07:01:55.5\n"
        "2017-10-09T07:01:54.9999990,2017-10-10T07:01:54\n"
        "2017-10-09T09:01:56+02:00,2017-10-09T07:01:56Z\n",
    )
    jobs = load_csv(path, {"submit": "from", "end": "to"})
    assert jobs.submit_s.tolist() == [0, 1e-6, 1.000001]
    assert jobs.duration_s.tolist() == pytest.approx([86399.000001, 0.5, 0], abs=1e-9)
    assert jobs.epoch_s == pytest.approx(1507532514.999999, abs=1e-6)


def test_other_forms_of_times(tmp_path: Path) -> None:
    path = write(tmp_path, "t,d\n31.12.2023 23:59,1\n01.01.2024 00:01,2\n")
    jobs = load_csv(path, "submit=t,duration=d", time_format="%d.%m.%Y %H:%M")
    assert jobs.submit_s.tolist() == [0, 120]
    found = mistakes_of(path, "submit=t,duration=d")
    assert [line for line, _, _ in found] == [2, 3]
    assert "name the form" in found[0][2]


def test_unix_seconds_and_hours(tmp_path: Path) -> None:
    path = write(tmp_path, "t,d\n1700000000,1\n1700000010,1\n")
    assert load_csv(path, "submit=t,duration=d").epoch_s == 1.7e9
    jobs = load_csv(write(tmp_path, "t,d\n1.5,2\n2,0.25\n"), "submit_h=t,duration_min=d")
    assert jobs.submit_s.tolist() == [0, 1800]
    assert jobs.duration_s.tolist() == [120, 15]


def test_all_rows_have_times_of_one_kind(tmp_path: Path) -> None:
    path = write(tmp_path, "t,d\n1,1\n2020-01-01,1\n")
    ((line, field, message),) = mistakes_of(path, "submit=t,duration=d")
    assert (line, field) == (3, "t") and "rows above" in message
    path = write(tmp_path, "t,e\n1,2020-01-01\n")
    ((_, field, message),) = mistakes_of(path, "submit=t,end=e")
    assert field == "e" and "same kind" in message


def test_bad_cells(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "t,d,g,m\n"
        "0,-1,1,1\n"
        "x,1,1,1\n"
        ",1,1,1\n"
        "1,nan,1.5,1\n"
        "1,inf,-1,1\n"
        "1,1,1\n"
        '"1\n",1,two,80G\n'
        "1,,1,1\n",
    )
    found = mistakes_of(path, "submit=t,duration=d,devices=g,memory=m")
    assert [(line, field) for line, field, _ in found] == [
        (2, "d"),
        (3, "t"),
        (4, "t"),
        (5, "d"),
        (5, "g"),
        (6, "d"),
        (6, "g"),
        (7, "(row)"),
        (9, "g"),
        (9, "m"),
        (10, "d"),
    ]
    assert "negative" in found[0][2]
    assert "3 fields" in found[7][2] and "4 columns" in found[7][2]
    assert "ambiguous" in found[9][2]


def test_ends_before_submissions(tmp_path: Path) -> None:
    path = write(tmp_path, "t,e\n5,6\n7,4\n")
    ((line, field, message),) = mistakes_of(path, "submit=t,end=e")
    assert (line, field) == (3, "e") and "3 s before t" in message


def test_chunks_are_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS_PER_CHUNK", 3)
    text = "t,d,u\n" + "".join(f"{100 - i},{i},u{i % 4}\n" for i in range(20))
    jobs = load_csv(write(tmp_path, text), "submit=t,duration=d,user=u")
    assert jobs.duration_s.tolist() == list(range(19, -1, -1))
    assert [jobs.user.of_row(i) for i in range(20)] == [f"u{i % 4}" for i in range(19, -1, -1)]
    bad = write(tmp_path, text.replace("90,10", "\n90,x").replace("85,15", "85,-2"))
    assert [line for line, *_ in mistakes_of(bad, "submit=t,duration=d")] == [13, 18]


def test_the_map_itself_can_be_wrong() -> None:
    with pytest.raises(BadInput) as caught:
        parse_mapping("submitt=t,duration,user=u,user=v,cores=a,cpu=b,=x")
    found = [(m.field, m.message) for m in caught.value.mistakes]
    assert [field for field, _ in found] == ["duration", "user", "=x", "submitt", "cpu"]
    assert "did you mean submit?" in found[3][1]
    with pytest.raises(BadInput) as caught:
        parse_mapping("user=u")
    assert {m.field for m in caught.value.mistakes} == {"submit", "duration"}
    with pytest.raises(BadInput):
        parse_mapping("submit=t,duration=d,end=e")


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, "time,run\n1,1\n")
    ((_, field, message),) = mistakes_of(path, "submit=when,duration=run")
    assert field == "when" and "'time', 'run'" in message
    twice = write(tmp_path, "t,t\n1,1\n")
    assert mistakes_of(twice, "submit=t,duration=t")


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    for text, words in (("", "empty"), ("\n\n", "empty"), ("t,d\n\n", "no rows")):
        with pytest.raises(BadInput, match=words):
            load_csv(write(tmp_path, text), "submit=t,duration=d")
    path = tmp_path / "latin.csv"
    path.write_bytes("t,d\n1,1\n1,ä\n".encode("latin-1"))
    with pytest.raises(BadInput, match="UTF-8"):
        load_csv(path, "submit=t,duration=d")


def test_packed_with_a_mark_and_windows_lines(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv.gz"
    path.write_bytes(gzip.compress("\ufefft,d\r\n3,4\r\n".encode()))
    assert load_csv(path, "submit=t,duration=d").duration_s.tolist() == [4]


LLM = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4000,10
2023-11-16 18:17:04.0319600,1000,0
"""


def test_requests_take_as_long_as_their_tokens(tmp_path: Path) -> None:
    jobs = load_llm(write(tmp_path, LLM), tokens_per_s=20, prefill_tokens_per_s=2000)
    assert jobs.duration_s.tolist() == [2.5, 0.5]
    assert jobs.submit_s.tolist() == [0, 0.052]
    assert jobs.device_milli.tolist() == [1000, 1000]
    assert jobs.epoch_s == pytest.approx(1700158623.97996)
    shared = load_llm(write(tmp_path, LLM), 20, 2000, device_milli=250)
    assert shared.device_milli.tolist() == [250, 250]


def test_rates_have_to_be_some(tmp_path: Path) -> None:
    for rates in ((0, 1), (1, -1), (math.nan, 1), (1, math.inf)):
        with pytest.raises(BadInput, match="above 0"):
            load_llm(write(tmp_path, LLM), *rates)
    with pytest.raises(BadInput, match="1500"):
        load_llm(write(tmp_path, LLM), 1, 1, device_milli=1500)


def test_bad_requests(tmp_path: Path) -> None:
    path = write(tmp_path, LLM + "2023-13-01 00:00:00,1,1\n2023-11-16 18:18:00,-1,2.5\n")
    with pytest.raises(BadInput) as caught:
        load_llm(path, 1, 1)
    assert [(m.line, m.field) for m in caught.value.mistakes] == [
        (4, "TIMESTAMP"),
        (5, "ContextTokens"),
        (5, "GeneratedTokens"),
    ]
