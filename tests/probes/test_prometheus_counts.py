"""Nothing counts twice: shared file systems, several mounts, stacked interfaces, MIG, Kepler."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import pytest

from tests.victoria import put_text, victoria_up
from weir.probes.prometheus import PrometheusProbe
from weir.wire.probes import PrometheusProbeSettings

pytestmark = pytest.mark.real

DAY_S = 86400
Told = Mapping[tuple[str, str], float]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victoria_up(tmp_path_factory.mktemp("victoria")) as at:
        yield at


def lines(text: str, job: str, at: float) -> str:
    """The samples of a text with a job's label, at a time."""
    found = [line.replace("{", f'{{job="{job}",') for line in text.strip().splitlines()]
    return "\n".join(f"{line} {int(at * 1000)}" for line in found) + "\n"


def ask(url: str, job: str, mapping: str) -> Told:
    pool = {"pool": "p", "matching": f'job="{job}"', "mappings": [mapping]}
    settings = PrometheusProbeSettings.model_validate({"url": url, "pools": [pool]})
    look = PrometheusProbe(settings).look(0.0)
    assert look.said == ()
    return {(s.metric, s.part): s.value for s in look.samples if s.metric != "probe_left_out"}


def now_and_rates(text: str, per_second: Mapping[str, float], job: str) -> str:
    """The text now, and counters that have grown so fast for two minutes."""
    now = time.time() - 5
    grown = "".join(
        lines("\n".join(f"{s} {1e6 + r * 15 * k}" for s, r in per_second.items()), job, at)
        for k, at in enumerate(now - 120 + 15 * k for k in range(9))
    )
    return lines(text, job, now) + grown


def disk(host: str, device: str, kind: str, mount: str, size: float, free: float) -> str:
    labels = f'instance="{host}",device="{device}",fstype="{kind}",mountpoint="{mount}"'
    return (
        f"node_filesystem_size_bytes{{{labels}}} {size}\n"
        f"node_filesystem_free_bytes{{{labels}}} {free}\n"
    )


def test_storage_counts_once(url: str) -> None:
    hosts = [f"n{n}" for n in range(30)]
    text = "".join(
        disk(host, "/dev/sda1", "xfs", "/", 100, 40)
        + disk(host, "/dev/sda1", "xfs", "/var/lib/containers", 100, 40)
        + disk(host, "nas:/home", "nfs4", "/home", 5000, 1000)
        + disk(host, "10.0.0.9@o2ib:/scratch", "lustre", "/scratch", 9000, 2000)
        + disk(host, "gpfs0", "gpfs", "/gpfs", 7000, 7000)
        + disk(host, "beegfs_nodev", "beegfs", "/bee", 100, 100)
        + disk(host, "s3fs", "fuse.s3fs", "/s3", 256e12, 256e12)
        + disk(host, "overlay", "overlay", "/var/lib/docker/overlay2/x", 100, 40)
        + disk(host, "/dev/loop0", "squashfs", "/snap/core", 10, 0)
        for host in hosts
    )
    text += disk("z", "tank", "zfs", "/tank", 60, 50) + disk("z", "tank/a", "zfs", "/a", 80, 50)
    put_text(url, lines(text, "disks", time.time() - 5))

    own = ask(url, "disks", "node")
    assert own[("storage_total", "")] == 30 * 100 + (10 + 30 + 50)
    assert own[("storage_used", "")] == 30 * 60 + 40
    shared = ask(url, "disks", "node-shared")
    assert shared[("storage_total", "")] == 5000 + 9000 + 7000 + 100 + 256e12
    assert shared[("storage_used", "")] == 4000 + 7000


def test_ports_and_traffic_count_once(url: str) -> None:
    real = ("eth0", "enp1s0f0np0", "ib0", "hsn0")
    stacked = ("bond0", "team0", "eth0.100", "vlan7", "br0", "tun0", "vethab1", "cilium_host",
               "vxlan.calico", "docker0", "lo", "enp1s0v2")  # fmt: skip
    text, rates = "", {}
    for name in (*real, *stacked, "storage"):
        labels = f'instance="a",device="{name}"'
        text += f"node_network_speed_bytes{{{labels}}} 12500000000\n"
        text += f"node_network_iface_id{{{labels}}} 9\n"
        text += f"node_network_iface_link{{{labels}}} {3 if name == 'storage' else 9}\n"
        rates[f"node_network_transmit_bytes_total{{{labels}}}"] = 100.0
        rates[f"node_network_receive_bytes_total{{{labels}}}"] = 10.0
    text += 'node_network_speed_bytes{instance="a",device="eth9"} -125000\n'
    put_text(url, now_and_rates(text, rates, "ports"))

    found = ask(url, "ports", "node")
    assert found[("network_ports", "100")] == len(real), "the VLAN `storage` stands on another one"
    assert found[("network_sent", "")] == pytest.approx(100 * len(real), rel=0.02)
    assert found[("network_received", "")] == pytest.approx(10 * len(real), rel=0.02)


def gpu(name: str, series: Mapping[str, float], **more: str) -> str:
    labels = "".join(f',{k}="{v}"' for k, v in more.items())
    whole = f'UUID="GPU-{name}",gpu="0",Hostname="h-{name}",modelName="NVIDIA H100"{labels}'
    return "".join(f"DCGM_FI_{metric}{{{whole}}} {value}\n" for metric, value in series.items())


def test_instances_of_mig_are_one_gpu(url: str) -> None:
    each = {"DEV_POWER_USAGE": 400, "DEV_GPU_TEMP": 50, "DEV_XID_ERRORS": 0}
    text = "".join(
        gpu("a", {**each, "PROF_GR_ENGINE_ACTIVE": busy, "DEV_FB_USED": 1024, "DEV_FB_FREE": 1024},
            GPU_I_ID=str(n), GPU_I_PROFILE=profile)
        for n, (profile, busy) in enumerate((("3g.40gb", 1.0), ("2g.20gb", 0.5), ("2g.20gb", 0.0)))
    )  # fmt: skip
    whole = {"DEV_POWER_USAGE": 300, "DEV_FB_USED": 512, "DEV_FB_FREE": 3584, "DEV_XID_ERRORS": 0}
    text += gpu("b", {**whole, "DEV_GPU_UTIL": 25})
    shared = {**whole, "DEV_GPU_UTIL": 90, "PROF_GR_ENGINE_ACTIVE": 0.75}
    text += gpu("c", shared, pod="one") + gpu("c", shared, pod="two")
    put_text(url, lines(text, "mig", time.time() - 5))

    found = ask(url, "mig", "dcgm")
    gib = 2**30
    assert found[("devices_seen", "")] == 3
    assert found[("devices_busy", "")] == pytest.approx((3 + 2 * 0.5) / 7 + 0.25 + 0.75)
    assert found[("device_memory_used", "")] == 3 * gib + 2 * 0.5 * gib
    assert found[("device_memory_total", "")] == 6 * gib + 2 * 4 * gib
    assert found[("device_power", "")] == 400 + 2 * 300
    assert found[("devices_health", "healthy")] == 3
    assert found[("devices_health", "unhealthy")] == 0


def test_an_xid_is_a_fault_of_the_gpu_while_it_is_news(url: str) -> None:
    now = time.time() - 5
    before, at_once = "", ""
    alive = {"DEV_GPU_TEMP": 50.0, "DEV_ROW_REMAP_FAILURE": 0.0}
    for name, then, xid in (
        ("well", 0, 0),
        ("program", 0, 31),
        ("preempted", 0, 45),
        ("memory", 0, 48),
        ("long-ago", 94, 94),
        ("again", 48, 95),
    ):
        before += gpu(name, {"DEV_XID_ERRORS": then}, err_code=str(then))
        at_once += gpu(name, {**alive, "DEV_XID_ERRORS": xid}, err_code=str(xid))
    before += gpu("gone", {"DEV_XID_ERRORS": 79})
    at_once += gpu("gone", {"DEV_XID_ERRORS": 79})
    at_once += gpu("rows", {**alive, "DEV_XID_ERRORS": 0, "DEV_ROW_REMAP_FAILURE": 1})
    at_once += gpu("hidden", {**alive, "DEV_XID_ERRORS": 45})
    at_once += 'DCGM_EXP_XID_ERRORS_COUNT{UUID="GPU-hidden",gpu="0",Hostname="h-hidden",xid="79"} 1'
    put_text(url, lines(before, "xid", now - DAY_S) + lines(at_once, "xid", now))

    found = ask(url, "xid", "dcgm")
    ill = ("memory", "again", "gone", "rows", "hidden")
    assert found[("devices_health", "unhealthy")] == len(ill)
    assert found[("devices_health", "healthy")] == 9 - len(ill)


def test_power_of_a_device_is_the_first_that_it_tells(url: str) -> None:
    text = """
gpu_package_power{serial_number="a",gpu_id="0"} 500
gpu_average_package_power{serial_number="a",gpu_id="0"} 480
gpu_average_package_power{serial_number="b",gpu_id="0"} 300
"""
    put_text(url, lines(text, "amd", time.time() - 5))
    assert ask(url, "amd", "amd") == {("device_power", ""): 800}


def test_every_generation_of_kepler_counts_a_node_once(url: str) -> None:
    """One node with a controller, one of Kepler 0.9, one with psys, one with packages only."""
    power = 'source="redfish",bmc_id="b1",chassis_id="1"'
    text = (
        f'kepler_platform_watts{{instance="n1",node_name="n1",{power},power_control_id="P1",'
        'power_control_name="Server Power Control"} 450\n'
        f'kepler_platform_watts{{instance="n1",node_name="n1",{power},power_control_id="P2",'
        'power_control_name="CPU Sub-system Power"} 200\n'
        f'kepler_platform_watts{{instance="n9",node_name="n9",{power},power_control_id="P1",'
        'power_control_name="Server Power Control"} 450\n'
    )
    joules = 'kepler_node_cpu_joules_total{{instance="{0}",node_name="{0}",path="x",zone="{1}"}}'
    rates = {
        joules.format("n1", "package"): 180.0,
        'kepler_node_platform_joules_total{instance="n2",mode="dynamic"}': 100.0,
        'kepler_node_platform_joules_total{instance="n2",mode="idle"}': 60.0,
        joules.format("n3", "psys"): 90.0,
        joules.format("n3", "package"): 70.0,
        joules.format("n4", "package"): 50.0,
        joules.format("n4", "core"): 30.0,
        joules.format("n4", "dram"): 7.0,
    }
    put_text(url, now_and_rates(text, rates, "kepler"))
    assert ask(url, "kepler", "kepler") == {
        ("it_power", ""): pytest.approx(450 + 160 + 90 + 57, rel=0.02)
    }
