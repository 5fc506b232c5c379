"""What `weir agent join` proposes for a Kubernetes, as far as it needs no server for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from weir.cli.agent_proposal_kubernetes import KubernetesProposal, kubernetes_lines, volume_of
from weir.core.errors import BadInput
from weir.executors.kubernetes_settings import KubernetesSettings, KubernetesShare, KubernetesVolume


def test_a_volume_is_a_claim_and_the_folder_where_it_is_seen() -> None:
    assert volume_of(None) is None
    found = volume_of("weir-runs:/mnt/weir: runs")
    assert found == KubernetesVolume(claim="weir-runs", folder=Path("/mnt/weir: runs"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weir-runs", "--volume is CLAIM:FOLDER"),
        ("Weir_Runs:/mnt", "claim"),
        ("weir-runs:mnt", "folder must be a whole path"),
    ],
)
def test_what_is_no_volume_is_said(text: str, said: str) -> None:
    with pytest.raises(BadInput) as raised:
        volume_of(text)
    told = [raised.value.detail, *map(str, raised.value.mistakes)]
    assert said in " ".join(told)


@pytest.mark.parametrize("volume", [None, volume_of("weir-runs:/mnt/weir: runs")])
def test_the_file_reads_back_as_what_was_proposed(volume: KubernetesVolume | None) -> None:
    settings = KubernetesSettings(
        namespace="jobs", image="i", shares=(KubernetesShare(),), volume=volume
    )
    lines = kubernetes_lines(KubernetesProposal(settings, ()))
    read = yaml.safe_load("\n".join(lines))
    assert KubernetesSettings.model_validate(read) == settings
