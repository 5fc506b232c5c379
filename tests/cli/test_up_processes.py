"""Processes and ports of `weir up`, with trivial commands in place of servers."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from weir.cli.processes import (
    PORTS,
    RESTARTS,
    Children,
    Died,
    alone_in,
    child_environment,
    choose_ports,
    read_numbers,
    write_numbers,
)
from weir.core.errors import Conflict

SH = ("/bin/sh", "-c")


def until(holds: Callable[[], bool]) -> None:
    """Wait for the operating system, a few seconds at most."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def test_later_stages_stop_first(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = 'trap "echo $0 >>{}; exit 0" TERM; echo up; while :; do sleep 0.02; done'
    children = Children(tmp_path / "logs", SH)
    for name, stage in (("server", 0), ("agent", 1)):
        children.start(name, [script.format(order), name], stage)
    for name in ("server", "agent"):
        until(lambda name=name: (tmp_path / "logs" / f"{name}.log").read_text() == "up\n")  # type: ignore[misc]
    assert children.stop() == 0
    assert order.read_text().split() == ["agent", "server"]
    assert len(children) == 0


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    children = Children(tmp_path, SH)
    children.start("stubborn", ['trap "" TERM; echo up; while :; do sleep 1; done'])
    until(lambda: (tmp_path / "stubborn.log").read_text() == "up\n")
    assert children.stop(grace_s=0.1) == 1


def test_a_death_is_told_with_the_end_of_its_log_and_nothing_older(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("from the time before\n")
    children = Children(tmp_path, SH)
    children.start("server", ["echo the port is taken; exit 3"])
    children.start("agent", ["exec sleep 60"])

    def has_died() -> bool:
        try:
            children.check()
        except Died:
            return True
        return False

    until(has_died)
    with pytest.raises(Died, match="server ended with status 3") as caught:
        children.check()
    assert [m.message for m in caught.value.mistakes] == ["the port is taken"]
    assert children.stop() == 0


def test_a_death_by_signal_names_the_signal(tmp_path: Path) -> None:
    children = Children(tmp_path, SH)
    children.start("victim", ["kill -KILL $$"])
    until(lambda: not _alive(children))
    with pytest.raises(Died, match="victim ended by SIGKILL"):
        children.check()


def _alive(children: Children) -> bool:
    try:
        children.check()
    except Died:
        return False
    return True


def test_what_dies_is_started_again_but_not_for_ever(tmp_path: Path) -> None:
    children, said = Children(tmp_path, SH), list[str]()
    children.start("site-x", ["echo once more; kill -KILL $$"])
    for _ in range(RESTARTS):
        until(lambda: not _alive(children))
        children.revive(said.append, now=100.0)
    assert said == ["site-x ended by SIGKILL; started again"] * RESTARTS
    until(lambda: not _alive(children))
    with pytest.raises(Died, match="started again 5 times within 60 s") as caught:
        children.revive(said.append, now=101.0)
    assert [m.message for m in caught.value.mistakes] == ["once more"]
    children.revive(said.append, now=161.0)
    assert len(said) == RESTARTS + 1


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ties a child's life to its parent's"
)
def test_children_end_when_their_starter_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from weir.cli.processes import Children;"
        f"c = Children(Path({str(tmp_path)!r}), ('/bin/sh', '-c'));"
        "c.start('child', ['echo $$; exec sleep 60']); time.sleep(60)"
    )
    log = tmp_path / "child.log"
    with subprocess.Popen([sys.executable, "-c", program]) as starter:
        until(lambda: log.exists() and log.read_text().endswith("\n"))
        child = psutil.Process(int(log.read_text()))
        starter.send_signal(signal.SIGKILL)
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_children_see_no_proxy_for_this_machine() -> None:
    got = child_environment({"http_proxy": "http://proxy:3128", "NO_PROXY": "example.org"})
    assert got["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert got["no_proxy"] == "127.0.0.1,localhost"
    assert got["http_proxy"] == "http://proxy:3128"


def test_ports_are_wanted_or_remembered_or_free_and_all_different() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        busy = taken.getsockname()[1]
        first = choose_ports({"a": None, "b": None, "c": None}, {"b": busy})
        assert first["b"] != busy
    assert set(first.values()) <= set(PORTS)
    assert len(set(first.values())) == 3
    assert choose_ports({"a": None, "b": None, "c": None}, first) == first


def test_a_wanted_port_that_is_taken_is_a_conflict() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        busy = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {busy} for top is taken"):
            choose_ports({"top": busy}, {})


def test_numbers_are_kept_for_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    assert read_numbers(file) == {}
    write_numbers(file, {"top": 20_001})
    assert read_numbers(file) == {"top": 20_001}
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    file.write_text("half a fi")
    assert read_numbers(file) == {}


def test_one_weir_at_a_time_keeps_a_network_up(tmp_path: Path) -> None:
    with (
        alone_in(tmp_path / "net"),
        pytest.raises(Conflict, match="another weir"),
        alone_in(tmp_path / "net"),
    ):
        pass
    with alone_in(tmp_path / "net"):
        pass
