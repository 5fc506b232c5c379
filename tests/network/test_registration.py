"""Joining twice: a token is good once, a name has one identifier, a cluster has one agent."""

from pathlib import Path

import pytest

from tests.network.harness import Network, job, network_up, start_agents
from tests.network.networks import ONE_SITE
from weir.core.errors import JoinTokenUsed, NotAllowed, NotSignedIn
from weir.core.lifecycle import JobState
from weir.executors.settings import AgentFile
from weir.wire.exchange import ExchangeRequest
from weir.wire.joining import JoinAnswer, JoinRequest, JoinTokenRequest
from weir.wire.mistakes import read_yaml, validated


def test_a_center_that_registers_again(tmp_path: Path) -> None:
    with network_up(tmp_path, ONE_SITE, "--lease", "3") as network:
        first = JoinAnswer.model_validate_json(
            (network.folder.site("center") / "joins" / "main.nation.json").read_text()
        )
        a_second_process_takes_over(network)
        the_same_name_has_the_same_identifiers(network, first)
        nobody_speaks_for_another_cluster(network, first)


def a_second_process_takes_over(network: Network) -> None:
    """Beside the older one, in an empty folder, and with a pool that has grown meanwhile."""
    settings = network.folder.home / "agents" / "site-center" / "agents.yaml"
    grown = settings.read_text().replace("hosts: 1", "hosts: 3")
    agents = validated(AgentFile, read_yaml(grown, "settings")[0], "settings").agents
    older = network.process("site-center").process
    start_agents(network, "second", agents)

    network.until("the older process ends", lambda: older.poll() is not None)
    assert older.returncode == 1
    assert "another agent process has taken over cluster" in network.log("site-center")
    network.until("the pool's growth is known", lambda: network["nation"].pools()[0].hosts == 3)
    [mine] = network.submit("nation", job("hello", "echo hello"))
    done = network.ended("nation", mine)
    assert (done.state, done.attempts) == (JobState.SUCCEEDED, 1)
    assert network.process("second").process.poll() is None
    assert len(network["nation"].clusters()) == len(network["nation"].pools()) == 1


def the_same_name_has_the_same_identifiers(network: Network, first: JoinAnswer) -> None:
    request = JoinRequest(cluster="main", executor="local")
    token = network["nation"].create_join_token(JoinTokenRequest(kind="site", name="center")).token
    with network.connect("nation", token) as newcomer:
        again = newcomer.join(request)
        with pytest.raises(JoinTokenUsed) as used:
            newcomer.join(request)
    assert (again.identifier, again.cluster) == (first.identifier, first.cluster)
    assert (used.value.status, used.value.code) == (409, "weir.join.used")
    assert "ask the operator for a new one" in used.value.detail
    assert len(network["nation"].clusters()) == 1

    # The token of the earlier agent is void: there is one agent for one cluster.
    with network.connect("nation", first.token) as old, pytest.raises(NotSignedIn) as revoked:
        old.exchange(request_for(first.cluster))
    assert "revoked" in revoked.value.detail


def nobody_speaks_for_another_cluster(network: Network, first: JoinAnswer) -> None:
    def invited(name: str) -> str:
        return network["nation"].create_join_token(JoinTokenRequest(kind="site", name=name)).token

    request = JoinRequest(cluster="main", executor="local")
    with network.connect("nation", invited("other")) as newcomer:
        other = newcomer.join(request)
    assert other.identifier != first.identifier
    with network.connect("nation", other.token) as agent:
        assert agent.exchange(request_for(other.cluster)).generation == 0
        with pytest.raises(NotAllowed) as refused:
            agent.exchange(request_for(first.cluster))
    assert f"speaks for {other.cluster}, not for {first.cluster}" in refused.value.detail

    # Nor does a newcomer get in under an identifier that its token does not name.
    as_first = request.model_copy(update={"identifier": first.cluster})
    with network.connect("nation", invited("third")) as newcomer, pytest.raises(NotAllowed):
        newcomer.join(as_first)


def request_for(cluster: str) -> ExchangeRequest:
    return ExchangeRequest(
        cluster=cluster, incarnation="incarnation-1", hello=True, journal="journal-1", sent_at=0
    )
