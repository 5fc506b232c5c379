"""`weir up` as a command: what it says when it can't start."""

import socket
from pathlib import Path

from tests.cli.builders import weir
from weir.cli.processes import Children, alone_in
from weir.cli.up import stop

GOOD = "network: small\ndomains: [{name: top, kind: national}]\n"


def test_mistakes_in_the_file_are_told_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("network: small\ndomains:\n  - {name: east, kind: regional, parent: top}\n")
    result = weir({}, "up", str(file))
    assert result.exit_code == 2
    assert "domains[0].parent (line 3): there is no domain 'top'" in result.output


def test_a_network_that_is_up_already_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(GOOD)
    with alone_in(tmp_path / "home" / "small"):
        result = weir({}, "up", str(file), "--home", str(tmp_path / "home"))
    assert result.exit_code == 1
    assert "another weir keeps the network" in result.output


def test_a_wanted_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        file = tmp_path / "net.yaml"
        file.write_text(GOOD.replace("kind: national", f"kind: national, port: {port}"))
        result = weir({}, "up", str(file), "--home", str(tmp_path / "home"))
    assert result.exit_code == 1
    assert f"port {port} for top is taken" in result.output
    assert not (tmp_path / "home" / "small" / "logs").exists()


def test_the_processes_are_stopped_where_nobody_listens_any_more(tmp_path: Path) -> None:
    def closed_pipe(line: str) -> None:
        raise BrokenPipeError

    children = Children(tmp_path, ("/bin/sh", "-c"))
    children.start("server", ["exec sleep 60"])
    stop(children, closed_pipe)
    assert len(children) == 0
