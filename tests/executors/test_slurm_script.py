"""What a job's script does where it runs: a shell here is enough to see it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.contract.bench import order, shell
from weir.executors.slurm_bells import FOLDER as BELLS
from weir.executors.slurm_bells import Bells
from weir.executors.slurm_layout import Layout, Part, Span
from weir.executors.slurm_runs import Run
from weir.executors.slurm_script import (
    CLAIM,
    MOST_GIVEN,
    SCRIPT,
    TEMPORARY,
    Place,
    batch,
    batch_of_array,
    can_be_given,
    note_start_by,
    script_of,
    write_script,
)
from weir.executors.slurm_verdict import read_trail

ONE_TASK = Layout((Part(1, 1, 1, 2**24, 0),), (Span(0, 1, "main"),))


def make_run(home: Path, name: str, command: str, start_by: float) -> Path:
    """A run's folder with its script."""
    folder = home / "runs" / name
    (folder / "work").mkdir(parents=True)
    (folder / TEMPORARY).mkdir()
    (home / BELLS).mkdir(exist_ok=True)
    write_script(str(folder / SCRIPT), script(folder, command))
    note_start_by(str(folder), start_by)
    return folder


def script(folder: Path, command: str) -> str:
    """The script of a run of one task."""
    spec, place = order(folder.name, shell(command)), Place("pool", None, True)
    return script_of(spec, str(folder), ONE_TASK, place)


def run_batch(text: str, **variables: str) -> int:
    """Run what Slurm would be given, as job 7; its exit code."""
    environment = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7", **variables}
    done = subprocess.run(["/bin/sh", "-s"], input=text, text=True, env=environment, check=False)
    return done.returncode


def test_a_run_in_time_claims_itself_and_leaves_its_end(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", "echo hello; exit 3", time.time() + 60)
    bells = Bells(tmp_path)
    assert run_batch(batch(str(folder / SCRIPT)), SLURMD_NODENAME="n1") == 3
    lines = (folder / CLAIM).read_text().splitlines()
    said = [line for line in lines if line.split()[0] in ("job", "on", "exit")]
    assert said == ["job 7", "on n1", "exit 3"]
    assert (folder / "main-0.stdout").read_text() == "hello\n"
    assert bells.rung() == ["r1"]


def test_a_run_of_one_task_makes_no_more_files_than_it_must(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", "true", time.time() + 60)
    (folder / SCRIPT).unlink()
    assert run_batch(script(folder, "true")) == 0
    made = {"main-0.stdout", "main-0.stderr", CLAIM, TEMPORARY, "work"}
    assert set(os.listdir(folder)) == made


def test_when_it_began_is_known_from_what_is_left_at_the_end(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", "sleep 0.5", time.time() + 60)
    began = time.time()
    run_batch(batch(str(folder / SCRIPT)))
    run = Run(order("r1", shell("sleep 0.5")), "pool", str(folder), began)
    trails = read_trail(run)

    assert trails.over
    assert trails.claimed_at is not None
    assert (folder / CLAIM).stat().st_mtime - trails.claimed_at >= 0.4
    assert abs(trails.claimed_at - began) < 0.4


def test_what_slurm_would_misread_or_is_large_or_starts_tasks_is_in_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "r1"
    assert can_be_given(script(folder, "echo '#SBATCH --hold'"), ONE_TASK)
    assert not can_be_given(script(folder, "echo '\n#SBATCH --hold'"), ONE_TASK)
    assert not can_be_given(script(folder, "echo\r\n"), ONE_TASK)
    assert not can_be_given(script(folder, "#" * MOST_GIVEN), ONE_TASK)
    two = Layout((Part(1, 2, 1, 2**24, 0),), (Span(0, 2, "main"),))
    assert not can_be_given(script(folder, "true"), two)


def test_a_second_job_of_a_run_does_nothing(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", "echo hello >> said", time.time() + 60)
    run_batch(batch(str(folder / SCRIPT)))
    assert run_batch(batch(str(folder / SCRIPT))) == 0
    assert (folder / "work" / "said").read_text() == "hello\n"


def test_a_run_that_comes_too_late_does_nothing_and_says_so(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", "echo hello > said", time.time() - 1)
    assert run_batch(batch(str(folder / SCRIPT))) == 0
    lines = (folder / CLAIM).read_text().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("job 7", "late", 3)
    assert not (folder / "work" / "said").exists()


def test_each_element_of_an_array_is_the_run_that_its_link_leads_to(tmp_path: Path) -> None:
    array = tmp_path / "arrays" / "an array of 'runs'"
    array.mkdir(parents=True)
    for index in range(3):
        folder = make_run(tmp_path, f"r{index}", f"exit {index + 4}", time.time() + 60)
        os.symlink(folder / SCRIPT, array / str(index))
    for index in range(3):
        code = run_batch(batch_of_array(str(array)), SLURM_ARRAY_TASK_ID=str(index))
        assert code == index + 4
        assert (tmp_path / "runs" / f"r{index}" / CLAIM).exists()


def test_a_script_is_written_whole_and_can_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / SCRIPT
    for text in ("one\n", "two\n"):
        write_script(str(path), text)
        assert path.read_text() == text
        assert path.stat().st_mode & 0o777 == 0o700
    assert os.listdir(tmp_path) == [SCRIPT]


GPUS = Layout((Part(1, 2, 1, 2**24, 2),), (Span(0, 2, "main"),))


def told(home: Path, model: str | None, rank: int, **variables: str) -> dict[str, str]:
    """What a task of two with two devices each finds in its environment."""
    folder = home / "runs" / "r1"
    (folder / "work").mkdir(parents=True, exist_ok=True)
    (home / BELLS).mkdir(exist_ok=True)
    wish = {"count": 2}
    asked = order("r1", shell("env", count=2, devices=wish))
    text = script_of(asked, str(folder), GPUS, Place("pool", model, False))
    path = folder / SCRIPT
    write_script(str(path), text)
    environment = {"PATH": os.environ["PATH"], "SLURMD_NODENAME": "n1", **variables}
    environment |= {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)}
    subprocess.run(["/bin/sh", str(path), "task"], env=environment, check=True)
    said = (folder / f"main-{rank}.stdout").read_text()
    return dict(line.partition("=")[::2] for line in said.splitlines())


def test_where_a_job_sees_its_own_devices_only_programs_are_told_slurms_numbers(
    tmp_path: Path,
) -> None:
    slurms = {"SLURM_JOB_GPUS": "4,5,6,7", "CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    first, second = (told(tmp_path, "nvidia-h100-sxm5", rank, **slurms) for rank in (0, 1))
    assert (first["CUDA_VISIBLE_DEVICES"], first["WEIR_DEVICES"]) == ("0,1", "n1.4,n1.5")
    assert (second["CUDA_VISIBLE_DEVICES"], second["WEIR_DEVICES"]) == ("2,3", "n1.6,n1.7")


def test_a_steps_devices_count_before_the_jobs(tmp_path: Path) -> None:
    slurms = {"SLURM_JOB_GPUS": "1,2,3,4,5", "SLURM_STEP_GPUS": "2,3,4,5"}
    seen = told(tmp_path, "nvidia-h100-sxm5", 1, **slurms, CUDA_VISIBLE_DEVICES="2,3,4,5")
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["WEIR_DEVICES"]) == ("4,5", "n1.4,n1.5")


@pytest.mark.parametrize(
    ("model", "slurms", "variable", "numbers", "places"),
    [
        # Slurm's variable for its own kinds of GPU tells those of another maker as well.
        (
            *(
                "huawei-ascend-910b3",
                {"SLURM_JOB_GPUS": "4,5,6,7", "CUDA_VISIBLE_DEVICES": "0,1,2,3"},
            ),
            *("ASCEND_RT_VISIBLE_DEVICES", "2,3", "n1.6,n1.7"),
        ),
        # A center's own plugin for the maker goes first.
        (
            "cambricon-mlu590",
            {"MLU_VISIBLE_DEVICES": "3,4,5,6", "CUDA_VISIBLE_DEVICES": "NoDevFiles"},
            *("MLU_VISIBLE_DEVICES", "5,6", "n1.5,n1.6"),
        ),
        # It tells which devices, but programs nothing.
        ("hygon-k100", {"SLURM_JOB_GPUS": "4,5,6,7"}, "HIP_VISIBLE_DEVICES", "6,7", "n1.6,n1.7"),
        # It tells nothing.
        ("metax-c500", {}, "MACA_VISIBLE_DEVICES", "2,3", "n1.2,n1.3"),
    ],
)
def test_each_makers_runtime_is_told_by_its_own_variable(
    tmp_path: Path, model: str, slurms: dict[str, str], variable: str, numbers: str, places: str
) -> None:
    seen = told(tmp_path, model, 1, **slurms)
    assert (seen[variable], seen["WEIR_DEVICES"]) == (numbers, places)


def test_no_second_variable_chooses_among_the_devices_that_the_first_has_left(
    tmp_path: Path,
) -> None:
    slurms = dict.fromkeys(("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"), "0,1,2,3")
    seen = told(tmp_path, "amd-mi300x", 1, SLURM_JOB_GPUS="4,5,6,7", **slurms)
    assert seen["ROCR_VISIBLE_DEVICES"] == "2,3"
    assert "CUDA_VISIBLE_DEVICES" not in seen
