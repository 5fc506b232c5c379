"""Alibaba's openb lists: pods, hosts, recorded orders, and orders drawn by chance."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.sim.loaders.openb import OpenbHost, load_openb, load_openb_hosts, resample
from weir.sim.workload import Workload, workload

PODS = """\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos
p-0,12000,16384,1,1000,,LS
p-1,6000,12288,1,460,V100M16|V100M32,LS
p-2,4000,1,8,1000,,BE
p-3,2000,512,0,0,,BE
"""


def write(tmp_path: Path, text: str, name: str = "pods.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_pods_ask_for_shares_or_whole_devices(tmp_path: Path) -> None:
    pods = load_openb(write(tmp_path, PODS))
    assert pods.ids == ("p-0", "p-1", "p-2", "p-3")
    assert pods.device_milli.tolist() == [1000, 460, 8000, 0]
    assert pods.cpu_milli.tolist() == [12000, 6000, 4000, 2000]
    assert pods.memory_bytes[2] == 1 << 20
    assert [pods.model.of_row(i) for i in range(4)] == ["", "V100M16|V100M32", "", ""]
    assert pods.submit_s.tolist() == [0, 1, 2, 3]
    assert np.isinf(pods.duration_s).all()


def test_a_list_without_models_is_one(tmp_path: Path) -> None:
    pods = load_openb(
        write(tmp_path, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np-0,1,1,2,1000\n")
    )
    assert pods.device_milli.tolist() == [2000]
    assert pods.model.of_row(0) == ""


def test_a_recorded_order_with_copies(tmp_path: Path) -> None:
    order = write(tmp_path, "seq,pod\n0,p-3\n1,p-1\n2,p-1-tuned-0\n3,p-0-tuned-1\n", "order.csv")
    pods = load_openb(write(tmp_path, PODS), order)
    assert pods.ids == ("p-3", "p-1", "p-1-tuned-0", "p-0-tuned-1")
    assert pods.device_milli.tolist() == [0, 460, 460, 1000]
    assert pods.model.of_row(2) == "V100M16|V100M32"
    assert pods.submit_s.tolist() == [0, 1, 2, 3]


def test_an_order_of_another_list(tmp_path: Path) -> None:
    order = write(tmp_path, "seq,pod\n0,p-3\n1,q-1-tuned-7\n", "order.csv")
    with pytest.raises(BadInput) as caught:
        load_openb(write(tmp_path, PODS), order)
    (mistake,) = caught.value.mistakes
    assert mistake.line == 3 and "q-1-tuned-7" in mistake.message and "pods.csv" in mistake.message


def test_mistakes_in_pods(tmp_path: Path) -> None:
    text = PODS + "p-4,-1,1,1,1000,,\np-5,1,,2,500,,\np-0,1,x,1,0,,\n"
    with pytest.raises(BadInput) as caught:
        load_openb(write(tmp_path, text))
    found = sorted((m.line, m.field) for m in caught.value.mistakes)
    assert found == [
        (6, "cpu_milli"),
        (7, "gpu_milli"),
        (7, "memory_mib"),
        (8, "gpu_milli"),
        (8, "memory_mib"),
        (8, "name"),
    ]


def test_hosts(tmp_path: Path) -> None:
    path = write(tmp_path, "sn,cpu_milli,memory_mib,gpu,model\na,64000,2,2,P100\nb,1000,1,0,\n")
    assert load_openb_hosts(path) == [
        OpenbHost("a", 64000, 2 << 20, 2, "P100"),
        OpenbHost("b", 1000, 1 << 20, 0, ""),
    ]


def test_hosts_of_one_name(tmp_path: Path) -> None:
    path = write(tmp_path, "sn,cpu_milli,memory_mib,gpu,model\na,1,2,2,P\na,1,2,2,P\n")
    with pytest.raises(BadInput, match="each comes once"):
        load_openb_hosts(path)


def pods_of(milli: list[int]) -> Workload:
    names = [f"p-{at}" for at in range(len(milli))]
    return workload(
        "pods",
        names,
        submit_s=np.arange(len(milli)),
        duration_s=np.full(len(milli), np.inf),
        device_milli=milli,
        cpu_milli=np.arange(len(milli)),
    )


@given(
    st.lists(st.sampled_from([0, 250, 1000, 4000]), min_size=1, max_size=30),
    st.integers(1, 60_000),
    st.integers(0, 2**32),
)
def test_orders_by_chance_end_at_the_share(milli: list[int], capacity: int, seed: int) -> None:
    pods = pods_of([*milli, 1000])
    drawn = resample(pods, capacity, 1.3, seed)
    assert drawn.device_milli.sum() <= 1.3 * capacity
    names = [name.split("-tuned-")[0] for name in drawn.ids]
    assert drawn.cpu_milli.tolist() == [int(name[2:]) for name in names]
    assert len(set(drawn.ids)) == len(drawn)
    assert drawn.submit_s.tolist() == list(range(len(drawn)))
    if pods.device_milli.sum() <= 1.3 * capacity:
        assert sorted(drawn.ids[: len(pods)]) == sorted(pods.ids)
        assert all("-tuned-" in name for name in drawn.ids[len(pods) :])
    else:
        assert len(drawn) < len(pods) and set(drawn.ids) < set(pods.ids)
    again = resample(pods, capacity, 1.3, seed)
    assert again.ids == drawn.ids


def test_orders_reach_the_share_and_differ_by_seed() -> None:
    pods = pods_of([100] * 50)
    drawn = resample(pods, 10_000, 1.3, seed=1)
    assert drawn.device_milli.sum() == 13_000
    assert drawn.ids != resample(pods, 10_000, 1.3, seed=2).ids


def test_nothing_to_resample() -> None:
    with pytest.raises(BadInput, match="no pod that asks for a device"):
        resample(pods_of([0, 0]), 1000)
