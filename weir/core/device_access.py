"""How programs reach each maker's devices on a host: by which variable they are told which ones,
under which names the devices stand in /dev, and what else they need.

The figures of the devices themselves stand in `weir.core.device_table`; a maker is called as there,
in lower case. Sources: Slurm's gres guide and Apptainer's GPU page for NVIDIA and AMD; the
container guides of Ascend (Ascend Docker Runtime), Cambricon (MagicMind), MetaX (FastDeploy),
Moore Threads and Iluvatar (FlagOS runtime images), Kunlunxin (Paddle XPU) and Hygon (DTK images);
FlagPerf's `test_conf.py`, which names the variable of each. None of it but NVIDIA's was
tried on a machine that has the devices.

Laws:
- One variable chooses: where a runtime would read a second one and choose again among what the
  first has left, the second stands in `also` and is taken out of a task's environment.
- `folders` and `nodes` are what there may be; who uses them looks whether it is there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Access:
    """`visible`: the variable, with numbers of devices from 0 on, commas between. `also`: variables
    that would choose again. `node`: a device's own name by its number, empty where the driver
    numbers them in another way (`nodes` has them all then). `nodes`: patterns of what all tasks
    need in /dev. `folders`: libraries and tools of the driver. `option`: what Apptainer has for it.
    """

    visible: str
    node: str = ""
    nodes: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    option: str = ""
    also: tuple[str, ...] = ()

    @property
    def binds(self) -> tuple[str, ...]:
        """Patterns of all that a container is to see, besides what `option` brings."""
        own = (self.node.format("[0-9]*"),) if self.node and not self.option else ()
        return (*own, *self.nodes, *self.folders)


_CUDA = "CUDA_VISIBLE_DEVICES"
_ROCM_ALSO = ("HIP_VISIBLE_DEVICES", _CUDA, "GPU_DEVICE_ORDINAL")

ACCESS: dict[str, Access] = {
    "nvidia": Access(_CUDA, "/dev/nvidia{}", option="--nv"),
    "amd": Access("ROCR_VISIBLE_DEVICES", nodes=("/dev/kfd",), option="--rocm", also=_ROCM_ALSO),
    "huawei": Access(
        "ASCEND_RT_VISIBLE_DEVICES",
        "/dev/davinci{}",
        ("/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc"),
        (
            *("/usr/local/Ascend/driver", "/usr/local/dcmi", "/usr/local/bin/npu-smi"),
            *("/etc/ascend_install.info", "/usr/local/Ascend/add-ons"),
        ),
    ),
    "cambricon": Access(
        "MLU_VISIBLE_DEVICES",
        "/dev/cambricon_dev{}",
        ("/dev/cambricon_ctl",),
        ("/usr/bin/cnmon",),
    ),
    # Its runtime is a ROCm: what ROCR_VISIBLE_DEVICES leaves would be numbered anew.
    "hygon": Access(
        "HIP_VISIBLE_DEVICES",
        nodes=("/dev/kfd", "/dev/mkfd", "/dev/dri"),
        folders=("/opt/hyhal",),
        also=("ROCR_VISIBLE_DEVICES", _CUDA, "GPU_DEVICE_ORDINAL"),
    ),
    "metax": Access(
        "MACA_VISIBLE_DEVICES",
        nodes=("/dev/mxcd", "/dev/dri"),
        folders=("/opt/mxdriver",),
        also=(_CUDA,),
    ),
    "moore threads": Access(
        "MUSA_VISIBLE_DEVICES",
        "/dev/mtgpu.{}",
        ("/dev/dri",),
        ("/usr/bin/mthreads-gmi",),
    ),
    # Its programs are built for CUDA's interface, and read CUDA's variable.
    "iluvatar corex": Access(_CUDA, "/dev/iluvatar{}", folders=("/usr/local/corex",)),
    "kunlunxin": Access("XPU_VISIBLE_DEVICES", "/dev/xpu{}", ("/dev/xpuctrl",), also=(_CUDA,)),
    "enflame": Access("TOPS_VISIBLE_DEVICES", "/dev/gcu{}", ("/dev/gcuctl",)),
}
"""Of each maker whose way is known; of the others devices are counted, and nothing is told."""


def access_of(maker: str) -> Access | None:
    """The way to a maker's devices; None if it is not known. Case does not matter."""
    return ACCESS.get(maker.casefold())
