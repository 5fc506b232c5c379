"""The README's section "Join your Ray", typed as it is written, beside a real Ray."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import ray_cluster
from tests.ray_cluster import Cluster, ray
from tests.typed import commands, folder, free_ports, run, script

__all__ = ["folder", "ray"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

REGION = [
    "weir serve --home east --name east --kind national --port 7501",
    "weir server add east http://127.0.0.1:7501 --token-file east/operator.token",
]
"""The region that the section speaks of, with nothing above it."""

JOB = [
    "JOB=$(weir submit examples/jobs/hello.yaml)",
    "weir wait $JOB",
    "weir fetch $JOB hello.txt",
    "weir pools --json >pools.json",
    "weir agent doctor --home ray --json >doctor.json",
]


def test_the_readmes_commands_join_a_ray_that_runs_a_job(ray: Cluster, folder: Path) -> None:
    ray_cluster.publish(ray)
    typed = script([*REGION, *commands("Join your Ray"), *JOB])
    (port,) = free_ports(1)
    typed = typed.replace("7501", str(port)).replace("/shared/weir", str(folder / "shared"))
    said = run(folder, typed.replace("http://head:8265", ray.url), 300)

    (result,) = folder.glob("j*/output/hello.txt")
    assert result.read_text() == "hello from ray-h100x2\n"
    assert "a dry run: nothing is joined, and the token is not spent" in said
    assert said.count("joined east as cluster") == 1
    assert "Ray tells what is used of every node" in said
    (pool,) = json.loads((folder / "pools.json").read_text())
    assert (pool["name"], pool["hosts"], pool["device_model"]) == (
        "ray-h100x2", 4, "nvidia-h100-sxm5",
    )  # fmt: skip
    assert json.loads((folder / "doctor.json").read_text())["ok"]
