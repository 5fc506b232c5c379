"""The live view and the plain lines, from what the domains have said."""

import io
from typing import Any

from rich.console import Console

from tests.cli.builders import NOW, a_job
from tests.client.builders import FakeServer
from weir.cli.network_file import read_network
from weir.cli.network_join import Server
from weir.cli.status_view import DomainStatus, Status, changes, draw, read_status
from weir.client.http import Client
from weir.core.lifecycle import JobState
from weir.wire.pools import PoolAnswer

NETWORK = read_network(
    """\
network: small
domains:
  - {name: top, kind: national}
  - {name: east, kind: regional, parent: top}
sites:
  - name: harbor
    domains: [east, top]
    clusters:
      - name: main
        pools:
          - {name: npu, emulated: true, hosts: 2, cpu: 4, memory: 8GiB, devices: 8,
             device_model: h20}
          - {name: cpu, emulated: true, cpu: 4, memory: 8GiB}
""",
    "net.yaml",
)


def a_pool(**changes: Any) -> PoolAnswer:
    fields: dict[str, Any] = {
        "id": "CN.R1.S1.C1.P1",
        "name": "npu",
        "site": "CN.R1.S1",
        "site_name": "harbor",
        "cluster": "CN.R1.S1.C1",
        "hosts": 2,
        "shape": {"cpu_milli": 4000, "memory_bytes": 8 * 2**30, "devices": 8},
        "free": (),
        "free_devices_milli": 14_500,
        "free_cpu_milli": 6000,
        "device_model": "nvidia-h20",
        "emulated": True,
        "open": True,
        "silent": False,
        "fabric": "",
        "fabric_gbps": None,
        "traits": (),
        "location": {},
        "industries": (),
        "domains": (),
        "hops": 0,
        "latency_us": None,
        "price_micro_per_device_hour": 0,
        "price_micro_per_core_hour": 0,
        "currency": "CNY",
        "max_walltime_s": None,
        "measured_gflops": (),
        "runs": 3,
        "heard_at": NOW,
    }
    return PoolAnswer.model_validate(fields | changes)


def servers() -> dict[str, Server]:
    fakes = {
        "top": FakeServer({}),
        "east": FakeServer(
            {
                "GET /v1/pools": [a_pool()],
                "GET /v1/jobs": {"jobs": [a_job()], "next": None},
            }
        ),
    }
    return {
        name: Server(name, f"http://{name}", Client(f"http://{name}", transport=fake.transport))
        for name, fake in fakes.items()
    }


def drawn(status: Status) -> str:
    console = Console(file=io.StringIO(), width=120)
    with console.capture() as capture:
        console.print(draw(NETWORK, servers(), status))
    return capture.get()


def test_the_tree_has_domains_sites_and_pools() -> None:
    text = drawn(read_status(servers()))
    assert "harbor also of top" in text
    assert "npu: 2 hosts, 14.5 of 16 nvidia-h20 free (emulated) 3 running" in text
    assert "cpu not reported yet" in text
    assert "east regional http://east  1 running" in text


def test_a_domain_that_does_not_answer_is_not_shown_as_empty() -> None:
    text = drawn(read_status(servers()))
    assert "top national http://top  does not answer: nothing stands under GET /v1/pools" in text


def test_the_last_placements_are_those_where_they_were_submitted() -> None:
    own = a_job("j-1", name="sweep", array_index=2, place=("north", "north-center"))
    handed_down = a_job("j-2", root_job="j-1")
    status = Status({"top": DomainStatus((), (own,)), "east": DomainStatus((), (handed_down,))})
    assert status.placements() == [("top", own)]
    assert "sweep[2]" in drawn(status)
    assert "North Center / npu (emulated)" in drawn(status)


def test_a_pool_is_told_by_the_domain_nearest_to_it() -> None:
    near, far = a_pool(hops=0, runs=3), a_pool(hops=1, runs=0)
    status = Status({"top": DomainStatus((far,)), "east": DomainStatus((near,))})
    assert status.pools() == {("harbor", "npu"): near}


def test_plain_lines_tell_what_is_new() -> None:
    waiting = a_job(state=JobState.WAITING, pool=None, site_name=None, emulated=None, place=())
    old = Status({"east": DomainStatus((a_pool(),), (waiting,)), "top": DomainStatus()})
    failed = a_job(state=JobState.FAILED, reason="exit code 1")
    new = Status(
        {
            "east": DomainStatus((a_pool(silent=True),), (failed,)),
            "top": DomainStatus(problem="no answer"),
        }
    )
    assert list(changes(Status(), old)) == [
        "east: train j-1 waiting",
        "harbor / npu: 2 hosts, 14.5 of 16 nvidia-h20 free (emulated)",
    ]
    assert list(changes(old, old)) == []
    assert list(changes(old, new)) == [
        "east: train j-1 failed at North Center / npu (emulated): exit code 1",
        "top does not answer: no answer",
        "harbor / npu is silent",
    ]
    assert list(changes(new, old))[-2:] == ["top answers again", "harbor / npu is heard again"]


def test_a_domain_that_does_not_answer_takes_no_pool_away() -> None:
    old = Status({"east": DomainStatus((a_pool(),))})
    new = Status({"east": DomainStatus(problem="no answer")})
    assert list(changes(old, new)) == ["east does not answer: no answer"]
