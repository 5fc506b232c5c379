"""A pool that two ways lead to: it counts once, and holds no more than it has."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.network.harness import Network, job
from weir.core.lifecycle import JobState

GPU: dict[str, Any] = {"devices": {"count": 1, "models": ["nvidia-l20"]}}
CAPACITY = 3


UNDER = {"nation": (3, 3, 5), "region-a": (2, 2, 4), "region-b": (2, 2, 4), "works": (1, 1, 3)}
"""Sites, pools and hosts under each domain: more in the two regions together than there are."""


def test_it_counts_once_wherever_it_is_counted(country: Network) -> None:
    for domain, under in UNDER.items():
        own = {i.name: i.value for i in country[domain].indicators()}
        assert (own["sites"], own["pools"], own["hosts"]) == under, domain
        seen = {i.name: i.value for i in country[domain].indicators("network")}
        assert (seen["sites"], seen["pools"], seen["hosts"]) == UNDER["nation"], domain
        assert (seen["devices"], seen["cpu_cores"]) == (2 + 3, 4 + 8 + 3 * 8)
        assert seen["pools_silent"] == 0
        assert len({p.id for p in country[domain].pools()}) == len(country[domain].pools()) == 3
    [shared] = [p for p in country["nation"].pools() if p.site_name == "shared"]
    assert shared.id.startswith(country.identifier("region-a").rpartition("-")[0])


def test_it_is_never_booked_beyond_what_it_holds(country: Network, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    script = f"echo +1 >> {notes}; sleep 0.5; echo -1 >> {notes}"

    def crowd(domain: str) -> list[tuple[str, str]]:
        return [(domain, j) for j in country.submit(domain, *[job("crowd", script, **GPU)] * 2)]

    with ThreadPoolExecutor() as at_once:
        answers = at_once.map(crowd, ("region-a", "works", "nation"))
        asked = [entry for answer in answers for entry in answer]

    ended = [country.ended(domain, job_id, within=35) for domain, job_id in asked]
    assert {j.state for j in ended} == {JobState.SUCCEEDED}
    assert {j.site_name for j in ended} == {"shared"}
    steps = [int(line) for line in notes.read_text().split()]
    running = [sum(steps[:n]) for n in range(len(steps) + 1)]
    assert len(steps) == 2 * len(asked)
    assert max(running) <= CAPACITY
    assert running[-1] == 0
