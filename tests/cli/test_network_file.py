"""Network files: every mistake at once, each with its field and line."""

from pathlib import Path

import pytest

from weir.cli.network_file import NetworkFile, read_network, read_network_file
from weir.cli.network_join import Folder
from weir.cli.pool_entries import pool_fields
from weir.cli.simulate_network import pools_of
from weir.cli.up import _serve
from weir.core.errors import BadInput
from weir.wire.pools import Place, Shape

MACHINE = Shape(cpu_milli=4000, memory_bytes=8 * 2**30)

GOOD = """\
network: small
domains:
  - {name: east, kind: regional, parent: top}
  - {name: works, kind: industry, parent: east}
  - {name: top, kind: national}
sites:
  - name: harbor
    domains: [works, east]
    location: {region: east, country: CN, latitude: 30.9, longitude: 121.9}
    latency: 12ms
    price_per_core_hour: 0.25
    clusters:
      - name: main
        pools:
          - name: npu
            emulated: true
            hosts: 4
            cpu: 32
            memory: 256GiB
            devices: 8
            device_model: Ascend 910B
            traits: [cann]
            latency: 1.5ms
            price_per_device_hour: 12.5
            measured: {fp16: 280 TFLOPS}
          - {name: here, detect: true}
"""


def mistakes(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(BadInput) as caught:
        read_network(text, "net.yaml")
    return [(m.line, m.field, m.message) for m in caught.value.mistakes]


def good() -> NetworkFile:
    return read_network(GOOD, "net.yaml")


def test_domains_come_after_their_parents_however_they_are_written() -> None:
    assert [d.name for d in good().domains_from_the_top()] == ["top", "east", "works"]
    first = good().first_domain("regional")
    assert first is not None
    assert first.name == "east"


def test_each_domain_hears_its_sites_and_its_peers() -> None:
    assert good().clusters_of_domains() == {
        "top": {("east", "east")},
        "east": {("harbor", "main"), ("top", "top"), ("works", "works")},
        "works": {("harbor", "main"), ("east", "east")},
    }


def test_a_pool_has_integers_and_what_its_site_says_unless_it_says_otherwise() -> None:
    site = good().sites[0]
    npu, here = (pool_fields(site, pool, MACHINE) for pool in site.clusters[0].pools)
    assert npu.shape == Shape(cpu_milli=32_000, memory_bytes=256 * 2**30, devices=8)
    assert npu.device_model == "huawei-ascend-910b"
    assert (npu.latency_us, here.latency_us) == (1500, 12_000)
    assert npu.price_micro_per_device_hour == 12_500_000
    assert npu.price_micro_per_core_hour == here.price_micro_per_core_hour == 250_000
    assert npu.measured_gflops == (("fp16", 280_000),)
    assert npu.location == Place(region="east", country="CN", latitude=30.9, longitude=121.9)


def test_a_detected_pool_is_this_machine() -> None:
    site = good().sites[0]
    here = pool_fields(site, site.clusters[0].pools[1], MACHINE)
    assert here.shape == MACHINE
    assert not here.emulated


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
network: Small!
domains:
  - {name: top, kind: national, parent: east}
  - {name: second, kind: national}
  - {name: east, kind: regional, parent: topp}
  - {name: lone, kind: regional}
  - {name: works, kind: industry, parent: top}
  - {name: east, kind: regional, parent: top, port: 80}
sites:
  - name: harbor
    domains: [est, top, top]
    clusters:
      - name: main
        pools:
          - {name: a, cpu: lots, memory: 80G, hosts: 0}
          - {name: a, cpu: 1, memory: 1GiB, devices: 8, device_model: ascend-911b, emulatd: true}
"""
    found = mistakes(text)
    assert [(line, field) for line, field, _ in found] == [
        (1, "network"),
        (3, "domains[0].parent"),
        (4, "domains[1].kind"),
        (5, "domains[2].parent"),
        (6, "domains[3]"),
        (7, "domains[4].parent"),
        (8, "domains[5].name"),
        (8, "domains[5].parent"),
        (8, "domains[5].port"),
        (11, "sites[0].domains[0]"),
        (11, "sites[0].domains[2]"),
        (15, "sites[0].clusters[0].pools[0].cpu"),
        (15, "sites[0].clusters[0].pools[0].hosts"),
        (15, "sites[0].clusters[0].pools[0].memory"),
        (16, "sites[0].clusters[0].pools[1].device_model"),
        (16, "sites[0].clusters[0].pools[1].emulatd"),
        (16, "sites[0].clusters[0].pools[1].name"),
    ]
    told = {field: message for _, field, message in found}
    assert told["domains[2].parent"] == "there is no domain 'topp'; did you mean top?"
    assert "regional" in told["domains[4].parent"]
    assert "huawei-ascend-910b" in told["sites[0].clusters[0].pools[1].device_model"]


def test_parents_that_lead_in_a_circle_are_shown_with_the_circle() -> None:
    text = """\
network: round
domains:
  - {name: a, kind: regional, parent: b}
  - {name: b, kind: regional, parent: a}
"""
    assert [message for _, _, message in mistakes(text)] == [
        "the parents lead in a circle: a -> b -> a",
        "the parents lead in a circle: b -> a -> b",
    ]


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ("{name: p, detect: true, emulated: true}", "not emulated"),
        ("{name: p, detect: true, cpu: 2}", "leave them out"),
        ("{name: p, cpu: 2}", "needs cpu and memory"),
        ("{name: p, cpu: 2, memory: 1GiB, devices: 2}", "go together"),
        ("{name: p, cpu: 2, memory: 1GiB, device_model: h20}", "go together"),
    ],
)
def test_a_pool_must_make_sense(pool: str, said: str) -> None:
    text = f"""\
network: small
domains: [{{name: top, kind: national}}]
sites:
  - {{name: s, domains: [top], clusters: [{{name: c, pools: [{pool}]}}]}}
"""
    ((line, _, message),) = mistakes(text)
    assert line == 4
    assert said in message


def test_an_empty_list_is_told_where_it_stands() -> None:
    assert mistakes("network: x\ndomains: []") == [(2, "domains", "needs at least one entry")]


@pytest.mark.parametrize("text", ["[]", "domains: 3", "network: x\ndomains: [1, {name: [2]}]"])
def test_whatever_the_shape_it_is_a_mistake_and_no_crash(text: str) -> None:
    assert mistakes(text)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be read"):
        read_network_file(tmp_path / "none.yaml")


def test_a_cluster_is_this_machine_or_one_resource_manager() -> None:
    pools = "pools: [{name: p, detect: true}]"
    text = "network: n\ndomains: [{name: top, kind: national}]\nsites:\n  - name: s\n"
    text += "    domains: [top]\n    clusters:\n      - {name: c, %s}\n"
    found = read_network(text % "slurm: {folder: /shared}", "net.yaml").sites[0].clusters[0]
    assert (found.kind, found.pools) == ("slurm", ())

    both = mistakes(text % f"{pools}, slurm: {{folder: /shared}}")
    assert both[0][0] == 7
    assert "both slurm and pools" in both[0][2]
    assert "there is none" in mistakes(text % "")[0][2]
    assert mistakes(text % "slurm: {folder: here}")[0][1].startswith("sites[0].clusters[0].slurm")


def test_what_a_resource_manager_has_can_t_be_simulated_from_the_file() -> None:
    text = "network: n\ndomains: [{name: top, kind: national}]\nsites: [{name: s, domains: [top], "
    text += "clusters: [{name: c, slurm: {folder: /shared}}]}]"
    with pytest.raises(BadInput, match="What s/c has is known to its resource manager only"):
        pools_of(read_network(text, "net.yaml"))


PROBED = """\
network: n
domains: [{name: top, kind: national}]
sites:
  - name: s
    domains: [top]
    clusters:
      - name: c
        pools: [{name: gpu, detect: true}]
        probes: [%s]
"""


def test_a_cluster_says_where_its_samples_come_from() -> None:
    text = PROBED % "{kind: executor}, {kind: host, pool: gpu, interval_s: 5}"
    [cluster] = read_network(text, "net.yaml").sites[0].clusters
    assert cluster.probes is not None
    assert [probe.kind for probe in cluster.probes] == ["executor", "host"]
    [bare] = read_network(text.replace("probes:", "#"), "net.yaml").sites[0].clusters
    assert bare.probes is None, "an agent's own probes then"


def test_mistakes_of_probes_are_told_together_with_their_line() -> None:
    prom = "{kind: prometheus, url: http://x, pools: [{pool: npu, mappings: [dgcm]}]}"
    [(line, field, message)] = mistakes(PROBED % f"{prom}, {{kind: host}}, {{kind: host}}")
    assert (line, field) == (7, "sites[0].clusters[0]")
    assert "2 probes are named 'host'" in message
    assert "'dgcm' is none of dcgm, ascend" in message
    assert "of the pool 'npu'; there are gpu" in message
    [(line, field, _)] = mistakes(PROBED % "{kind: hots}")
    assert (line, field) == (9, "sites[0].clusters[0].probes[0]")


ALERTED = """\
network: small
domains:
  - name: top
    kind: national
    alerts: rules.yaml
    keep: {1m: 7d, 15m: 90d}
"""


def test_a_domain_names_its_rules_and_how_long_it_keeps_samples(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{name: claim-off, disabled: true}]")
    (tmp_path / "net.yaml").write_text(ALERTED)
    file = read_network_file(tmp_path / "net.yaml")
    assert file.domains[0].alerts == tmp_path / "rules.yaml"
    command = _serve(file, file.domains[0], Folder(tmp_path), 7500)
    assert command[command.index("--alerts") + 1] == str(tmp_path / "rules.yaml")
    kept = [command[n + 1] for n, word in enumerate(command) if word == "--keep"]
    assert kept == ["1m=7d", "15m=90d"]


def test_mistakes_in_a_file_of_rules_are_told_with_those_of_the_network(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        "rules:\n"
        "  - {name: a, indicator: pua, above: 1}\n"
        "  - {name: b, indicator: pue, above: 20 W, each: site}\n"
    )
    text = ALERTED.replace("1m: 7d", "2m: 7d, 1m: 90d").replace("15m: 90d", "15m: 3d")
    second = "  - {name: east, kind: regional, parent: tip, alerts: none.yaml}\n"
    (tmp_path / "net.yaml").write_text(text + second)
    with pytest.raises(BadInput) as caught:
        read_network_file(tmp_path / "net.yaml")
    said = [(m.line, m.field, m.message) for m in caught.value.mistakes]
    fields = [field for _, field, _ in said]
    assert fields == [
        "domains[0].alerts",
        "domains[0].alerts",
        "domains[0].keep",
        "domains[1].alerts",
        "domains[1].parent",
    ]
    assert said[0][2].startswith("rules.yaml:2 rules[0].indicator: no indicator is called 'pua'")
    assert "rules.yaml:3 rules[1].above" in said[1][2]
    assert said[0][0] == 5
    assert "2m no bucket is so wide" in said[2][2]
    assert "can't be read" in said[3][2]
