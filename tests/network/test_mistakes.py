"""A job file with mistakes, and jobs that can't run: all that is wrong is told, with a way out."""

import json
from pathlib import Path

from tests.network.harness import Network, job
from weir.core.lifecycle import JobState

SIX = """\
name: Training Run
tasks:
  - name: main
    count: 0
    cpu: many
    memory: 10 bananas
    devices:
      count: 1
      models: [nvidia-l02]
    command: [python, train.py]
walltime: soon
"""


def test_six_mistakes_are_told_at_once_each_with_its_line_and_field(
    country: Network, tmp_path: Path
) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(SIX)
    result = country.command("region-a", "submit", str(file))
    assert result.exit_code == 2
    wanted = (
        (1, "name"),
        (4, "tasks[0].count"),
        (5, "tasks[0].cpu"),
        (6, "tasks[0].memory"),
        (9, "tasks[0].devices.models[0]"),
        (11, "walltime"),
    )
    for line, name in wanted:
        assert f"{file}:{line} {name}: " in result.stderr, result.stderr
    assert "6 mistakes" in result.stderr
    assert "nvidia-l20" in result.stderr  # what the unknown model is near to
    assert not any(j.name == "Training Run" for j in country["region-a"].jobs().jobs)


def test_a_gang_larger_than_the_network_is_told_so(country: Network) -> None:
    gang = job("gang", "true", count=500, devices={"count": 1})
    [waits] = country.submit("region-a", gang)
    assert country["region-a"].job(waits).state == JobState.WAITING

    shown = country.command("region-a", "why", waits)
    assert shown.exit_code == 0
    assert "No pool of this network could ever take it as it is" in shown.stdout
    assert row("GANG", shown.stdout).startswith("GANG 2 500 tasks 3 tasks")
    texts = [r.text for r in country["region-a"].why(waits).reasons]
    assert "GANG needed=500 tasks best=3 tasks, 2 pools" in texts

    country["region-a"].cancel(waits)
    assert country["region-a"].job(waits).state == JobState.CANCELED


def test_a_wish_that_no_pool_meets_is_told_with_the_best_there_is(
    country: Network, tmp_path: Path
) -> None:
    file = tmp_path / "job.json"
    wish = job("wish", "true", devices={"count": 1, "min_memory": "80GiB"})
    file.write_text(json.dumps(wish.model_dump(mode="json", exclude_unset=True)))

    found = country.command("region-a", "find", str(file))
    assert found.exit_code == 1, "nothing fits"
    assert "0 of 3 pools can take it" in found.stdout
    assert "DEVICE_MEMORY needed=80 GiB best=48 GiB" in row("shared", found.stdout)
    assert "DEVICE_MEMORY needed=80 GiB best=64 GiB" in row("site-b", found.stdout)
    assert row("DEVICE_MEMORY", found.stdout).startswith("DEVICE_MEMORY 2 80 GiB 64 GiB")

    [waits] = country.submit("region-a", wish)
    said = country.command("region-a", "why", waits)
    assert row("DEVICE_MEMORY", said.stdout).startswith("DEVICE_MEMORY 2 80 GiB 64 GiB")
    country["region-a"].cancel(waits)


def row(first: str, shown: str) -> str:
    """The row of a table that begins with this word, with one blank between its cells."""
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    found = [line for line in rows if line.startswith(f"{first} ")]
    assert found, shown
    return found[0]
