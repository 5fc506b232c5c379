"""A center is lost with a job on it, which goes on at another from its checkpoint: in one domain,
and from one region to the other.
"""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.network.harness import Network, job, more, network_up
from tests.network.networks import TWO_REGIONS, TWO_SITES
from weir.core.lifecycle import JobState
from weir.wire.checkpoint import parse

OPTIONS = ("--lease", "2", "--lost-after", "4", "--start-within", "5")

COUNTING = """
n=$(cat ckpt/n 2>/dev/null || echo 0)
echo "from $n"
echo $$ > {folder}/pid
until [ -e {folder}/gate ]; do
    n=$((n + 1)); echo $n > ckpt/n; touch ckpt/whole; sleep 0.3
done
echo "to $n"
"""
CHECKPOINT = {"path": "ckpt", "marker": "whole", "every": "1s"}


@pytest.fixture(params=[TWO_SITES, TWO_REGIONS], ids=["one domain", "two regions"])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Network]:
    with network_up(tmp_path / "net", request.param, *OPTIONS) as network:
        yield network


def test_a_job_goes_on_at_another_center_from_its_checkpoint(
    network: Network, tmp_path: Path
) -> None:
    counting = job("counting", COUNTING.format(folder=tmp_path))
    [name] = network.submit("nation", more(counting, checkpoint=CHECKPOINT))

    def carried() -> int:
        saved = [parse(file.name) for file in network["nation"].files(name).files]
        return max((s.number for s in saved if s is not None), default=0)

    network.until("the third checkpoint has come", lambda: carried() >= 3)
    first = network["nation"].job(name)
    site = re.sub(r".*/", "", first.place[-1] if first.place else first.site_name or "")
    pid = int((tmp_path / "pid").read_text())
    network.kill(f"site-{site}")
    with suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGKILL)

    network.until("it runs again", lambda: _runs_anew(tmp_path, pid), 60)
    (tmp_path / "gate").touch()
    done = network.ended("nation", name)
    assert done.state is JobState.SUCCEEDED
    assert done.attempts == 2
    assert (done.place or (done.site_name,))[-1] != site
    begun, ended = network.read("nation", name).splitlines()
    assert int(begun.removeprefix("from ")) >= 3
    assert int(ended.removeprefix("to ")) > int(begun.removeprefix("from "))


def _runs_anew(folder: Path, before: int) -> bool:
    with suppress(OSError, ValueError):
        return int((folder / "pid").read_text()) != before
    return False
