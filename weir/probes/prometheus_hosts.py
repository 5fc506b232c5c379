"""What node-exporter and Kepler say of hosts, as PromQL that counts nothing twice.

- *Storage* is what a host has of its own. One file system stands once for each place that it is
  mounted at, so it is taken by device; ZFS shows each of its data sets with the free space of the
  whole pool, so what is free counts once for each pool. Only the kinds in LOCAL are a host's own:
  what is shared (NFS, Lustre, GPFS, Ceph, BeeGFS, FUSE ...) would count once for each host that has
  it mounted, and layers (overlay, squashfs, tmpfs) are no capacity. By `node-shared` each shared
  file system counts once, whichever hosts have it mounted: by the name it is mounted from.
- *Ports* are hardware. What is built on top of them (bonds, teams, VLANs, bridges, tunnels, pairs)
  carries the same bytes again. It is known by its name, and where node-exporter tells that an
  interface stands on another one, by that.
- *Power of Kepler*: of each node what its controller draws by Kepler's reading
  (`kepler_platform_watts`, every controller once), else the platform's counter of Kepler up to 0.9,
  else RAPL's `psys`, else CPU packages and memory: that is less than a host draws.
"""

from __future__ import annotations

Line = tuple[str, str, str]

LOCAL = (
    "ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|bcachefs|ntfs|ntfs3|fuseblk|vfat|exfat|ufs|apfs|hfs"
)
"""Kinds of file systems on disks of the host itself: any other may be one that hosts share."""

SHARED = (
    "nfs|nfs4|lustre|gpfs|ceph|beegfs|beegfs_nodev|glusterfs|pvfs2|orangefs|ocfs2|gfs2|panfs|wekafs"
    "|dpc|cifs|smb3|9p|virtiofs|afs|fuse[.].*"
)

VIRTUAL = (
    "lo|(?:veth|docker|br|virbr|cni|cali|flannel|cilium|lxc|lxd|podman|kube|nodelocaldns|antrea|weave"
    "|ovs|ovn|genev|vxlan|geneve|gre|erspan|ip6|ipip|sit|tunl|tun|tap|vnet|fwbr|fwpr|fwln|macvlan"
    "|macvtap|ipvlan|vlan|bond|team|dummy|ifb|wg|zt|tailscale|ppp|nlmon|vmnet).*"
    "|.+[.@].+|en.+v[0-9]+"
)
"""Interfaces that are no ports; VLANs (`eth0.100`) and virtual functions (`enp1s0v3`) too."""

_ON_DISK = f'fstype=~"{LOCAL}",$S'
_SHARED = f'fstype=~"{SHARED}",$S'
_SIZE, _FREE = "node_filesystem_size_bytes", "node_filesystem_free_bytes"


def _used(matching: str, by: str) -> str:
    return f"max by ({by}) ({_SIZE}{{{matching}}} - {_FREE}{{{matching}}} >= 0)"


def _free(matching: str, by: str) -> str:
    whole = f'label_replace({_FREE}{{{matching}}} >= 0, "device", "$1", "device", "([^/:]+)/.*")'
    return f"max by ({by}) ({whole})"


_OWN = "instance, device"
_PORT = f'device!~"{VIRTUAL}",$S'
_STACKED = "(node_network_iface_link{$S} != node_network_iface_id{$S})"


def _ports(expression: str) -> str:
    return f"({expression} unless on (instance, device) {_STACKED})"


def _traffic(way: str) -> str:
    rate = f"rate(node_network_{way}_bytes_total{{{_PORT}}}[$W])"
    return f"sum(max by (instance, device) {_ports(rate)})"


_SPEED = f"max by (instance, device) {_ports(f'node_network_speed_bytes{{{_PORT}}}')}"

# fmt: off
NODE: tuple[Line, ...] = (
    ("cpu_seen", "", 'count(node_cpu_seconds_total{mode="idle",$S})'),
    ("cpu_busy", "",
     'sum(clamp_min(1 - rate(node_cpu_seconds_total{mode="idle",$S}[$W]), 0))'),
    ("memory_seen", "", "sum(node_memory_MemTotal_bytes{$S} >= 0)"),
    ("memory_used", "",
     "sum(node_memory_MemTotal_bytes{$S} - node_memory_MemAvailable_bytes{$S})"),
    ("storage_total", "", f"sum({_used(_ON_DISK, _OWN)}) + sum({_free(_ON_DISK, _OWN)})"),
    ("storage_used", "", f"sum({_used(_ON_DISK, _OWN)})"),
    ("network_received", "", _traffic("receive")),
    ("network_sent", "", _traffic("transmit")),
    ("network_ports", "gbps", f'count_values("gbps", {_SPEED} * 8 / 1e9 > 0)'),
)

NODE_SHARED: tuple[Line, ...] = (
    ("storage_total", "", f"sum(max by (device) ({_SIZE}{{{_SHARED}}} >= 0))"),
    ("storage_used", "", f"sum({_used(_SHARED, 'device')})"),
)
# fmt: on

# -- Kepler ----------------------------------------------------------------------------------------

_NODE = "(instance, node_name)"
_PARTS = "(?i).*(cpu|memory|dimm|gpu|accelerator|fan|storage|sub-?system).*"
_WATTS = (
    "max by (bmc_id, chassis_id, power_control_id)"
    f' (kepler_platform_watts{{power_control_name!~"{_PARTS}",$S}} >= 0)'
)
_TOLD = f"(count by {_NODE} (kepler_platform_watts{{$S}} >= 0))"
_COUNTER = f"(sum by {_NODE} (rate(kepler_node_platform_joules_total{{$S}}[$W])))"


def _zones(names: str) -> str:
    return f'(sum by {_NODE} (rate(kepler_node_cpu_joules_total{{zone=~"{names}",$S}}[$W])))'


_REST = f"({_COUNTER} or {_zones('psys.*')} or {_zones('package.*|dram.*')})"

KEPLER: tuple[Line, ...] = (
    ("it_power", "", f"sum({_WATTS} or ({_REST} unless on {_NODE} {_TOLD}))"),
)
