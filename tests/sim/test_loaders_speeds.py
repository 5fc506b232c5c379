"""Speeds of kinds of job on device models: read from tables, and what simulations make of them."""

from pathlib import Path

import pytest

from tests.scheduling.builders import A100, H100, pool
from tests.sim.stories import jobs
from weir.core.errors import BadInput
from weir.scheduling.policies import policy
from weir.sim.engine import Options, simulate
from weir.sim.loaders.speeds import load_speeds, notes_of

pytestmark = pytest.mark.timeout(300)

TABLE = {"train": {H100: 3.0, A100: 1.5}, "tune": {A100: 7.0}}


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_table_and_a_mapping_say_the_same(tmp_path: Path) -> None:
    rows = f"# measured in May\nmodel,speed,kind\n{H100},3,train\n{A100},1.5,train\n{A100},7,tune\n"
    mapping = f"train: {{{H100}: 3, {A100}: 1.5}}\ntune:\n  {A100}: 7.0\n"
    assert load_speeds(write(tmp_path, "s.csv", rows)) == TABLE
    assert load_speeds(write(tmp_path, "s.yaml", mapping)) == TABLE


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    rows = f"kind,model,speed\ntrain,{H100},0\n,{H100},1\ntrain,h10000,1\na,{A100},1\na,{A100},2\n"
    with pytest.raises(BadInput) as caught:
        load_speeds(write(tmp_path, "s.csv", rows))
    found = [(m.line, m.field) for m in caught.value.mistakes]
    assert found == [(2, "speed"), (3, "kind"), (4, "model"), (6, "model")]
    with pytest.raises(BadInput) as caught:
        load_speeds(write(tmp_path, "s.yaml", f"train: fast\ntune:\n  {A100}: true\n"))
    assert [(m.line, m.field) for m in caught.value.mistakes] == [(1, "train"), (3, "speed")]
    with pytest.raises(BadInput, match="'when'"):
        load_speeds(write(tmp_path, "s.csv", "kind,model,speed,when\n"))


def test_a_table_of_other_kinds_is_a_mistake() -> None:
    load = jobs([0, 0], [1, 1], kind=["trian", ""])
    with pytest.raises(BadInput, match="did you mean trian"):
        list(notes_of(TABLE, load))
    assert list(notes_of({}, load)) == []
    said = list(notes_of(TABLE, jobs([0, 0], [1, 1], kind=["tune", ""])))
    assert said == ["1 jobs are of no kind with known speeds: as fast on every model."]


def test_a_job_takes_longer_where_its_kind_is_slower() -> None:
    pools = [pool("new", hosts=1), pool("old", hosts=1, model=A100)]
    load = jobs([0, 0, 0], [60] * 3, kind=["train", "train", ""], device_milli=[8000] * 3)
    ends = [
        simulate(load, pools, policy("fastest"), options=Options(speeds=TABLE)).end_s.tolist()
        for _ in range(2)
    ]
    assert ends[0] == ends[1]
    assert sorted(ends[0]) == [60, 120, 120]
