"""The accelerators that Weir knows: the types of an entry, and the entries.

Laws:
- Performance is per precision and dense; a figure that counts on sparsity is not taken in.
- What a benchmark measured and what a maker promises are kept apart.
- A figure names its source and how good it is: A read in the maker's or a benchmark's own
  repository, B press and other third parties' pages, C a secondary dataset known to have errors.
- No acceptable source, no figure: unknown is absent, never 0 and never a guess.

Units: performance in GFLOPS (GOPS for INT8), memory in bytes, bandwidths in bytes per second, power
in watts. Memory of a size sold as "80 GB" is 80 * 2**30 bytes, because that is what the device has
(exporters report 81920 MiB); it is the nominal size, and what an exporter reports on a machine is
the better figure there. Bandwidths are decimal: 1 GB/s is 10**9 bytes per second.

To add a model, add an entry: `tests/core/test_devices.py` holds it to these laws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from weir.core.units import parse_bytes, parse_gflops

Grade = Literal["A", "B", "C"]
FigureKind = Literal["nominal", "measured"]
DeviceKind = Literal["gpu", "npu"]


class Precision(StrEnum):
    """What is calculated with. Totals of different precisions are never added together."""

    FP64 = "fp64"
    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number about one device, with its unit, where it is from and how good that is."""

    value: int
    unit: str
    source: str
    grade: Grade
    kind: FigureKind
    note: str = ""


Figures = Mapping[Precision, Figure]


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """A model of accelerator: a canonical name, other names for it, and its figures.

    `stacks` are the software stacks it runs (`cuda`, `cann` ...), empty if not well known;
    `kubernetes_resources` are the extended resources that count such devices, of which several
    models may share one. Null means that no acceptable source was found.
    """

    name: str
    maker: str
    label: str
    kind: DeviceKind
    aliases: tuple[str, ...] = ()
    nominal: Figures = field(default_factory=dict, hash=False)
    measured: Figures = field(default_factory=dict, hash=False)
    memory_bytes: Figure | None = None
    memory_bandwidth_bytes_s: Figure | None = None
    link_bytes_s: Figure | None = None
    power_w: Figure | None = None
    stacks: tuple[str, ...] = ()
    kubernetes_resources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where figures are from; each method makes one figure of it."""

    where: str
    grade: Grade
    kind: FigureKind = "nominal"

    def tflops(self, amount: str, note: str = "") -> Figure:
        return self._figure(parse_gflops(f"{amount} TFLOPS"), "GFLOPS", note)

    def tops(self, amount: str, note: str = "") -> Figure:
        return self._figure(parse_gflops(f"{amount} TOPS"), "GOPS", note)

    def gib(self, amount: int, note: str = "") -> Figure:
        return self._figure(amount * 2**30, "bytes", note)

    def gb_s(self, amount: str, note: str = "") -> Figure:
        return self._figure(parse_bytes(f"{amount}GB"), "bytes/s", note)

    def watts(self, amount: int, note: str = "") -> Figure:
        return self._figure(amount, "W", note)

    def half(self, amount: str, note: str = "") -> dict[Precision, Figure]:
        """One figure that the source gives for FP16 and BF16 alike."""
        figure = self.tflops(amount, note)
        return {Precision.FP16: figure, Precision.BF16: figure}

    def _figure(self, value: int, unit: str, note: str) -> Figure:
        return Figure(value, unit, self.where, self.grade, self.kind, note)


_FP64, _FP32, _BF16 = Precision.FP64, Precision.FP32, Precision.BF16
_FP16, _INT8 = Precision.FP16, Precision.INT8

_NVIDIA_GPU = ("nvidia.com/gpu",)
_ASCEND = ("huawei.com/Ascend910", "huawei.com/npu")
_MLU = ("cambricon.com/mlu", "cambricon.com/vmlu")
_METAX_GPU = ("metax-tech.com/gpu", "metax-tech.com/sgpu")
_GCU = ("enflame.com/gcu", "enflame.com/drs-gcu")

_FLAGPERF_A100 = _Source("FlagOpen/FlagPerf base/benchmarks/*/nvidia/A100", "A")
_KLOCKWOOD_A100 = _Source("glennklockwood.com/garden/processors/A100", "B")
_KLOCKWOOD_H100 = _Source("glennklockwood.com/garden/processors/h100", "B")
_EVOKERNEL = _Source("ying-wen/evokernel-spec nvidia/h200-sxm", "C")
_TOMS = _Source("tomshardware.com (H20, L20, L2)", "B")
_ZANGSHUXIAN = _Source("zangshuxian.com", "B")
_WILLITRUNAI = _Source("willitrunai.com", "B")
_ROCM = _Source("ROCm/ROCm docs/conceptual/gpu-arch/mi300.md", "A")
_MI300X_PAGES = _Source("aiwiki.ai; gpu.blog", "B")
_GPU_BLOG = _Source("gpu.blog", "B")
_YOBITEL = _Source("yobitel.com/knowledge-base/intel-gaudi-3", "B")
_PCGUIA = _Source("pcguia.pt 2024/04", "B")
_HAMI = _Source("Project-HAMi/HAMi scheduler device-configmap", "A")
_HAMI_XPU = _Source("Project-HAMi/HAMi pkg/device/kunlun/device.go", "A")
_CLOUDMATRIX = _Source("emergentmind.com on CloudMatrix (arXiv 2506.12708)", "B")
_COLLECTIVE = _Source("chinaresearchcollective.substack.com", "B")
_FLAGPERF_ASCEND = _Source("FlagOpen/FlagPerf base/benchmarks/*/ascend (Atlas 800T A2)", "A")
_MEASURED_ASCEND = _Source(_FLAGPERF_ASCEND.where, "A", "measured")
_GUANGXILONG = _Source("guangxilong.com/c/032129635H022.html", "B")
_ZOUKANKAN = _Source("t.zoukankan.com/kongchung-p-14746622", "B")
_BIREN_PRESS = _Source("tomshardware.com; techpowerup.com/298098", "B")
_IO_TECH = _Source("io-tech.fi", "B")
_FLAGPERF_METAX = _Source("FlagOpen/FlagPerf base/benchmarks/*/metax/C550", "A")
_FLAGPERF_BI150 = _Source("FlagOpen/FlagPerf base/benchmarks/*/iluvatar/BI150", "A")
_MEASURED_BI150 = _Source(_FLAGPERF_BI150.where, "A", "measured")
_CCTV = _Source("hxjkbz.com/n/959285 (after CCTV)", "B")

_BARE = "The bare name is read as this variant; the others are named in full."
_OPEN = "Variant not stated; a variant that is known is named in full."
_ONE_DATASET = "Figures stand in one secondary dataset alone (ying-wen/evokernel-spec): left out."
_CONFLICT = "Published FP16 figures of the 910B conflict (256, 320; 313 measured): left out."

# A table: fields of one subject share a line.
# fmt: off

_NVIDIA = (
    DeviceModel(
        "nvidia-a100-sxm4-40gb", "NVIDIA", "NVIDIA A100 SXM4 40 GB", "gpu",
        ("A100", "NVIDIA A100", "A100-40GB", "A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB"),
        nominal={
            _FP64: _FLAGPERF_A100.tflops("19.5", "on tensor cores"),
            _FP32: _FLAGPERF_A100.tflops("19.5"),
            **_FLAGPERF_A100.half("312"),
            _INT8: _KLOCKWOOD_A100.tops("624"),
        },
        memory_bytes=_FLAGPERF_A100.gib(40),
        memory_bandwidth_bytes_s=_FLAGPERF_A100.gb_s("1555"),
        link_bytes_s=_FLAGPERF_A100.gb_s("600"), power_w=_FLAGPERF_A100.watts(400),
        stacks=("cuda",), kubernetes_resources=_NVIDIA_GPU, note=_BARE,
    ),
    DeviceModel(
        "nvidia-h100-sxm5", "NVIDIA", "NVIDIA H100 SXM5 80 GB", "gpu",
        ("H100", "NVIDIA H100", "H100-SXM", "H100-SXM5-80GB", "NVIDIA H100 80GB HBM3"),
        nominal={
            _FP64: _KLOCKWOOD_H100.tflops("66.9", "on tensor cores; 33.5 TFLOPS off them"),
            _FP32: _KLOCKWOOD_H100.tflops("66.9"),
            **_KLOCKWOOD_H100.half("989.4"),
            _INT8: _KLOCKWOOD_H100.tops("1978.9"),
        },
        memory_bytes=_KLOCKWOOD_H100.gib(80),
        memory_bandwidth_bytes_s=_KLOCKWOOD_H100.gb_s("3350"),
        link_bytes_s=_KLOCKWOOD_H100.gb_s("900"), power_w=_KLOCKWOOD_H100.watts(700),
        stacks=("cuda",), kubernetes_resources=_NVIDIA_GPU, note=_BARE,
    ),
    DeviceModel(
        "nvidia-h200-sxm", "NVIDIA", "NVIDIA H200 SXM 141 GB", "gpu",
        ("H200", "NVIDIA H200", "H200-SXM-141GB"),
        nominal={**_EVOKERNEL.half("989"), _INT8: _EVOKERNEL.tops("1979")},
        memory_bytes=_EVOKERNEL.gib(141), memory_bandwidth_bytes_s=_EVOKERNEL.gb_s("4800"),
        link_bytes_s=_EVOKERNEL.gb_s("900"), power_w=_EVOKERNEL.watts(700),
        stacks=("cuda",), kubernetes_resources=_NVIDIA_GPU, note=_BARE,
    ),
    DeviceModel(
        "nvidia-h20", "NVIDIA", "NVIDIA H20 96 GB", "gpu", ("H20", "H20-96GB"),
        nominal={
            _FP64: _ZANGSHUXIAN.tflops("1"), _FP32: _ZANGSHUXIAN.tflops("44"),
            **_TOMS.half("148"), _INT8: _TOMS.tops("296"),
        },
        memory_bytes=_TOMS.gib(96), memory_bandwidth_bytes_s=_TOMS.gb_s("4000"),
        link_bytes_s=_WILLITRUNAI.gb_s("900"),
        power_w=_WILLITRUNAI.watts(400, "a comparison by CCTV quoted 550 W"),
        stacks=("cuda",), kubernetes_resources=_NVIDIA_GPU,
    ),
    DeviceModel(
        "nvidia-l20", "NVIDIA", "NVIDIA L20 48 GB", "gpu", ("L20", "L20-48GB"),
        nominal={**_TOMS.half("119.5"), _INT8: _TOMS.tops("239")},
        memory_bytes=_TOMS.gib(48), memory_bandwidth_bytes_s=_TOMS.gb_s("864"),
        stacks=("cuda",), kubernetes_resources=_NVIDIA_GPU,
    ),
)

_AMD_AND_INTEL = (
    DeviceModel(
        "amd-mi300x", "AMD", "AMD Instinct MI300X", "gpu", ("MI300X", "AMD Instinct MI300X OAM"),
        nominal={
            _FP64: _ROCM.tflops("163.4", "on matrix cores; 81.7 TFLOPS off them"),
            _FP32: _ROCM.tflops("163.4"),
            **_ROCM.half("1307.4"),
            _INT8: _ROCM.tops("2614.9", "dense; some pages give it as FP16, wrongly"),
        },
        memory_bytes=_MI300X_PAGES.gib(192),
        memory_bandwidth_bytes_s=_MI300X_PAGES.gb_s("5300"),
        link_bytes_s=_GPU_BLOG.gb_s("896"), power_w=_MI300X_PAGES.watts(750),
        stacks=("rocm",), kubernetes_resources=("amd.com/gpu",),
    ),
    DeviceModel(
        "intel-gaudi-3", "Intel", "Intel Gaudi 3", "npu", ("Gaudi 3", "Habana Gaudi 3"),
        nominal={_BF16: _YOBITEL.tflops("1835")},
        memory_bytes=_YOBITEL.gib(128), memory_bandwidth_bytes_s=_YOBITEL.gb_s("3700"),
        link_bytes_s=_YOBITEL.gb_s("600", "24 ports of 200 Gbit/s Ethernet, one direction"),
        power_w=_YOBITEL.watts(900),
        stacks=("synapseai",), kubernetes_resources=("habana.ai/gaudi",),
    ),
    DeviceModel(
        "intel-gaudi-2", "Intel", "Intel Gaudi 2", "npu", ("Gaudi 2", "Habana Gaudi 2"),
        nominal={_BF16: _PCGUIA.tflops("432")},
        memory_bytes=_PCGUIA.gib(96), memory_bandwidth_bytes_s=_PCGUIA.gb_s("2450"),
        power_w=_PCGUIA.watts(600),
        stacks=("synapseai",), kubernetes_resources=("habana.ai/gaudi",),
    ),
)


def _ascend(sku: str, gib: int, cores: int, note: str = "") -> DeviceModel:
    """An Ascend 910 SKU, told apart as HAMi does: by memory and AI cores."""
    return DeviceModel(
        f"huawei-ascend-{sku.lower()}", "Huawei", f"Huawei Ascend {sku}", "npu",
        (sku, f"Ascend {sku}", f"昇腾 {sku}"),
        memory_bytes=_HAMI.gib(gib, f"{gib * 1024} MiB"), stacks=("cann",),
        kubernetes_resources=(f"huawei.com/Ascend{sku}", *_ASCEND),
        note=f"{cores} AI cores. {note}".rstrip(),
    )


_HUAWEI = (
    DeviceModel(
        "huawei-ascend-910b", "Huawei", "Huawei Ascend 910B (variant not stated)", "npu",
        ("910B", "Ascend 910B", "昇腾 910B"),
        measured={
            _FP32: _MEASURED_ASCEND.tflops("82.9"),
            _FP16: _MEASURED_ASCEND.tflops("313.2"),
            _BF16: _MEASURED_ASCEND.tflops("304.3"),
            _INT8: _MEASURED_ASCEND.tops("608.6"),
        },
        memory_bytes=_FLAGPERF_ASCEND.gib(64, "as tested; a 910B4 has 32 GiB"),
        power_w=_FLAGPERF_ASCEND.watts(350, "as listed; the same source measured 364.5 W mean"),
        stacks=("cann",), kubernetes_resources=_ASCEND,
        note="Nominal FP16 figures conflict (jishuzhan.net 256, evokernel 320 TFLOPS): left out. "
        "Name the variant (910B2, 910B3, 910B4, 910B4-1) where it is known.",
    ),
    DeviceModel(
        "huawei-ascend-910c", "Huawei", "Huawei Ascend 910C (package of two dies)", "npu",
        ("910C", "Ascend 910C", "昇腾 910C"),
        nominal=_CLOUDMATRIX.half("752", "the package: both dies together"),
        memory_bytes=_CLOUDMATRIX.gib(128, "the package: both dies together"),
        memory_bandwidth_bytes_s=_CLOUDMATRIX.gb_s("3200", "the package"),
        link_bytes_s=_COLLECTIVE.gb_s("196", "UB"), stacks=("cann",),
        note="HAMi schedules 64 GiB units, apparently one per die: count those as "
        "huawei-ascend-910c-die, or each package counts twice.",
    ),
    DeviceModel(
        "huawei-ascend-910c-die", "Huawei", "Huawei Ascend 910C (one die)", "npu",
        ("910C die", "Ascend 910C die"),
        memory_bytes=_HAMI.gib(64, "65536 MiB, half of the package"), stacks=("cann",),
        kubernetes_resources=("huawei.com/Ascend910C",),
        note="20 AI cores. That HAMi's unit is a die is inferred from its memory; no figure of the "
        "package is halved here.",
    ),
    _ascend("910A", 32, 30),
    _ascend("910B2", 64, 24, _CONFLICT),
    _ascend("910B3", 64, 20, _CONFLICT),
    _ascend("910B4", 32, 20, _CONFLICT),
    _ascend("910B4-1", 64, 20, _CONFLICT),
    DeviceModel(
        "huawei-ascend-310p3", "Huawei", "Huawei Ascend 310P3", "npu",
        ("310P3", "Ascend 310P3", "310P", "Ascend 310P", "昇腾 310P"),
        memory_bytes=_HAMI.gib(24, "24576 MiB, of which 21527 MiB can be allocated"),
        stacks=("cann",),
        kubernetes_resources=("huawei.com/Ascend310P", "huawei.com/npu"), note="8 AI cores.",
    ),
)

_CHINA = (
    DeviceModel(
        "cambricon-mlu370-x8", "Cambricon", "Cambricon MLU370-X8", "npu", ("MLU370-X8", "MLU370"),
        nominal={
            _FP32: _GUANGXILONG.tflops("32"), **_GUANGXILONG.half("96"),
            _INT8: _GUANGXILONG.tops("256"),
        },
        memory_bytes=_GUANGXILONG.gib(48, "LPDDR5"),
        memory_bandwidth_bytes_s=_GUANGXILONG.gb_s("614.4"),
        link_bytes_s=_GUANGXILONG.gb_s("200"), power_w=_GUANGXILONG.watts(250),
        stacks=("neuware",), kubernetes_resources=(*_MLU, "cambricon.com/mlu370"), note=_BARE,
    ),
    DeviceModel(
        "cambricon-mlu290-m5", "Cambricon", "Cambricon MLU290-M5", "npu", ("MLU290-M5", "MLU290"),
        nominal={_INT8: _ZOUKANKAN.tops("512")},
        memory_bytes=_ZOUKANKAN.gib(32), memory_bandwidth_bytes_s=_ZOUKANKAN.gb_s("1228"),
        link_bytes_s=_ZOUKANKAN.gb_s("600"), power_w=_ZOUKANKAN.watts(350),
        stacks=("neuware",), kubernetes_resources=_MLU, note=_BARE,
    ),
    DeviceModel(
        "biren-br100", "Biren", "Biren BR100", "gpu", ("BR100",),
        nominal={
            _FP32: _BIREN_PRESS.tflops("256"), _BF16: _BIREN_PRESS.tflops("1024"),
            _INT8: _BIREN_PRESS.tops("2048"),
        },
        memory_bytes=_BIREN_PRESS.gib(64), memory_bandwidth_bytes_s=_BIREN_PRESS.gb_s("1640"),
        link_bytes_s=_BIREN_PRESS.gb_s("2300", "all links together"),
        power_w=_BIREN_PRESS.watts(550), stacks=("birensupa",),
        kubernetes_resources=("birentech.com/gpu",), note="Does not calculate in FP64.",
    ),
    DeviceModel(
        "biren-br104", "Biren", "Biren BR104", "gpu", ("BR104",),
        nominal={
            _FP32: _BIREN_PRESS.tflops("128"), _BF16: _BIREN_PRESS.tflops("512"),
            _INT8: _BIREN_PRESS.tops("1024"),
        },
        memory_bytes=_BIREN_PRESS.gib(32), memory_bandwidth_bytes_s=_BIREN_PRESS.gb_s("819"),
        power_w=_BIREN_PRESS.watts(300), stacks=("birensupa",),
        kubernetes_resources=("birentech.com/gpu",), note="Does not calculate in FP64.",
    ),
    DeviceModel(
        "mthreads-mtt-s4000", "Moore Threads", "Moore Threads MTT S4000", "gpu",
        ("MTT S4000", "S4000", "Moore Threads MTT S4000"),
        nominal={
            _FP32: _IO_TECH.tflops("25"), **_IO_TECH.half("100"), _INT8: _IO_TECH.tops("200"),
        },
        memory_bytes=_IO_TECH.gib(48), memory_bandwidth_bytes_s=_IO_TECH.gb_s("768"),
        link_bytes_s=_IO_TECH.gb_s("240"),
        stacks=("musa",), kubernetes_resources=("mthreads.com/vgpu",),
    ),
    DeviceModel(
        "metax-c550", "MetaX", "MetaX C550", "gpu", ("C550", "MXC550"),
        memory_bytes=_FLAGPERF_METAX.gib(64),
        memory_bandwidth_bytes_s=_FLAGPERF_METAX.gb_s("1800"),
        power_w=_FLAGPERF_METAX.watts(450), stacks=("maca",), kubernetes_resources=_METAX_GPU,
        note="The maker withholds its FP16 figure; FlagPerf's test reached 83.5 % of it.",
    ),
    DeviceModel(
        "iluvatar-bi150", "Iluvatar CoreX", "Iluvatar BI150", "gpu",
        ("BI150", "BI-V150", "Iluvatar BI-V150"),
        measured={
            _FP32: _MEASURED_BI150.tflops("38.7"), _FP16: _MEASURED_BI150.tflops("196.5"),
            _BF16: _MEASURED_BI150.tflops("196.8"),
        },
        memory_bytes=_FLAGPERF_BI150.gib(64),
        memory_bandwidth_bytes_s=_MEASURED_BI150.gb_s("590"),
        link_bytes_s=_MEASURED_BI150.gb_s("92.5", "by MPI"), power_w=_FLAGPERF_BI150.watts(350),
        stacks=("corex",), kubernetes_resources=("iluvatar.ai/BI-V150-vgpu",),
    ),
    DeviceModel(
        "kunlunxin-p800", "Kunlunxin", "Kunlunxin P800", "npu",
        ("P800", "Kunlun P800", "昆仑芯 P800"),
        memory_bytes=_HAMI_XPU.gib(96, "98304 MiB for the family; the P800 is its listed model"),
        stacks=("xpu-runtime",),
        kubernetes_resources=("kunlunxin.com/xpu", "kunlunxin.com/vxpu"),
    ),
    DeviceModel(
        "thead-ppu", "T-Head", "T-Head PPU", "npu", ("PPU", "平头哥 PPU"),
        memory_bytes=_CCTV.gib(96), link_bytes_s=_CCTV.gb_s("700"), power_w=_CCTV.watts(400),
    ),
)


def _named(
    name: str,
    maker: str,
    label: str,
    *aliases: str,
    stacks: tuple[str, ...] = (),
    resources: tuple[str, ...] = (),
    kind: DeviceKind = "gpu",
    note: str = "",
) -> DeviceModel:
    """A model without a figure that is good enough: it can be named, and nothing more is known."""
    return DeviceModel(
        name, maker, label, kind, aliases,
        stacks=stacks, kubernetes_resources=resources, note=note,
    )


def _bare_nvidia(name: str, label: str, *aliases: str, note: str = "") -> DeviceModel:
    """A device of NVIDIA's without figures."""
    return _named(
        f"nvidia-{name}", "NVIDIA", f"NVIDIA {label}", *aliases,
        stacks=("cuda",), resources=_NVIDIA_GPU, note=note,
    )


def _undisclosed(name: str, year: int) -> DeviceModel:
    """A device that a public trace gives a made-up name."""
    return _named(
        f"undisclosed-{name.lower()}", "undisclosed", f"{name} of the Alibaba {year} trace", name,
        note="The trace does not disclose the model.",
    )


_WITHOUT_FIGURES = (
    _bare_nvidia("a100-sxm4-80gb", "A100 SXM4 80 GB", "A100-80GB", "A100-SXM4-80GB"),
    _bare_nvidia("a100-pcie-40gb", "A100 PCIe 40 GB", "A100-PCIE-40GB"),
    _bare_nvidia("a100-pcie-80gb", "A100 PCIe 80 GB", "A100-PCIE-80GB", "NVIDIA A100 80GB PCIe"),
    _bare_nvidia("a800-sxm4-80gb", "A800 SXM4 80 GB", "A800", "A800-SXM4-80GB", note=_BARE),
    _bare_nvidia("h100-pcie", "H100 PCIe", "H100-PCIE", "NVIDIA H100 PCIe"),
    _bare_nvidia("h800", "H800", "H800", note=_OPEN),
    _bare_nvidia("v100", "V100", "V100", "Tesla V100", note=_OPEN),
    _bare_nvidia(
        "v100-16gb", "V100 16 GB",
        "V100M16", "Tesla V100-SXM2-16GB", "Tesla V100-PCIE-16GB",
    ),
    _bare_nvidia(
        "v100-32gb", "V100 32 GB",
        "V100M32", "Tesla V100-SXM2-32GB", "Tesla V100-PCIE-32GB",
    ),
    _bare_nvidia("p100", "P100", "P100", "Tesla P100", "Tesla P100-PCIE-16GB", note=_OPEN),
    _bare_nvidia("k80", "K80", "K80", "Tesla K80"),
    _bare_nvidia("t4", "T4", "T4", "Tesla T4"),
    _bare_nvidia("a10", "A10", "A10"),
    _undisclosed("G2", 2023),
    _undisclosed("G3", 2023),
    _undisclosed("GPU-series-1", 2026),
    _undisclosed("GPU-series-2", 2026),
    _named(
        "hygon-z100", "Hygon", "Hygon DCU Z100", "Z100", "DCU Z100", "海光 Z100",
        stacks=("dtk",), resources=("hygon.com/dcunum",), note=_ONE_DATASET,
    ),
    _named(
        "hygon-k100", "Hygon", "Hygon DCU K100", "K100", "DCU K100", "海光 K100",
        stacks=("dtk",), resources=("hygon.com/dcunum",), note=_ONE_DATASET,
    ),
    _named(
        "enflame-s60", "Enflame", "Enflame S60", "S60", "CloudBlazer S60",
        stacks=("topsrider",), resources=_GCU, kind="npu",
    ),
    _named(
        "enflame-t21", "Enflame", "Enflame T21", "T21", "CloudBlazer T21",
        stacks=("topsrider",), resources=_GCU, kind="npu", note=_ONE_DATASET,
    ),
    _named(
        "cambricon-mlu590", "Cambricon", "Cambricon MLU590", "MLU590",
        stacks=("neuware",), resources=_MLU, kind="npu", note=_ONE_DATASET,
    ),
    _named(
        "metax-c500", "MetaX", "MetaX C500", "C500", "MXC500",
        stacks=("maca",), resources=_METAX_GPU, note=_ONE_DATASET,
    ),
    _named(
        "mthreads-mtt-s5000", "Moore Threads", "Moore Threads MTT S5000", "MTT S5000", "S5000",
        stacks=("musa",), resources=("mthreads.com/vgpu",), note=_ONE_DATASET,
    ),
    _named(
        "iluvatar-bi100", "Iluvatar CoreX", "Iluvatar BI100", "BI100", "BI-V100",
        stacks=("corex",), resources=("iluvatar.ai/BI-V100-vgpu",),
    ),
    _named(
        "iluvatar-mr100", "Iluvatar CoreX", "Iluvatar MR100", "MR100", "MR-V100",
        stacks=("corex",), resources=("iluvatar.ai/MR-V100-vgpu",),
    ),
    _named(
        "iluvatar-mr50", "Iluvatar CoreX", "Iluvatar MR50", "MR50", "MR-V50",
        stacks=("corex",), resources=("iluvatar.ai/MR-V50-vgpu",),
    ),
)

# fmt: on

MODELS: tuple[DeviceModel, ...] = (
    *_NVIDIA,
    *_AMD_AND_INTEL,
    *_HUAWEI,
    *_CHINA,
    *_WITHOUT_FIGURES,
)
"""Every model, in the order in which they are listed."""
