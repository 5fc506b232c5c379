"""The extended resources of all makers: which count devices, what models they stand for, and how a
share of a device is asked for where a device is shared.

Names are those of the makers' device plugins, of HAMi (its chart's values and device configuration)
and of Volcano's vGPU plugin. `COUNTED` is the one table of them.

Laws:
- A resource that is not in the table counts nothing, unless the operator names it.
- A model is told by what the operator says, else by a label of the node, else by the resource's
  name where that stands for one model; nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from weir.core import devices
from weir.core.inventory import DEVICE_MILLI


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a share of a device is asked for, beside a count of 1: by memory in MiB or in percent of
    the device, and by percent of its cores. `register` is the node's annotation that lists the
    devices behind the count; without it every count is one device.
    """

    memory_mib: str = ""
    memory_percent: str = ""
    cores_percent: str = ""
    register: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """A resource that counts devices. `labels` are those of nodes that name the model."""

    name: str
    labels: tuple[str, ...] = ()
    sharing: Sharing | None = None


_NVIDIA = ("nvidia.com/gpu.product",)
_HUAWEI = ("node.kubernetes.io/npu.chip.name", "accelerator-type", "accelerator")
_AMD = ("amd.com/gpu.product-name", "beta.amd.com/gpu.product-name")
_CAMBRICON = ("cambricon.com/mlu.product", "cambricon.com/mlu-model")
_ANY = ("gpu.product", "accelerator")


_ASCEND = ("910A", "910B", "910B2", "910B3", "910B4", "910B4-1", "910C", "310P")
_ILUVATAR = ("BI-V150", "BI-V100", "MR-V100", "MR-V50")

COUNTED: tuple[Counted, ...] = (
    Counted(
        "nvidia.com/gpu",
        _NVIDIA,
        Sharing(
            "nvidia.com/gpumem",
            "nvidia.com/gpumem-percentage",
            "nvidia.com/gpucores",
            "hami.io/node-nvidia-register",
        ),
    ),
    Counted(
        "volcano.sh/vgpu-number",
        _NVIDIA,
        Sharing(
            "volcano.sh/vgpu-memory",
            "volcano.sh/vgpu-memory-percentage",
            "volcano.sh/vgpu-cores",
            "volcano.sh/node-vgpu-register",
        ),
    ),
    *(
        Counted(
            f"huawei.com/Ascend{name}",
            _HUAWEI,
            Sharing(
                memory_mib=f"huawei.com/Ascend{name}-memory",
                cores_percent=f"huawei.com/Ascend{name}-core",
                register=f"hami.io/node-register-Ascend{name}",
            ),
        )
        for name in _ASCEND
    ),
    *(Counted(f"huawei.com/{name}", _HUAWEI) for name in ("Ascend910", "Ascend310", "npu")),
    Counted("cambricon.com/mlu", _CAMBRICON),
    Counted("cambricon.com/mlu370", _CAMBRICON),
    Counted(
        "cambricon.com/vmlu",
        _CAMBRICON,
        Sharing(
            memory_percent="cambricon.com/mlu.smlu.vmemory",
            cores_percent="cambricon.com/mlu.smlu.vcore",
            register="hami.io/node-mlu-register",
        ),
    ),
    Counted(
        "hygon.com/dcunum",
        ("hygon.com/dcu.product", *_ANY),
        Sharing(
            memory_mib="hygon.com/dcumem",
            cores_percent="hygon.com/dcucores",
            register="hami.io/node-dcu-register",
        ),
    ),
    Counted("hygon.com/dcu", ("hygon.com/dcu.product", *_ANY)),
    Counted("metax-tech.com/gpu", ("metax-tech.com/gpu.product", *_ANY)),
    Counted(
        "metax-tech.com/sgpu",
        ("metax-tech.com/gpu.product", *_ANY),
        Sharing(
            memory_mib="metax-tech.com/vmemory",
            cores_percent="metax-tech.com/vcore",
            register="hami.io/node-metax-register",
        ),
    ),
    Counted("enflame.com/gcu", ("enflame.com/gcu.model", *_ANY)),
    Counted("enflame.com/drs-gcu", ("enflame.com/gcu.model", *_ANY)),
    Counted(
        "mthreads.com/vgpu",
        ("mthreads.com/gpu.product", *_ANY),
        Sharing(
            memory_mib="mthreads.com/sgpu-memory",
            cores_percent="mthreads.com/sgpu-core",
            register="hami.io/node-mthreads-register",
        ),
    ),
    Counted("mthreads.com/gpu", ("mthreads.com/gpu.product", *_ANY)),
    *(
        Counted(
            f"iluvatar.ai/{name}-vgpu",
            _ANY,
            Sharing(
                memory_mib=f"iluvatar.ai/{name}.vMem",
                cores_percent=f"iluvatar.ai/{name}.vCore",
                register=f"hami.io/node-register-{name}",
            ),
        )
        for name in _ILUVATAR
    ),
    Counted("iluvatar.ai/gpu", _ANY),
    Counted("kunlunxin.com/xpu", _ANY),
    Counted(
        "kunlunxin.com/vxpu",
        _ANY,
        Sharing(memory_mib="kunlunxin.com/vxpu-memory", register="hami.io/node-register-xpu"),
    ),
    Counted("birentech.com/gpu", ("birentech.com/gpu.product", *_ANY)),
    Counted("vastaitech.com/va", _ANY),
    Counted("amd.com/gpu", _AMD),
    Counted("habana.ai/gaudi", ("habana.ai/gaudi.product", *_ANY)),
    Counted("gpu.intel.com/i915", ("gpu.intel.com/product", *_ANY)),
    Counted("gpu.intel.com/xe", ("gpu.intel.com/product", *_ANY)),
    Counted("aws.amazon.com/neuron", ("node.kubernetes.io/instance-type",)),
    Counted("google.com/tpu", ("cloud.google.com/gke-tpu-accelerator",)),
)
"""Every resource that counts devices; whole ones before those that share the same devices."""

_BY_NAME: Mapping[str, Counted] = {one.name: one for one in COUNTED}


@dataclass(frozen=True, slots=True)
class Register:
    """One device as a sharing system lists it: how often it is counted, its memory, its name."""

    copies: int
    memory_mib: int
    name: str


def counted(name: str) -> Counted:
    """The resource of this name; one that the table lacks counts whole devices."""
    return _BY_NAME.get(name) or Counted(name, _ANY)


def chosen(amounts: Mapping[str, int], wanted: str | None) -> Counted | None:
    """Which of a node's resources counts its devices: the operator's word, else the one in the
    table of which there are most, the first of equals.
    """
    if wanted is not None:
        return counted(wanted) if amounts.get(wanted, 0) > 0 else None
    there = [one for one in COUNTED if amounts.get(one.name, 0) > 0]
    return max(there, key=lambda one: amounts[one.name], default=None)


def registered(one: Counted, annotations: Mapping[str, str]) -> tuple[Register, ...]:
    """The healthy devices that a sharing system lists in the node's annotation; none if there is no
    such list, or nobody understands it.

    Two forms are in use: `id,copies,MiB,cores,name,numa,healthy` with a colon after each device,
    and a JSON list of objects with the fields id, count, devmem, type and health.
    """
    text = annotations.get(one.sharing.register, "") if one.sharing else ""
    try:
        return _from_json(text) if text.lstrip().startswith("[") else _from_words(text)
    except (ValueError, TypeError, AttributeError):
        return ()


def _from_words(text: str) -> tuple[Register, ...]:
    found = []
    for entry in filter(None, (part.strip() for part in text.split(":"))):
        words = entry.split(",")
        if len(words) >= 5 and words[-1].strip().lower() != "false":
            found.append(Register(max(1, int(words[1])), int(words[2]), words[4]))
    return tuple(found)


def _from_json(text: str) -> tuple[Register, ...]:
    return tuple(
        Register(max(1, int(one.get("count", 1))), int(one.get("devmem", 0)), one.get("type", ""))
        for one in json.loads(text)
        if one.get("health", True)
    )


def model_of(
    one: Counted, labels: Mapping[str, str], listed: Iterable[Register], said: Mapping[str, str]
) -> str | None:
    """The device model of a node: the operator's word for its resource or for what its label says,
    else the catalog's model of that name, else the one model that its resource stands for.
    """
    words = [labels[label] for label in one.labels if labels.get(label)]
    words += [register.name for register in listed if register.name]
    for word in (*words, one.name):
        if word in said:
            return known(said[word]) or said[word]
    for word in words:
        for form in _forms(word):
            if found := known(form):
                return found
    alone = [m.name for m in devices.all_models() if one.name in m.kubernetes_resources]
    return alone[0] if len(alone) == 1 else None


def _forms(word: str) -> tuple[str, ...]:
    """A label's word as the catalog may know it: labels can't have blanks."""
    plain = re.sub(r"-SHARED$", "", word)
    return plain, re.sub(r"^(NVIDIA|AMD|Huawei)-", "", plain), plain.removeprefix("huawei-")


def known(word: str) -> str | None:
    """The catalog's name for a word; None if it has none."""
    try:
        return devices.find(word).name
    except devices.UnknownDevice:
        return None


def asked(one: Counted, device_milli: int, memory_mib: int | None) -> dict[str, int]:
    """What a task asks for: whole devices; or, where devices of so much memory are shared, a share
    of one. `memory_mib` is null where they are not shared: then a share gets a device.
    """
    if not device_milli:
        return {}
    whole = -(-device_milli // DEVICE_MILLI)
    sharing = one.sharing
    if memory_mib is None or sharing is None or device_milli >= DEVICE_MILLI:
        return {one.name: whole}
    percent = max(1, round(device_milli * 100 / DEVICE_MILLI))
    words = {one.name: 1}
    if sharing.memory_percent:
        words[sharing.memory_percent] = percent
    elif sharing.memory_mib and memory_mib:
        words[sharing.memory_mib] = max(1, memory_mib * device_milli // DEVICE_MILLI)
    if sharing.cores_percent:
        words[sharing.cores_percent] = percent
    return words


def taken(one: Counted, wanted: Mapping[str, int], memory_mib: int) -> list[int]:
    """The milli-devices that a pod takes, a number for each device; `memory_mib` is one device's.

    A count without a share is whole devices.
    """
    count, sharing = wanted.get(one.name, 0), one.sharing
    if not count:
        return []
    share = 0.0
    if sharing is not None:
        share = max(
            wanted.get(sharing.memory_mib, 0) / memory_mib if memory_mib else 0.0,
            wanted.get(sharing.memory_percent, 0) / 100,
            wanted.get(sharing.cores_percent, 0) / 100,
        )
    each = min(DEVICE_MILLI, round(share * DEVICE_MILLI)) or DEVICE_MILLI
    return [each] * count
