"""Joining a Slurm, and `weir agent doctor`: with commands that print what Slurm 22.05 prints."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.builders import weir
from tests.cli.test_agent_join import root
from tests.client.builders import FakeServer, problem
from tests.executors.test_looks import put
from weir.cli import agent_checks_slurm
from weir.cli.agent_checks import Prober
from weir.client.http import Client
from weir.executors import looks
from weir.executors.looks import Found, SlurmFound
from weir.wire.joining import JoinAnswer

NODE = (
    "NodeName={} Arch=x86_64 CPUAlloc=0 CPUEfctv=64 CPUTot=64 RealMemory=524288 AllocMem=0 "
    "ActiveFeatures=(null) Gres={} State={} ThreadsPerCore=1 Partitions={} GresUsed={}:0\n"
)
NODES = (
    NODE.format("g1", "gpu:910b3:8", "IDLE", "gpu,all", "gpu:910b3")
    + NODE.format("g2", "gpu:910b3:8", "DOWN*", "gpu,all", "gpu:910b3")
    + NODE.format("o1", "npu:novelty:4", "IDLE", "odd,all", "npu:novelty")
    + NODE.format("d1", "(null)", "DOWN", "dead", "(null)")
)
PARTITIONS = """\
PartitionName=odd Default=NO Hidden=NO MaxTime=02:00:00 Nodes=o1 State=UP OverSubscribe=NO
PartitionName=gpu Default=YES Hidden=NO MaxTime=UNLIMITED Nodes=g[1-2] State=UP OverSubscribe=NO
PartitionName=all Default=NO Hidden=NO MaxTime=UNLIMITED Nodes=g[1-2],o1 State=UP
PartitionName=shut Default=NO Hidden=NO MaxTime=UNLIMITED Nodes=d1 State=DOWN
PartitionName=quiet Default=NO Hidden=YES MaxTime=UNLIMITED Nodes=d1 State=UP
"""
CONFIG = "AccountingStorageType   = accounting_storage/{}\nJobCompType = jobcomp/none\n"
SCONTROL = """#!/bin/sh
case "$1 $2" in
    "--version "*) echo "slurm 22.05.8";;
    "show node") /bin/cat {0}/nodes;;
    "show partition") /bin/cat {0}/partitions;;
    "show config") /bin/cat {0}/config;;
esac
"""
WOULD = (
    "sbatch: Job 7 to start at 2026-01-02T03:04:05 using 1 processors on nodes g1 in partition x"
)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slurm's commands, in a folder that is found."""
    folder = tmp_path / "slurm"
    put(folder, "sbatch", "", error=WOULD)
    put(folder, "sacctmgr", "physics\nnetwork\n")
    put(folder, "scontrol", "")
    (folder / "scontrol").write_text(SCONTROL.format(folder))
    (folder / "nodes").write_text(NODES)
    (folder / "partitions").write_text(PARTITIONS)
    (folder / "config").write_text(CONFIG.format("slurmdbd"))
    found = SlurmFound(True, "", "22.05.8", "Works One", True, commands=str(folder))
    monkeypatch.setattr(looks, "look", lambda _: Found(slurm=found))
    monkeypatch.setattr(looks, "on_network", lambda _: False)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    answer = JoinAnswer(
        identifier="CN.S1-G", cluster="CN.S1.C1-E", token="t", parent="CN-F", parent_name="east"
    )
    fake = FakeServer(
        {
            "POST /v1/join": answer,
            "GET /": lambda _: root(time.time()),
            "GET /readyz": {"status": "ready"},
            "GET /v1/domain": problem(403, "weir.auth.forbidden", "to read takes the role viewer"),
        }
    )
    for place in ("weir.cli.agent_join.Client", "weir.cli.agent_checks.Client"):
        monkeypatch.setattr(place, partial(Client, transport=fake.transport))
    monkeypatch.setattr("weir.cli.agent_checks.Prober", partial(Prober, transport=fake.transport))
    return fake


def join(server: FakeServer, *options: str, folder: str = "shared") -> Any:
    words = ("agent", "join", "http://east.test", "--home", "works", "--folder", folder)
    return weir(server, *words, *options, env={"WEIR_JOIN_TOKEN": "once"})


def doctor(server: FakeServer, *options: str) -> tuple[int, list[dict[str, str]]]:
    result = weir(server, "agent", "doctor", "--home", "works", "--json", *options)
    said = json.loads(result.stdout)
    assert result.exit_code == (0 if said["ok"] else 1)
    return result.exit_code, said["checks"]


def written() -> dict[str, Any]:
    (agent,) = yaml.safe_load(Path("works/agents.yaml").read_text())["agents"]
    assert isinstance(agent, dict)
    return agent


def test_the_partitions_found_are_proposed_the_default_first(
    commands: Path, server: FakeServer, tmp_path: Path
) -> None:
    result = join(server, "--region", "east", "--price-per-device-hour", "12.5")
    assert result.exit_code == 0, result.output
    agent = written()
    assert agent["name"] == "works-one"
    terms = {"location": {"region": "east"}, "price_micro_per_device_hour": 12_500_000}
    assert agent["executor"] == {
        "kind": "slurm",
        "folder": str(tmp_path / "shared"),
        "commands": str(commands),
        "shares": [{"partition": "gpu", **terms}, {"partition": "odd", **terms}],
    }
    text = Path("works/agents.yaml").read_text()
    assert "2 nodes of 64 CPUs, 512 GiB and 8 x gpu:910b3 (huawei-ascend-910b3); no time" in text
    assert "4 x npu:novelty (model not known); at most 2h a job" in text
    for left_out in (
        "all: its nodes are all in partitions above",
        "shut: takes no jobs now",
        "quiet: hidden, or for root only",
    ):
        assert f"    # not {left_out}\n" in text
    spent = json.loads(server.asked[-1].content)
    assert (spent["cluster"], spent["executor"]) == ("works-one", "slurm")


def test_only_the_partitions_that_are_asked_for_are_shared(
    commands: Path, server: FakeServer
) -> None:
    assert join(server, "--partition", "odd", "--cluster", "small").exit_code == 0
    assert [share["partition"] for share in written()["executor"]["shares"]] == ["odd"]
    assert "# not gpu: not chosen by --partition" in Path("works/agents.yaml").read_text()
    result = join(server, "--partition", "gpus", folder="x")
    assert result.exit_code == 0, "a second join leaves what is shared as it was"


def test_a_partition_that_is_not_there_is_a_mistake(commands: Path, server: FakeServer) -> None:
    result = join(server, "--partition", "gpus")
    assert result.exit_code == 2
    assert "Slurm shows no partition 'gpus'; there is gpu" in result.stderr


def test_the_folder_is_asked_for_unless_it_is_obvious(
    commands: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("agent", "join", "http://east.test", "--home", "works", "--dry-run")
    env = {"WEIR_JOIN_TOKEN": "once", "HOME": str(tmp_path)}
    result = weir(server, *words, env=env)
    assert result.exit_code == 2
    assert "give --folder PATH: a folder for the runs" in result.stderr
    monkeypatch.setattr(looks, "on_network", lambda _: True)
    result = weir(server, *words, env=env)
    assert result.exit_code == 0, result.output
    assert f"folder: {tmp_path / 'weir-runs'}\n" in result.output
    assert not (tmp_path / "weir-runs").exists(), "a dry run makes nothing"


def test_the_checks_of_a_slurm_that_is_well(
    commands: Path, server: FakeServer, tmp_path: Path
) -> None:
    join(server)
    code, found = doctor(server)
    said = {check["what"]: (check["state"], check["said"]) for check in found}
    assert code == 0
    assert said["slurm"] == ("ok", "22.05.8 answers; 2 of 4 nodes are up")
    assert said["token CN-F.token"] == ("ok", "readable, and the domain knows it")
    assert said["submit to gpu"] == ("ok", "a job could start at 2026-01-02T03:04:05 on g1")
    assert said["accounts"][1].endswith("is in network, physics")
    assert said["folder"][0] == "warning", "whether nodes have it is only known by a probe"
    states = [check["state"] for check in found if check["what"] == "partition odd"]
    assert states == ["ok", "warning"], "its device model is not known"
    assert 'device_models: {"npu:novelty": MODEL}' in next(
        check["fix"] for check in found if "novelty" in check["fix"]
    )


def break_nodes(commands: Path) -> None:
    (commands / "nodes").write_text(NODES.replace("State=IDLE", "State=IDLE+DRAIN"))


def break_partition(commands: Path) -> None:
    (commands / "partitions").write_text(PARTITIONS.replace("=gpu", "=fast"))


def shut_partition(commands: Path) -> None:
    text = PARTITIONS.replace("Nodes=g[1-2] State=UP", "Nodes=g[1-2] State=DRAIN")
    (commands / "partitions").write_text(text)


def refuse(commands: Path) -> None:
    said = "sbatch: error: Batch job submission failed: Invalid qos specification"
    put(commands, "sbatch", "", code=1, error=f"{said}\n")


def stop(commands: Path) -> None:
    put(commands, "scontrol", "", 1, "Unable to contact slurm controller (connect failure)\n")


def no_accounts(commands: Path) -> None:
    put(commands, "sacctmgr", "")


def no_slurmdbd(commands: Path) -> None:
    (commands / "config").write_text(CONFIG.format("none"))


@pytest.mark.parametrize(
    ("harm", "what", "state", "said", "fix"),
    [
        (break_nodes, "partition gpu", "wrong", "none of its nodes is up", "`sinfo -R` says why"),
        (break_partition, "partition gpu", "wrong", "there is none", "Slurm shows odd, fast, all"),
        (shut_partition, "partition gpu", "wrong", "it takes no jobs", "State=UP"),
        (refuse, "submit to gpu", "wrong", "Invalid qos specification", "ask its operator"),
        (stop, "slurm", "wrong", "Unable to contact slurm controller", "scontrol ping"),
        (no_accounts, "accounts", "warning", "is in no account", "sacctmgr add user"),
        (no_slurmdbd, "accounts", "warning", "no slurmdbd: usage", "set up slurmdbd"),
    ],
)
def test_the_doctor_says_what_is_wrong_and_its_fix(
    commands: Path, server: FakeServer, harm: Any, what: str, state: str, said: str, fix: str
) -> None:
    assert join(server).exit_code == 0
    harm(commands)
    code, found = doctor(server)
    check = next(check for check in found if check["what"] == what)
    assert check["state"] == state
    assert said in check["said"]
    assert fix in check["fix"]
    assert code == (state == "wrong")


def test_accounts_of_the_settings_are_looked_for(commands: Path, server: FakeServer) -> None:
    join(server)
    path = Path("works/agents.yaml")
    added = "    accounts: [{account: physics}, {account: chemistry}]\n  uplinks:"
    path.write_text(path.read_text().replace("  uplinks:", added))
    code, found = doctor(server)
    check = next(check for check in found if check["what"] == "accounts")
    assert code == 1
    assert check["said"].endswith("is not in chemistry")
    tried = [check["what"] for check in found if check["what"].startswith("submit")]
    assert tried[:2] == ["submit to gpu as physics", "submit to gpu as chemistry"]


def test_a_folder_that_can_not_be_used_stops_the_join(
    commands: Path, server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    result = join(server, folder="file/inside")
    assert result.exit_code == 1
    assert f"{tmp_path / 'file/inside'} can't be used (Not a directory)" in result.output
    assert not Path("works/agents.yaml").exists()


def test_tokens_are_the_owners_alone(commands: Path, server: FakeServer) -> None:
    join(server)
    token = Path("works/CN-F.token")
    token.chmod(0o644)
    checks = {check["what"]: check for check in doctor(server)[1]}
    assert checks["token CN-F.token"]["state"] == "warning"
    token.unlink()
    code, found = doctor(server)
    assert code == 1
    assert any("can't be read" in check["said"] for check in found)


def test_a_domain_that_is_away_is_told_and_the_rest_is_checked(
    commands: Path, server: FakeServer
) -> None:
    join(server)
    server.replies["GET /"] = server.replies["GET /v1/domain"] = httpx.ConnectError("refused")
    code, found = doctor(server)
    states = {check["what"]: check["state"] for check in found}
    assert code == 1
    assert (states["domain"], states["clock"]) == ("wrong", "not checked")
    assert (states["token CN-F.token"], states["slurm"]) == ("not checked", "ok")


# -- the probe -------------------------------------------------------------------------------------


def test_a_probe_that_does_not_start_is_no_fault_of_the_folder(
    commands: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_checks_slurm, "PROBE_S", 0.6)
    run_at_once(commands, sees=False)
    fields = ["7", "PENDING", "Resources", "", "", "", "0", "0", "", "", "", "me", "gpu", "x"]
    put(commands, "squeue", "|".join(fields) + "|\n")
    (commands / "scancel").write_text(f'#!/bin/sh\necho "$@" >{commands}/canceled\n')
    result = join(server, "--probe", "--partition", "gpu")
    assert result.exit_code == 0, result.output
    assert "warning      probe of gpu       its job has not run within 1 s (Resources)" in (
        result.output
    )
    assert "7" in (commands / "canceled").read_text().split()


def run_at_once(commands: Path, sees: bool) -> None:
    """An sbatch that runs what it is given, on a node that sees the folder or does not."""
    run = "/bin/sh -s" if sees else "/bin/cat >/dev/null"
    (commands / "sbatch").write_text(
        f'#!/bin/sh\ncase "$*" in *--test-only*) exit 0;; esac\nPATH=/bin:/usr/bin\n{run}\necho 7\n'
    )
    fields = ["7", "COMPLETED", "None", "", "", "g1", "0", "0", "", "", "", "me", "gpu", "x"]
    put(commands, "squeue", "|".join(fields) + "|\n")
    put(commands, "scancel", "")


@pytest.mark.parametrize("sees", [True, False])
def test_a_probe_tells_whether_a_node_sees_the_folder(
    commands: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch, sees: bool
) -> None:
    monkeypatch.setattr(agent_checks_slurm, "SLACK_S", 0.1)
    run_at_once(commands, sees)
    result = join(server, "--probe", "--partition", "gpu")
    assert result.exit_code == (0 if sees else 1), result.output
    if sees:
        assert "ok           probe of gpu" in result.output
        assert "ok           folder" in result.output
    else:
        assert "g1 does not see" in result.output
        assert "`srun -p gpu ls -ld" in result.output
    assert list(Path("shared").iterdir()) == [], "a probe leaves nothing"


def test_the_doctor_needs_settings(tmp_path: Path) -> None:
    result = weir({}, "agent", "doctor", "--home", str(tmp_path))
    assert result.exit_code == 2
    assert "`weir agent join` or `weir agent link` writes it" in result.stderr
