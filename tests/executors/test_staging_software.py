"""Environments built once by content, containers pulled once, and what tasks are started with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.bench import Bench, local_settings, order, shell
from weir.core.device_access import ACCESS
from weir.core.lifecycle import RunEvent
from weir.executors.local import LocalExecutor
from weir.executors.staging_settings import SoftwareSettings
from weir.executors.staging_software import Builder, Software, unfit
from weir.wire.exchange import RunOrder

STAND_IN = """#!/bin/sh
# Writes down how it was called; `pull FILE IMAGE` makes the file, `exec ... IMAGE COMMAND` runs it.
echo "$@" >> {log}
if [ "$1" = pull ]; then
    case $3 in *broken*) echo "no such image" >&2; exit 3 ;; esac
    echo "$3" > "$2"
    exit
fi
while [ "$1" != "${{1%.sif}}" ] || shift; do case $1 in *.sif) shift; break ;; esac; shift; done
exec "$@"
"""


HEAD = "Metadata-Version: 2.1\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder: Path, name: str, version: str) -> None:
    """A wheel with one module that knows its version, as pip installs it."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        file.writestr(f"{info}/METADATA", f"{HEAD}Name: {name}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", WHEEL)
        file.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")


def sites_software(tmp_path: Path) -> dict[str, object]:
    """A site that builds environments from a folder of wheels, and has a stand-in for apptainer."""
    wheel(tmp_path / "wheels", "weirtestpkg", "1.5")
    program = tmp_path / "apptainer"
    program.write_text(STAND_IN.format(log=tmp_path / "calls"))
    program.chmod(0o755)
    return {
        "container": program,
        "python": sys.executable,
        "pip_options": ["--no-index", f"--find-links={tmp_path}/wheels", "--only-binary=:all:"],
        "images": ["docker://good.example/*"],
    }


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    settings = local_settings(software=sites_software(tmp_path))
    with Bench(lambda home: LocalExecutor(settings, home / "local", time.time), tmp_path) as bench:
        yield bench


def calls(bench: Bench) -> list[str]:
    path = bench.home / "calls"
    return path.read_text().splitlines() if path.exists() else []


def needing(requirements: str, name: str = "r") -> RunOrder:
    inputs = [{"path": "requirements.txt", "text": requirements}]
    script = "python -c 'import weirtestpkg, sys; print(weirtestpkg.VERSION, sys.prefix)'"
    return order(name, shell(script), inputs=inputs, requirements="requirements.txt")


def test_an_environment_is_built_once_for_all_that_need_the_same(bench: Bench) -> None:
    bench.submit(needing("weirtestpkg==1.5\n", "a"), needing("weirtestpkg==1.5\n", "b"))
    assert {bench.end(run).event for run in "ab"} == {RunEvent.SUCCEEDED}
    said = {bench.text(run) for run in "ab"}
    assert len(said) == 1
    assert said.pop().startswith(f"1.5 {bench.home}/local/cache/environments/")
    told = bench.text("a", "data.log") + bench.text("b", "data.log")
    assert told.count("built in") == 1
    assert told.count("it was here") == 1


def test_a_package_that_is_not_to_be_had_is_told_in_pips_words(bench: Bench) -> None:
    end = bench.run(needing("weirtestpkg==9.9\n"))
    assert end.event is RunEvent.FAILED
    assert end.reason.startswith("pip install failed: ERROR: No matching distribution found for")
    assert "from versions: 1.5" in bench.text("r", "data.log")


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("numpy==1.26 ; python_version < '3.13'", True),
        ("torch[extra]>=2,<3  # why", True),
        ("a==1 --hash=sha256:00 \\\n  --hash=sha256:11", True),
        ("", True),
        ("--index-url https://evil.example", False),
        ("-e .", False),
        ("-r other.txt", False),
        ("./here", False),
        ("/there", False),
        ("pkg @ https://evil.example/x.whl", False),
        ("git+https://evil.example/x", False),
        ("https://evil.example/x.whl", False),
    ],
)
def test_requirements_name_packages_and_nothing_else(line: str, fits: bool) -> None:
    assert (unfit(f"good\n{line}\n") is None) is fits


def test_an_image_is_pulled_once_and_the_command_runs_in_it(bench: Bench) -> None:
    image = "docker://good.example/tool:1"
    for run in ("a", "b"):
        assert bench.run(order(run, shell("echo inside"), image=image)).event is RunEvent.SUCCEEDED
        assert bench.text(run) == "inside\n"
    assert [call.split()[0] for call in calls(bench)] == ["pull", "exec", "exec"]
    folder = f"{bench.home}/local/runs/a"
    assert (
        f"--bind {folder} --pwd {folder}/work {bench.home}/local/cache/images/" in calls(bench)[1]
    )


def test_an_image_that_can_not_be_pulled_fails_the_run_with_its_words(bench: Bench) -> None:
    end = bench.run(order("r", image="docker://good.example/broken"))
    assert (end.event, end.reason) == (RunEvent.FAILED, "apptainer pull failed: no such image")


def test_an_image_among_the_inputs_is_used_as_it_is(bench: Bench) -> None:
    inputs = [{"path": "mine.sif", "text": "image"}]
    assert bench.run(order("r", image="mine.sif", inputs=inputs)).event is RunEvent.SUCCEEDED
    assert [call.split()[0] for call in calls(bench)] == ["exec"]


def test_what_the_operator_does_not_allow_or_have_is_refused(bench: Bench, tmp_path: Path) -> None:
    evil = order("r", image="docker://evil.example/x")
    assert "does not let jobs pull it" in bench.executor.admit([evil], [])["r"]
    plain = LocalExecutor(local_settings(), tmp_path / "plain", lambda: 0.0)
    plain.open(lambda: None)
    refused = plain.admit([order("i", image="docker://a/b"), needing("x", "e")], [])
    assert "no container runtime here" in refused["i"]
    assert "no environments are built here" in refused["e"]
    plain.close()


def test_pools_say_what_they_can_do(bench: Bench) -> None:
    [pool] = bench.executor.pools([])
    assert pool.traits == ("container", "environments")


def test_devices_are_seen_in_a_container_by_their_makers_option() -> None:
    software = Software(wrap=("apptainer", "exec"), image="x.sif")
    assert software.command(["a"], "nvidia") == ("apptainer", "exec", "--nv", "x.sif", "a")
    assert software.command(["a"], "amd") == ("apptainer", "exec", "--rocm", "x.sif", "a")
    assert software.command(["a"], "") == ("apptainer", "exec", "x.sif", "a")
    assert Software().command(["a", "b"], "nvidia") == ("a", "b")


@pytest.mark.parametrize("program", ["apptainer", "singularity"])
def test_a_container_gets_those_of_the_makers_devices_that_are_where_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    for name in ("davinci0", "davinci1", "davinci_manager", "driver"):
        (tmp_path / name).touch()
    nodes, folders = (f"{tmp_path}/davinci_manager", f"{tmp_path}/gone"), (f"{tmp_path}/driver",)
    there = replace(ACCESS["huawei"], node=f"{tmp_path}/davinci{{}}", nodes=nodes, folders=folders)
    monkeypatch.setitem(ACCESS, "huawei", there)
    (tmp_path / program).write_text('#!/bin/sh\necho "$@ $APPTAINER_BIND$SINGULARITY_BIND"\n')
    (tmp_path / program).chmod(0o755)
    software = Software(wrap=(str(tmp_path / program), "exec"), image="x.sif")
    variable = f"{program.upper()}_BIND"
    for before in ("", "/scratch"):
        said = subprocess.run(
            software.command(["a", "b c"], "huawei"),
            env={variable: before} if before else {},
            capture_output=True,
            text=True,
            check=True,
        )
        bound = [before] * bool(before) + [
            f"{tmp_path}/{name}" for name in ("davinci0", "davinci1", "davinci_manager", "driver")
        ]
        assert said.stdout == f"exec x.sif a b c {','.join(bound)}\n"


def test_the_least_lately_used_goes_and_never_what_a_run_uses(tmp_path: Path) -> None:
    images, used = tmp_path / "images", [""]
    images.mkdir()
    builder = Builder(SoftwareSettings(keep=2), str(tmp_path), lambda: 0.0, lambda: used)
    for number in range(4):
        (images / f"{number}.sif").touch()
        os.utime(images / f"{number}.sif", (number, number))
    used[0] = str(images / "0.sif")
    builder._prune("images")
    assert sorted(p.name for p in images.glob("*.sif")) == ["0.sif", "3.sif"]


def test_two_at_once_wait_for_each_other(tmp_path: Path) -> None:
    builder = Builder(SoftwareSettings(), str(tmp_path), lambda: 0.0, list)
    inside: list[int] = []

    def work(number: int) -> None:
        with builder._alone(str(tmp_path / "x" / "y"), lambda: True):
            inside.append(number)
            assert len(inside) == 1
            inside.remove(number)

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(work, n) for n in range(6)]:
            done.result(20)
