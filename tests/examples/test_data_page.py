"""docs/data.md: its job files and settings are right, its tables name every setting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from weir.executors.slurm_settings import SlurmSettings
from weir.executors.staging_settings import DataSettings, SoftwareSettings
from weir.wire.specfile import read_job

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)


def test_the_job_files_are_right(tmp_path: Path) -> None:
    for name in ("train.py", "requirements.txt"):
        (tmp_path / name).write_text("")
    for block in BLOCKS[:2]:
        assert read_job(block, "the page", tmp_path).checkpoint is not None


def test_the_settings_are_right() -> None:
    settings = SlurmSettings.model_validate(yaml.safe_load(BLOCKS[2]))
    assert settings.software.container is not None
    assert settings.data.cache_bytes == 2 * 2**40


@pytest.mark.parametrize(
    ("heading", "model"), [("`data`", DataSettings), ("`software`", SoftwareSettings)]
)
def test_every_setting_is_described(
    heading: str, model: type[DataSettings] | type[SoftwareSettings]
) -> None:
    table = PAGE.split(f"| {heading} | default |")[1].split("\n\n")[0]
    names = [
        n
        for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
        for n in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(names) == sorted(model.model_fields)
