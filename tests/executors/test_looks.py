"""What is found on a machine: by files and commands that the test puts there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from weir.executors import looks
from weir.executors.looks import Answer, DevicesFound, Found, SlurmFound

# As the tools print them.
NVIDIA = "NVIDIA H100 80GB HBM3\nNVIDIA H100 80GB HBM3\nTesla T4\n"
NPU = """\
+------------------------------------------------------------------------------------------------+
| npu-smi 24.1.0.3                 Version: 24.1.0.3                                             |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 94.7        54                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3396 / 65536         |
+===========================+===============+====================================================+
| 1     910B3               | Warning       | 94.9        52                0    / 0             |
| 0                         | 0000:01:00.0  | 0           0    / 0          3394 / 65536         |
+---------------------------+---------------+----------------------------------------------------+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| 0       0                 | 12345         | python                   | 2048                    |
+===========================+===============+====================================================+
"""
CNMON = """\
| Card  VF  Name       Firmware |               Bus-Id | Util        Ecc-Error |
| Fan   Temp      Pwr:Usage/Cap |         Memory-Usage | Mode     Compute-Mode |
| 0     /   MLU370-X8    v1.1.4 |         0000:26:00.0 | 0%                  0 |
|  0%   28C         54 W/ 150 W |     0 MiB/ 23308 MiB | FULL          Default |
| 1     /   MLU370-X8    v1.1.4 |         0000:27:00.0 | 0%                  0 |
"""
ROCM = """\
============================ ROCm System Management Interface ============================
GPU[0]\t\t: Card Series: \t\tAMD Instinct MI300X VF
GPU[0]\t\t: Card Model: \t\t0x74b5
GPU[1]\t\t: Card Series: \t\tAMD Instinct MI300X VF
"""
METAX = """\
mx-smi  version: 2.3.4
GPU#0    MXC500      0000:08:00.0   Available (UUID: GPU-test-0)
GPU#2    MXC500      0000:0e:00.0   Available (UUID: GPU-test-2)
"""
IXSMI = """\
+-----------------------------------------------------------------------------+
|  IX-ML: 4.4.0       Driver Version: 4.4.0       CUDA Version: 10.2          |
|-------------------------------+----------------------+----------------------|
| GPU  Name                     | Bus-Id               | Clock-SM  Clock-Mem  |
| Fan  Temp  Perf  Pwr:Usage/Cap|      Memory-Usage    | GPU-Util  Compute M. |
|===============================+======================+======================|
| 0    Iluvatar BI-V150         | 00000000:13:00.0     | 1500MHz   1600MHz    |
| 0%   32C   P0    N/A / N/A    | 116MiB / 32768MiB    | 0%        Default    |
+-------------------------------+----------------------+----------------------+
| 1    Iluvatar BI-V150         | 00000000:16:00.0     | 1500MHz   1600MHz    |
| 0%   32C   P0    N/A / N/A    | 116MiB / 32768MiB    | 0%        Default    |
"""
CONFIG = """\
Configuration data as of 2026-01-02T03:04:05
AccountingStorageType   = accounting_storage/slurmdbd
ClusterName             = works
SLURM_VERSION           = 22.05.8
"""
NOT_SET_UP = "scontrol: fatal: Could not establish a configuration source\n"
AWAY = "slurm_load_ctl_conf error: Unable to contact slurm controller (connect failure)\n"


def put(folder: Path, name: str, said: str, code: int = 0, error: str = "") -> dict[str, str]:
    """A program that prints; gives an environment in which it is found, and nothing else is."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    (folder / f"{name}.out").write_text(said)
    (folder / f"{name}.err").write_text(error)
    program.write_text(
        f"#!/bin/sh\n/bin/cat {program}.out\n/bin/cat {program}.err >&2\nexit {code}\n"
    )
    program.chmod(0o755)
    return {"PATH": str(folder), "HOME": str(folder)}


@pytest.mark.parametrize(
    ("tool", "said", "found"),
    [
        ("npu-smi", NPU, [("910B3", 2, "huawei-ascend-910b3")]),
        ("cnmon", CNMON, [("MLU370-X8", 2, "cambricon-mlu370-x8")]),
        ("rocm-smi", ROCM, [("AMD Instinct MI300X VF", 2, "amd-mi300x")]),
        ("mx-smi", METAX, [("MXC500", 2, "metax-c500")]),
        ("hy-smi", "HCU[0]\t\t: Card Series:\t\tK100\n", [("K100", 1, "hygon-k100")]),
        ("hy-smi", "DCU[0] : Card Series: K100_AI\n", [("K100_AI", 1, None)]),
        ("ixsmi", IXSMI, [("Iluvatar BI-V150", 2, "iluvatar-bi150")]),
        ("mthreads-gmi", "GPU 0: MTT S4000 (UUID: a)\n", [("MTT S4000", 1, "mthreads-mtt-s4000")]),
        (
            "mthreads-gmi",
            "GPU 0 : MTT S5000 (UUID : a)\n",
            [("MTT S5000", 1, "mthreads-mtt-s5000")],
        ),
        (
            "nvidia-smi",
            NVIDIA,
            [("NVIDIA H100 80GB HBM3", 2, "nvidia-h100-sxm5"), ("Tesla T4", 1, "nvidia-t4")],
        ),
        ("nvidia-smi", "NVIDIA Novelty 9000\n", [("NVIDIA Novelty 9000", 1, None)]),
        ("nvidia-smi", "No devices were found\n", []),
        # Another maker's tool of the same name.
        ("mx-smi", "MOFFETT-SMI 2.3.0\n│Card1  S30  700MHz\n", []),
    ],
)
def test_each_makers_tool_is_read(
    tmp_path: Path, tool: str, said: str, found: list[tuple[str, int, str | None]]
) -> None:
    devices = looks.look_for_devices(put(tmp_path, tool, said))
    assert list(devices) == [DevicesFound(tool, name, count, model) for name, count, model in found]


def test_a_tool_that_fails_has_found_nothing(tmp_path: Path) -> None:
    assert looks.look_for_devices(put(tmp_path, "nvidia-smi", NVIDIA, code=9)) == ()


def test_a_slurm_says_who_it_is_and_where_it_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "STANDARD_PATH", "/nonexistent")
    put(tmp_path, "sbatch", "")
    environment = put(tmp_path, "scontrol", CONFIG) | {"SLURM_CONF": "/etc/works.conf"}
    assert looks.look_for_slurm(environment) == SlurmFound(
        True, "", "22.05.8", "works", True, str(tmp_path), "/etc/works.conf"
    )
    monkeypatch.setattr(looks, "STANDARD_PATH", str(tmp_path))
    found = looks.look_for_slurm(environment)
    assert found is not None
    assert found.commands == ""


@pytest.mark.parametrize(("error", "set_up"), [(NOT_SET_UP, False), (AWAY, True)])
def test_a_slurm_that_is_away_is_told_from_one_that_was_never_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, set_up: bool
) -> None:
    monkeypatch.setattr(looks, "STANDARD_PATH", "/nonexistent")
    put(tmp_path, "sbatch", "")
    found = looks.look_for_slurm(put(tmp_path, "scontrol", "", 1, error))
    assert found is not None
    assert (found.set_up, found.answers) == (set_up, False)
    assert found.error == error.strip()


def test_a_slurm_that_hangs_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "STANDARD_PATH", "/nonexistent")
    put(tmp_path, "sbatch", "")
    environment = put(tmp_path, "scontrol", "")
    (tmp_path / "scontrol").write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    monkeypatch.setattr(looks, "ANSWER_S", 0.2)
    found = looks.look_for_slurm(environment)
    assert found is not None
    assert (found.set_up, found.error) == (True, "scontrol has not answered within 0 s")


def test_without_its_commands_there_is_no_slurm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "STANDARD_PATH", "/nonexistent")

    def never(command: Sequence[str], environment: Mapping[str, str]) -> Answer | None:
        raise AssertionError(command)

    found = looks.look({"PATH": str(tmp_path), "HOME": str(tmp_path)}, never)
    assert found == Found(ray=looks.look_for_ray({}))


@pytest.mark.parametrize("dump", [yaml.safe_dump, json.dumps])
def test_a_kubeconfig_says_where_its_current_context_leads(tmp_path: Path, dump: object) -> None:
    assert callable(dump)
    data = {
        "current-context": "b",
        "contexts": [
            {"name": "a", "context": {"cluster": "one"}},
            {"name": "b", "context": {"cluster": "two", "user": "me"}},
        ],
        "clusters": [
            {"name": "one", "cluster": {"server": "https://one:6443"}},
            {"name": "two", "cluster": {"server": "https://two:6443"}},
        ],
        "users": [{"name": "me", "user": {"token": "secret"}}],
    }
    file = tmp_path / ".kube" / "config"
    file.parent.mkdir()
    file.write_text(dump(data))
    assert looks.look_for_kubernetes({"HOME": str(tmp_path)}) == f"{file}, https://two:6443"
    other = tmp_path / "broken"
    other.write_text("contexts: {")
    environment = {"HOME": str(tmp_path), "KUBECONFIG": f"/nonexistent:{other}"}
    assert looks.look_for_kubernetes(environment) == str(other)


def test_a_ray_is_where_the_environment_or_its_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "RAY_ADDRESS_FILE", tmp_path / "ray")
    assert looks.look_for_ray({}) == ""
    (tmp_path / "ray").write_text("10.0.0.1:6379\n")
    assert looks.look_for_ray({}) == "10.0.0.1:6379"
    assert looks.look_for_ray({"RAY_ADDRESS": "ray://head:10001"}) == "ray://head:10001"


def test_a_path_that_is_not_there_yet_is_on_the_file_system_above_it(tmp_path: Path) -> None:
    assert looks.file_system(tmp_path / "not" / "yet") == looks.file_system(tmp_path) != ""
    assert looks.file_system(Path("/proc/self")) == "proc"
    assert not looks.on_network(Path("/proc"))
