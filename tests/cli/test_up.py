"""`weir up` as a command: what it says when it can't start."""

import socket
from pathlib import Path

from tests.cli.builders import weir
from tests.client.builders import URL, FakeServer
from weir.cli.network_file import read_network
from weir.cli.network_join import Folder, Server
from weir.cli.processes import Children, alone_in
from weir.cli.up import stop
from weir.cli.up_context import write_servers
from weir.client.context import add_server, read_context
from weir.client.http import Client
from weir.wire.joining import TokenAnswer

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


def test_a_home_that_can_not_be_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(GOOD)
    result = weir({}, "up", str(file), "--home", str(file))
    assert result.exit_code == 2
    assert result.stderr == f"error: {file}/small: Not a directory\n"


def test_servers_of_others_and_a_default_stay_in_the_context_file(tmp_path: Path) -> None:
    file = read_network(GOOD, "net.yaml")
    fake = FakeServer({"POST /v1/tokens": TokenAnswer(id="t-1", token="secret")})
    servers = {"top": Server("top", URL, Client(URL, transport=fake.transport))}
    folder = Folder(tmp_path / "small")
    folder.home.mkdir()
    add_server(tmp_path, "top", "http://work.test")
    for _ in range(2):
        assert write_servers(file, tmp_path, folder, servers) == {"top": "small-top"}
    context = read_context(tmp_path)
    assert (context.default, context.servers["top"].url) == ("top", "http://work.test")
    assert context.servers["small-top"].url == URL
    assert len(fake.asked) == 1


def test_the_processes_are_stopped_where_nobody_listens_any_more(tmp_path: Path) -> None:
    def closed_pipe(line: str) -> None:
        raise BrokenPipeError

    children = Children(tmp_path, ("/bin/sh", "-c"))
    children.start("server", ["exec sleep 60"])
    stop(children, closed_pipe)
    assert len(children) == 0
