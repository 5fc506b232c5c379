from weir.core.devices import Precision
from weir.core.verified import verified

H100 = "nvidia-h100-sxm5"


def test_a_measurement_stands_beside_the_nominal_figure() -> None:
    (figure,) = verified(H100, [("bf16", 790_000)])

    assert (figure.precision, figure.measured) == (Precision.BF16, 790_000)
    assert figure.nominal is not None
    assert figure.share == 790_000 / figure.nominal
    assert not figure.far


def test_what_no_healthy_device_does_is_far() -> None:
    assert verified(H100, [("bf16", 100_000)])[0].far
    assert verified(H100, [("bf16", 9_000_000)])[0].far


def test_without_a_nominal_figure_nothing_is_concluded() -> None:
    for figure in verified(None, [("fp32", 71)]):
        assert (figure.nominal, figure.share, figure.far) == (None, None, False)
