from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weir.core.devices import Precision
from weir.core.inventory import HostShape, Pool
from weir.core.verified import PEERS, attained_gflops, compared, peers_of, verified

H100 = "nvidia-h100-sxm5"
A100 = "nvidia-a100-sxm4-40gb"
NPU = "huawei-ascend-910b"
GIB = 2**30


def a_pool(name: str = "a", model: str = H100, **fields: Any) -> Pool:
    """Two hosts of 64 cores, 512 GiB and eight devices."""
    shape = HostShape(cpu_milli=64_000, memory_bytes=512 * GIB, devices=8)
    given = {"cluster": "C", "site": "S", "site_name": "s", "hosts": 2, "shape": shape, "free": ()}
    return Pool(**{"id": name, "name": name, "device_model": model, **given, **fields})


def off(pool: Pool, seen: dict[str, float] | None = None, *others: Pool) -> dict[str, float]:
    found = compared(pool, seen or {}, peers_of((pool, *others)))
    return {c.what: round(c.off, 6) for c in found}


def test_a_measurement_stands_beside_the_nominal_figure() -> None:
    (figure,) = verified(H100, [("bf16", 790_000)])

    assert (figure.precision, figure.measured) == (Precision.BF16, 790_000)
    assert figure.nominal is not None
    assert figure.share == 790_000 / figure.nominal
    assert not figure.far


def test_what_no_healthy_device_does_is_far() -> None:
    assert verified(H100, [("bf16", 100_000)])[0].far
    assert verified(H100, [("bf16", 9_000_000)])[0].far


def test_of_8_bit_integers_a_healthy_device_may_do_less() -> None:
    assert not verified(H100, [("int8", 955_000)])[0].far
    assert verified(H100, [("int8", 500_000)])[0].far


def test_without_a_nominal_figure_nothing_is_concluded() -> None:
    for figure in verified(None, [("fp32", 71)]):
        assert (figure.nominal, figure.share, figure.far) == (None, None, False)


def test_a_claim_of_more_than_is_there_is_off_by_what_lacks() -> None:
    seen = {
        "devices_seen": 12.0,
        "device_memory_total": 16 * 76.0 * GIB,
        "cpu_seen": 128.0,
        "memory_seen": 2 * 384.0 * GIB,
    }
    assert off(a_pool(), seen) == {
        "devices": 0.25,
        "device_memory": 0.05,
        "cores": 0.0,
        "memory": 0.25,
    }


def test_more_may_be_there_than_is_claimed() -> None:
    seen = {"devices_seen": 32.0, "cpu_seen": 256.0, "memory_seen": 4096.0 * GIB}
    assert set(off(a_pool(), seen).values()) == {0.0}


def test_a_device_whose_use_is_unknown_is_there_all_the_same() -> None:
    assert off(a_pool(), {"devices_seen": 3.0, "devices_health": 16.0}) == {"devices": 0.0}


def test_what_nobody_has_found_is_compared_with_nothing() -> None:
    assert off(a_pool()) == {}
    assert off(a_pool(measured_gflops=(("bf16", 700_000),))) == {}, "no peers"
    assert off(a_pool(emulated=True), {"devices_seen": 1.0}) == {}


def test_a_device_that_does_less_than_others_of_its_model() -> None:
    usual = [a_pool(f"p{n}", measured_gflops=(("bf16", 780_000 + n),)) for n in range(3)]
    slow = a_pool("slow", measured_gflops=(("bf16", 624_000),))
    good = a_pool("good", measured_gflops=(("bf16", 760_000),))
    other = a_pool("other", model="nvidia-h200-sxm", measured_gflops=(("bf16", 100_000),))
    assert off(slow, None, *usual)["bf16"] > 0.19
    assert off(good, None, *usual)["bf16"] < 0.05
    assert off(other, None, *usual) == {}, "a model is compared with itself"


def test_a_device_that_does_more_than_its_model_is_another_model() -> None:
    usual = [a_pool(f"p{n}", model=A100, measured_gflops=(("fp32", 19_000),)) for n in range(4)]
    fast = a_pool("fast", model=A100, measured_gflops=(("fp32", 60_000),))
    assert off(fast, None, *usual)["fp32"] > 2


def test_what_is_known_to_be_attained_needs_no_peers() -> None:
    assert attained_gflops(A100, Precision.FP64) == 0.913 * 19_500
    assert attained_gflops(NPU, Precision.FP16) == 313_200
    assert attained_gflops(H100, Precision.BF16) is None
    assert off(a_pool(model=NPU, measured_gflops=(("fp16", 250_560),))) == {"fp16": 0.2}
    assert off(a_pool(model=NPU, measured_gflops=(("fp16", 400_000),))) == {"fp16": 0.0}


FIGURES = st.integers(min_value=1, max_value=10**7)


@given(st.lists(FIGURES, min_size=PEERS, max_size=12), st.randoms(use_true_random=False))
def test_half_of_the_peers_lie_on_either_side_in_whatever_order(
    figures: list[int], chance: Any
) -> None:
    pools = [a_pool(f"p{n}", measured_gflops=(("fp32", f),)) for n, f in enumerate(figures)]
    usual = peers_of(pools)[H100, "fp32"]
    shuffled = [*pools, pools[0]]
    chance.shuffle(shuffled)
    assert peers_of(shuffled)[H100, "fp32"] == usual, "each pool once"
    assert 2 * sum(f <= usual for f in figures) >= len(figures)
    assert 2 * sum(f >= usual for f in figures) >= len(figures)
