"""What Slurm is asked, in the words of its commands and its interfaces; how a no is read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import pytest

from weir.executors import slurm_rest
from weir.executors.slurm_calls import Away, Component, Rejected, Submission, Unclear, failure
from weir.executors.slurm_commands import options_of

ONE = Submission(
    name="weir-r1",
    partition="debug",
    folder="/shared/runs/r1",
    output="/shared/100%/job.log",
    script="#!/bin/sh\n",
    components=(Component(2, 4, 2, 1024, "gpu:h100:4"),),
    minutes=90,
    account="physics",
    qos="low",
    exclude="n[1-2]",
    nice=5,
)
TWO = Submission(
    **{name: getattr(ONE, name) for name in ("name", "partition", "folder", "output", "script")},
    components=(Component(1, 1, 1, 100), Component(2, 2, 4, 200, "npu:8")),
)


def test_by_commands() -> None:
    said = options_of(ONE)

    for option in (
        *("--parsable", "--job-name=weir-r1", "--partition=debug", "--time=90", "--nodes=2"),
        *("--ntasks=8", "--ntasks-per-node=4", "--cpus-per-task=2", "--mem=1024M"),
        *("--gres=gpu:h100:4", "--account=physics", "--qos=low", "--exclude=n[1-2]", "--nice=5"),
        *("--no-requeue", "--output=/shared/100%%/job.log"),
    ):
        assert option in said
    parts = " ".join(options_of(TWO)).split(" : ")
    assert len(parts) == 2
    assert "--nodes=1 --ntasks=1" in parts[0]
    assert parts[1] == (
        "--partition=debug --time=UNLIMITED --nodes=2 --ntasks=4 --ntasks-per-node=2 "
        "--cpus-per-task=4 --mem=200M --gres=npu:8"
    )


def test_by_rest_before_and_after_its_fields_changed() -> None:
    early = slurm_rest.body_of(ONE, 38)["job"]
    assert (early["nodes"], early["memory_per_node"], early["gres"]) == ([2, 2], 1024, "gpu:h100:4")
    assert (early["time_limit"], early["exclude_nodes"], early["no_requeue"]) == (
        *(90, "n[1-2]", True),
    )
    assert isinstance(early["environment"], dict)

    later = slurm_rest.body_of(ONE, 40)["job"]
    assert (later["minimum_nodes"], later["maximum_nodes"]) == (2, 2)
    assert later["memory_per_node"] == {"set": True, "number": 1024}
    assert later["tres_per_node"] == "gres/gpu:h100:4"
    assert (later["excluded_nodes"], later["requeue"]) == (["n1", "n2"], False)
    assert all("=" in word for word in later["environment"])


def test_nodes_of_its_own_and_a_last_one_with_fewer_tasks() -> None:
    alone = replace(ONE, components=(Component(3, 2, 1, 100, missing=1, exclusive=True),))

    assert " ".join(options_of(alone)).endswith(
        "--nodes=3 --ntasks=5 --ntasks-per-node=2 --cpus-per-task=1 --mem=100M --exclusive"
    )
    early, later = (slurm_rest.body_of(alone, version)["job"] for version in (38, 40))
    assert (early["tasks"], early["tasks_per_node"], early["exclusive"]) == (5, 2, "exclusive")
    assert (later["tasks"], later["shared"]) == (5, ["none"])
    assert not {"exclusive", "shared"} & set(slurm_rest.body_of(ONE, 40)["job"])
    assert "--exclusive" not in options_of(ONE)


def test_by_rest_several_components_are_a_list() -> None:
    body = slurm_rest.body_of(TWO, 38)

    assert [job["tasks"] for job in body["jobs"]] == [1, 4]
    assert "job" not in body


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Invalid partition name specified", Rejected),
        ("Requested node configuration is not available", Rejected),
        ("Invalid account or account/partition combination specified", Rejected),
        ("Unable to contact slurm controller (connect failure)", Away),
        ("Protocol authentication error", Away),
        ("Socket timed out on send/recv operation", Unclear),
        ("Zero Bytes were transmitted or received", Unclear),
    ],
)
def test_a_no_is_told_from_silence(text: str, kind: type[Exception]) -> None:
    assert type(failure(text)) is kind


def test_a_token_is_made_from_the_cluster_s_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"secret")
    token = slurm_rest.token_maker(tmp_path / "key", "weir", lambda: 1000.0)()
    head, body, signature = token.split(".")

    assert json.loads(_decoded(body)) == {"iat": 1000, "exp": 1600, "sun": "weir"}
    right = hmac.new(b"secret", f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert _decoded(signature) == right


def test_a_token_is_read_anew_each_time(tmp_path: Path) -> None:
    read = slurm_rest.token_file(tmp_path / "token")
    with pytest.raises(Away, match="can't be read"):
        read()
    (tmp_path / "token").write_text("SLURM_JWT=abc\n")
    assert read() == "abc"


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
