"""The catalog of accelerators: names are found, figures have sources, unknown stays unknown."""

import json
import pickle
import re

import pytest

from weir.core.devices import (
    DeviceModel,
    Figure,
    Precision,
    UnknownDevice,
    all_models,
    find,
    performance,
    performance_gflops,
    suggest,
    to_record,
)

GIB, GB_S = 2**30, 10**9


def figures(model: DeviceModel) -> list[Figure]:
    single = (
        model.memory_bytes,
        model.memory_bandwidth_bytes_s,
        model.link_bytes_s,
        model.power_w,
    )
    return [
        *model.nominal.values(),
        *model.measured.values(),
        *(figure for figure in single if figure is not None),
    ]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("H100", "nvidia-h100-sxm5"),
        ("h100", "nvidia-h100-sxm5"),
        ("nvidia h100 sxm5", "nvidia-h100-sxm5"),
        ("NVIDIA H100 80GB HBM3", "nvidia-h100-sxm5"),
        ("NVIDIA-H100-80GB-HBM3", "nvidia-h100-sxm5"),
        ("NVIDIA H100 PCIe", "nvidia-h100-pcie"),
        ("NVIDIA A100-SXM4-40GB", "nvidia-a100-sxm4-40gb"),
        ("A100-SXM4-80GB", "nvidia-a100-sxm4-80gb"),
        ("Ascend910B4-1", "huawei-ascend-910b4-1"),
        ("Ascend 910B", "huawei-ascend-910b"),
        ("昇腾910B4", "huawei-ascend-910b4"),
        ("mtt_s4000", "mthreads-mtt-s4000"),
        ("V100M32", "nvidia-v100-32gb"),
        ("BI-V150", "iluvatar-bi150"),
        ("G2", "undisclosed-g2"),
    ],
)
def test_a_model_is_found_however_it_is_written(written: str, name: str) -> None:
    assert find(written).name == name


def test_every_model_is_found_by_every_name_it_has() -> None:
    for model in all_models():
        for name in (model.name, model.label, *model.aliases):
            assert find(f" {name.upper()} ") is model


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("h10", "nvidia-h100-sxm5"),
        ("ascend910", "huawei-ascend-910b"),
        ("mi300", "amd-mi300x"),
        ("gaudi", "intel-gaudi-3"),
        ("MLU-370-X4", "cambricon-mlu370-x8"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(written: str, near: str) -> None:
    with pytest.raises(UnknownDevice, match=re.escape(near)) as caught:
        find(written)
    assert caught.value.name == written
    assert near in caught.value.suggestions
    assert caught.value.suggestions == suggest(written)


def test_suggestions_are_as_many_as_asked_and_can_be_found() -> None:
    assert [len(suggest("910", n)) for n in (0, 1, 5)] == [0, 1, 5]
    assert all(find(name).name == name for name in suggest("910", 5))
    assert suggest("", 5) == ()
    assert suggest("qqqqqqqq") == ()


def test_the_error_is_a_value_error_that_crosses_processes_and_stays_short() -> None:
    with pytest.raises(ValueError, match="no device model is called") as caught:
        find("x" * 10**6)
    assert len(str(caught.value)) < 300
    again = pickle.loads(pickle.dumps(UnknownDevice("h10", ("nvidia-h100-sxm5",))))
    assert (again.name, str(again)) == (
        "h10",
        "no device model is called 'h10'; near it: nvidia-h100-sxm5",
    )


# Dense TFLOPS, or TOPS for INT8, as published; None: nothing that is good enough.
@pytest.mark.parametrize(
    ("name", "fp64", "fp32", "fp16", "bf16", "int8"),
    [
        ("A100", 19.5, 19.5, 312, 312, 624),
        ("H100", 66.9, 66.9, 989.4, 989.4, 1978.9),
        ("H200", None, None, 989, 989, 1979),
        ("H20", 1, 44, 148, 148, 296),
        ("L20", None, None, 119.5, 119.5, 239),
        ("MI300X", 163.4, 163.4, 1307.4, 1307.4, 2614.9),
        ("Gaudi 3", None, None, None, 1835, None),
        ("Gaudi 2", None, None, None, 432, None),
        ("910C", None, None, 752, 752, None),
        ("910B", None, 82.9, 313.2, 304.3, 608.6),
        ("MLU370-X8", None, 32, 96, 96, 256),
        ("MLU290-M5", None, None, None, None, 512),
        ("BR100", None, 256, None, 1024, 2048),
        ("BR104", None, 128, None, 512, 1024),
        ("MTT S4000", None, 25, 100, 100, 200),
        ("BI150", None, 38.7, 196.5, 196.8, None),
    ],
)
def test_performance_is_what_the_source_says(
    name: str,
    fp64: float | None,
    fp32: float | None,
    fp16: float | None,
    bf16: float | None,
    int8: float | None,
) -> None:
    model = find(name)
    expected = {"fp64": fp64, "fp32": fp32, "fp16": fp16, "bf16": bf16, "int8": int8}
    for precision in Precision:
        tera = expected.get(precision.value)
        giga = None if tera is None else round(tera * 1000)
        assert performance_gflops(model, precision) == giga, precision


@pytest.mark.parametrize(
    ("name", "gib", "bandwidth", "link", "watts"),
    [
        ("A100", 40, 1555, 600, 400),
        ("H100", 80, 3350, 900, 700),
        ("H200", 141, 4800, 900, 700),
        ("H20", 96, 4000, 900, 400),
        ("L20", 48, 864, None, None),
        ("MI300X", 192, 5300, 896, 750),
        ("Gaudi 3", 128, 3700, 24 * 200 / 8, 900),
        ("Gaudi 2", 96, 2450, None, 600),
        ("910C", 128, 3200, 196, None),
        ("910B", 64, None, None, 350),
        ("MLU370-X8", 48, 614.4, 200, 250),
        ("MLU290-M5", 32, 1228, 600, 350),
        ("BR100", 64, 1640, 2300, 550),
        ("BR104", 32, 819, None, 300),
        ("MTT S4000", 48, 768, 240, None),
        ("C550", 64, 1800, None, 450),
        ("BI150", 64, 590, 92.5, 350),
        ("P800", 96, None, None, None),
        ("PPU", 96, None, 700, 400),
        ("910A", 32, None, None, None),
        ("910B2", 64, None, None, None),
        ("910B3", 64, None, None, None),
        ("910B4", 32, None, None, None),
        ("910B4-1", 64, None, None, None),
        ("910C die", 64, None, None, None),
        ("310P3", 24, None, None, None),
    ],
)
def test_memory_links_and_power_are_what_the_source_says(
    name: str, gib: int, bandwidth: float | None, link: float | None, watts: int | None
) -> None:
    def value(figure: Figure | None) -> int | None:
        return None if figure is None else figure.value

    def bytes_s(giga: float | None) -> int | None:
        return None if giga is None else round(giga * GB_S)

    model = find(name)
    assert value(model.memory_bytes) == gib * GIB
    assert value(model.memory_bandwidth_bytes_s) == bytes_s(bandwidth)
    assert value(model.link_bytes_s) == bytes_s(link)
    assert value(model.power_w) == watts


def test_a_measurement_stands_in_only_where_nothing_is_promised() -> None:
    promised = performance(find("H100"), Precision.FP16)
    measured = performance(find("910B"), Precision.FP16)
    assert promised is not None
    assert measured is not None
    assert (promised.kind, measured.kind) == ("nominal", "measured")
    assert not find("910B").nominal
    assert not find("BI150").nominal

    figure = Figure(1, "GFLOPS", "here", "A", "nominal")
    both = DeviceModel(
        "m", "M", "M", "gpu",
        nominal={Precision.FP16: figure},
        measured={Precision.FP16: Figure(2, "GFLOPS", "here", "A", "measured")},
    )  # fmt: skip
    assert performance(both, Precision.FP16) is figure


def test_a_model_without_a_good_source_can_be_named_and_nothing_more_is_claimed() -> None:
    in_traces = ("V100", "V100M16", "P100", "K80", "T4", "A10", "G2", "G3", "A100-SXM4-80GB")
    in_centers = ("H800", "Z100", "K100", "S60", "T21", "MLU590", "C500", "S5000")
    for name in (*in_traces, *in_centers):
        assert figures(find(name)) == []


@pytest.mark.parametrize("name", ["310P", "910B3", "910B4", "P800", "C550", "PPU", "910C die"])
def test_a_model_may_have_memory_and_no_performance(name: str) -> None:
    model = find(name)
    assert model.memory_bytes is not None
    assert all(performance_gflops(model, precision) is None for precision in Precision)


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
def test_every_entry_keeps_the_laws_of_the_table(model: DeviceModel) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", model.name)
    assert all(figure.kind == "nominal" for figure in model.nominal.values())
    assert all(figure.kind == "measured" for figure in model.measured.values())
    for figure in figures(model):
        assert isinstance(figure.value, int)
        assert figure.value > 0
        assert figure.source
        assert figure.grade in ("A", "B", "C")
        assert figure.kind in ("nominal", "measured")
    for table in (model.nominal, model.measured):
        for precision, figure in table.items():
            assert figure.unit == ("GOPS" if precision is Precision.INT8 else "GFLOPS")
            assert figure.value < 10**7, "over 10 PFLOPS a device: a slip in the unit"


def test_names_are_unique() -> None:
    names = [model.name for model in all_models()]
    assert len(names) == len(set(names))


def test_the_known_conflicts_are_told_beside_the_figure() -> None:
    def note(figure: Figure | None) -> str:
        assert figure is not None
        return figure.note

    assert "364.5 W" in note(find("910B").power_w)
    assert "256" in find("910B").note
    assert "320" in find("910B").note
    assert "550 W" in note(find("H20").power_w)
    assert "counts twice" in find("910C").note
    assert "33.5" in note(performance(find("H100"), Precision.FP64))
    assert "21527 MiB" in note(find("310P").memory_bytes)


def test_the_die_and_the_package_of_a_910c_are_different_things() -> None:
    package, die = find("910C"), find("910C die")
    assert package.memory_bytes is not None
    assert die.memory_bytes is not None
    assert package.memory_bytes.value == 2 * die.memory_bytes.value
    assert die.kubernetes_resources == ("huawei.com/Ascend910C",)
    assert package.kubernetes_resources == ()


def test_stacks_and_resources_lead_to_what_an_executor_asks_for() -> None:
    assert find("H100").stacks == ("cuda",)
    assert find("MI300X").kubernetes_resources == ("amd.com/gpu",)
    assert "huawei.com/Ascend910B4" in find("910B4").kubernetes_resources
    assert find("910B4").stacks == ("cann",)
    assert find("Z100").kubernetes_resources == ("hygon.com/dcunum",)
    assert find("PPU").stacks == ()


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
def test_a_record_is_json_and_carries_every_source(model: DeviceModel) -> None:
    record = json.loads(json.dumps(to_record(model)))
    assert record["name"] == model.name
    assert set(record["nominal"]) == {precision.value for precision in Precision}
    shown = [
        *record["nominal"].values(),
        *record["measured"].values(),
        *(record[k] for k in ("memory_bytes", "memory_bandwidth_bytes_s", "link_bytes_s")),
        record["power_w"],
    ]
    shown = [figure for figure in shown if figure is not None]
    assert len(shown) == len(figures(model))
    assert all(figure["source"] and figure["grade"] and figure["unit"] for figure in shown)


def test_unknown_is_null_in_a_record_never_zero() -> None:
    record = to_record(find("T4"))
    assert record["memory_bytes"] is None
    assert set(record["nominal"].values()) == {None}


def test_a_model_can_be_a_key_and_crosses_processes() -> None:
    model = find("H100")
    assert {model: 1}[pickle.loads(pickle.dumps(model))] == 1
