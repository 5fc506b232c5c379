"""A class's speed on a model: measured where runs have shown it, else carried over and marked."""

import math

import pytest

from weir.core.devices import Precision, find, performance
from weir.scheduling.speeds import attainable_gflops, speed

A100, H100 = "nvidia-a100-sxm4-40gb", "nvidia-h100-sxm5"


def _ratios() -> tuple[float, float]:
    a100, h100 = find(A100), find(H100)
    peaks = performance(h100, Precision.FP16), performance(a100, Precision.FP16)
    widths = h100.memory_bandwidth_bytes_s, a100.memory_bandwidth_bytes_s
    assert peaks[0] and peaks[1] and widths[0] and widths[1]
    return peaks[0].value / peaks[1].value, widths[0].value / widths[1].value


def test_what_was_measured_stands() -> None:
    found = speed("bert", "A100-SXM4-40GB", {"bert": {A100: 7.0}})
    assert found is not None
    assert (found.value, found.source, found.low, found.high) == (7.0, "measured", 7.0, 7.0)


def test_a_measured_zero_is_no_gap() -> None:
    found = speed("bert", A100, {"bert": {A100: 0.0, H100: 9.0}})
    assert found is not None and found.value == 0.0 and found.source == "measured"


def test_an_estimate_is_between_the_ratios_of_peak_and_bandwidth() -> None:
    peak, width = _ratios()
    found = speed("bert", H100, {"bert": {A100: 10.0}})
    assert found is not None
    assert found.source == "estimated" and found.basis == (A100,)
    assert found.low == pytest.approx(10 * min(peak, width))
    assert found.high == pytest.approx(10 * max(peak, width))
    assert found.value == pytest.approx(10 * math.sqrt(peak * width))


@pytest.mark.parametrize(("intensity", "which"), [(1.0, 1), (1e6, 0)])
def test_the_roofline_follows_the_bound_that_binds(intensity: float, which: int) -> None:
    found = speed("bert", H100, {"bert": {A100: 10.0}}, intensity=intensity)
    assert found is not None
    assert found.value == pytest.approx(10 * _ratios()[which])
    assert found.low == found.high == pytest.approx(found.value)


def test_attainable_is_the_lower_of_peak_and_bandwidth_times_intensity() -> None:
    model = find(A100)
    width, peak = model.memory_bandwidth_bytes_s, performance(model, Precision.FP16)
    assert width is not None and peak is not None
    assert attainable_gflops(model, Precision.FP16, 2.0) == width.value * 2.0 / 1e9
    assert attainable_gflops(model, Precision.FP16, 1e9) == peak.value
    assert attainable_gflops(model, Precision.FP16, None) is None


def test_nothing_is_guessed() -> None:
    assert speed("bert", H100, {}) is None
    assert speed("bert", H100, {"other": {A100: 1.0}}) is None
    assert speed("bert", "no-such-device", {"bert": {A100: 1.0}}) is None
    # The catalog has no figures of this model.
    assert speed("bert", "nvidia-k80", {"bert": {A100: 1.0}}) is None
    assert speed("bert", H100, {"bert": {A100: 0.0}}) is None
