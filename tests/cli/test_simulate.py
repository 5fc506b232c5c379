"""`weir simulate`: every form on a small input of its own, counted by hand; and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.builders import weir
from weir.cli.simulate_curves import curves_of, links_of, numbers_of
from weir.cli.simulate_inputs import counts_of, seeds_of
from weir.core.errors import BadInput

pytestmark = pytest.mark.timeout(600)  # the kernel may have to be compiled first

NETWORK = """\
network: trial
domains:
  - {name: nation, kind: national}
  - {name: east, kind: regional, parent: nation}
sites:
  - name: north
    domains: [nation]
    price_per_device_hour: 2.00
    clusters:
      - name: main
        pools:
          - {name: big, hosts: 1, cpu: 64, memory: 1TiB, devices: 1, device_model: nvidia-h20}
  - name: south
    domains: [east]
    price_per_device_hour: 6.00
    clusters:
      - name: main
        pools:
          - {name: small, hosts: 1, cpu: 64, memory: 1TiB, devices: 1, device_model: nvidia-l20}
"""

JOBS = "submit_s,duration_s,device_milli,home,user\n" + "".join(
    f"{at},3600,1000,north,{user}\n" for at, user in ((0, "li"), (0, "wang"), (1, "li"))
)


NET = ("network", "{net}", "--workload", "{jobs}")


def row(number: int, submit: int, run: int, cores: int) -> str:
    """A job in Standard Workload Format that asked for as long as it ran."""
    return f"{number} {submit} -1 {run} {cores} -1 -1 {cores} {run} -1 1 1 1 -1 1 1 -1 -1\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two cores: 10 s on one, then 10 s on both, then 5 s on one, all at once."""
    path = tmp_path / "small.swf"
    path.write_text("; MaxProcs: 2\n" + row(1, 0, 10, 1) + row(2, 0, 10, 2) + row(3, 0, 5, 1))
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "trial.yaml"
    path.write_text(NETWORK)
    (tmp_path / "jobs.csv").write_text(JOBS)
    return path


def simulated(*arguments: object) -> dict[str, Any]:
    """The JSON of a call that succeeds."""
    result = weir({}, "simulate", *map(str, arguments), "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_speeds_say_how_long_kinds_take_on_models(network: Path, tmp_path: Path) -> None:
    jobs = tmp_path / "kinds.csv"
    jobs.write_text("submit_s,duration_s,device_milli,kind\n0,3600,1000,t\n0,3600,1000,t\n")
    speeds = tmp_path / "speeds.yaml"
    speeds.write_text("t: {nvidia-h20: 2, nvidia-l20: 1}\n")
    call = ("network", network, "--workload", jobs, "--policy", "easy")
    assert simulated(*call)["mean_jct_s"] == 3600
    assert simulated(*call, "--speeds", speeds)["mean_jct_s"] == 5400
    speeds.write_text("u: {nvidia-h20: 2}\n")
    assert "No job is of a kind" in refused(*call, "--speeds", speeds)


def refused(*arguments: object) -> str:
    """What is said of a call that has mistakes."""
    result = weir({}, "simulate", *map(str, arguments))
    assert result.exit_code == 2, result.output
    return result.stderr


def shown(*arguments: object) -> Result:
    result = weir({}, "simulate", *map(str, arguments))
    assert result.exit_code == 0, result.stderr
    return result


def test_a_log_first_come_first_served(log: Path) -> None:
    found = simulated("swf", log, "--cores", 2, "--policy", "fifo")
    assert found["jobs"] == 3
    assert found["mean_wait_s"] == pytest.approx((0 + 10 + 20) / 3)
    assert found["mean_jct_s"] == pytest.approx((10 + 20 + 25) / 3)
    assert found["utilisation"] == pytest.approx((10 + 20 + 5) / (2 * 25))
    assert found["wall_s"] >= 0
    assert found["counted_in"] == "cores"


def test_without_cores_the_log_says_how_many(log: Path) -> None:
    assert simulated("swf", log, "--policy", "fifo")["capacity"] == 2
    log.write_text(row(1, 0, 10, 1))
    assert "add --cores N" in refused("swf", log)


def test_several_policies_stand_side_by_side(log: Path) -> None:
    found = simulated("swf", log, "--cores", 2, "--policy", "fifo,balanced")
    assert [run["policy"] for run in found["runs"]] == ["fifo", "balanced"]
    table = shown("swf", log, "--cores", 2, "--policy", "fifo,balanced").stdout
    assert table.splitlines()[0] == "3 jobs of small.swf on 2 cores at one site."
    assert table.splitlines()[2].split() == ["fifo", "balanced"]


def test_a_csv_by_a_map_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text("when,took,gpus,who\n0,100,2,li\n0,50,1,wang\n10,10,1,li\n")
    columns = "submit=when,duration=took,devices=gpus,user=who"
    found = simulated("csv", path, "--map", columns, "--devices", 2, "--policy", "fifo")
    assert found["mean_wait_s"] == pytest.approx((0 + 100 + 90) / 3)
    assert found["utilisation"] == pytest.approx((200 + 50 + 10) / (2 * 150))
    assert found["counted_in"] == "devices"
    assert "--cores N or --devices N" in refused("csv", path, "--map", columns)


def test_pods_that_stay(tmp_path: Path) -> None:
    hosts, pods, order = (tmp_path / f"{name}.csv" for name in ("hosts", "pods", "order"))
    hosts.write_text("sn,cpu_milli,memory_mib,gpu,model\na,9000,9000,2,T4\nb,9000,9000,0,\n")
    pods.write_text(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n"
        "half,1000,100,1,500,\nwhole,1000,100,1,1000,\nother,1000,100,1,1000,V100\n"
    )
    order.write_text("seq,pod\n0,other\n1,half\n2,whole\n3,whole-tuned-1\n")
    files = ("openb", "--hosts", hosts, "--pods", pods)
    found = simulated(*files, "--order", order, "--policy", "best-fit")
    assert found["placed"] == 2  # no V100, and no room for a second whole one
    assert found["unallocated_gpu_percent"] == pytest.approx(25)
    assert found["capacity"] == 2  # the host without GPUs is left out
    assert found["wall_s"] >= 0
    assert "leave one of them out" in refused(*files, "--order", order, "--resample", 130)
    twice = [simulated(*files, "--resample", 130, "--seed", 4)["placed"] for _ in range(2)]
    assert twice[0] == twice[1]


def test_requests_to_a_language_model(tmp_path: Path) -> None:
    path = tmp_path / "llm.csv"
    path.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:03.0,1000,10\n2023-11-16 18:17:03.5,1000,10\n"
    )
    speeds = ("--tokens-per-s", 10, "--prefill-tokens-per-s", 1000)
    found = simulated("llm", path, "--devices", 1, *speeds, "--policy", "fifo")
    assert found["mean_wait_s"] == pytest.approx(0.75)


def test_training_jobs_in_rounds(tmp_path: Path) -> None:
    trace, speeds = tmp_path / "jobs.trace", tmp_path / "speeds.json"
    job = "A\tpython a.py\tdir\t-n\t1\t{steps}\t1\t1\t-1.0\t0\n"
    trace.write_text(job.format(steps=36000) + job.format(steps=3600))
    speeds.write_text(
        json.dumps({m: {"('A', 1)": {"null": s}} for m, s in (("old", 1), ("new", 5))})
    )
    files = ("gavel", trace, "--throughputs", speeds, "--cluster", "old=1,new=1", "--switch-s", 0)
    fifo, best = simulated(*files, "--policy", "fifo,heterogeneity")["runs"]
    assert fifo["makespan_h"] == pytest.approx(10)  # the long one on the slow device
    assert fifo["mean_jct_h"] == pytest.approx((10 + 0.2) / 2)
    assert best["makespan_h"] == pytest.approx(2)
    assert best["utilisation"] <= 1
    assert simulated(*files)["policy"] == "heterogeneity"
    assert "heterogeneity, fifo" in refused(*files, "--policy", "sjf")
    assert "no speeds on older" in refused(*files[:-4], "--cluster", "older=1")
    assert "there twice" in refused(*files[:-4], "--cluster", "old=1,old=2")


def test_a_network_and_its_report(network: Path, tmp_path: Path) -> None:
    out = tmp_path / "march"
    jobs = ("--workload", tmp_path / "jobs.csv")
    result = shown("network", network, *jobs, "--policy", "fifo,cheapest", "--out", out)
    assert str(out / "report.html") in result.stderr
    page = (out / "report.html").read_text()
    assert "weir simulate network" in page
    found = json.loads((out / "result.json").read_text())
    assert [run["policy"] for run in found["runs"]] == ["fifo", "cheapest"]
    first = found["runs"][0]
    assert {site["name"] for site in first["sites"]} == {"north", "south"}
    assert {user["name"] for user in first["users"]} == {"li", "wang"}
    assert first["cost"] > 0
    assert first["finished"] == 3


def test_what_if_stands_beside_the_network_as_it_is(network: Path, tmp_path: Path) -> None:
    jobs = ("--workload", tmp_path / "jobs.csv", "--policy", "fifo")
    found = simulated(
        "network", network, *jobs, "--what-if", "hosts big=+1", "--what-if", "remove=south"
    )
    runs = {run["network"]: run for run in found["runs"]}
    assert list(runs) == ["as it is", "hosts big=+1", "remove=south"]
    assert [run["capacity"] for run in runs.values()] == [2, 3, 1]
    assert runs["as it is"]["max_wait_s"] == pytest.approx(3599)
    assert runs["hosts big=+1"]["max_wait_s"] == 0
    assert runs["remove=south"]["max_wait_s"] == pytest.approx(7199)


def test_each_on_its_own_is_the_network_that_nobody_joined(network: Path, tmp_path: Path) -> None:
    jobs = ("--workload", tmp_path / "jobs.csv", "--policy", "fifo")
    alone, joined = simulated("network", network, *jobs, "--apart")["runs"]
    assert alone["network"] == "each on its own"
    assert alone["away_share"] == 0
    assert alone["max_wait_s"] == pytest.approx(7199)
    assert joined["max_wait_s"] == pytest.approx(3599)
    assert joined["away_share"] == pytest.approx(1 / 3)
    north = alone["sites"][0]
    assert north["demand"] == pytest.approx(1)
    assert [site["name"] for site in alone["sites"]] == ["north", "south"]


def test_a_sweep_in_processes_gives_what_one_process_gives(log: Path) -> None:
    call = ("swf", log, "--cores", 2, "--policy", "fifo,balanced", "--sweep", "1-2")
    many = simulated(*call, "--processes", 2)
    one = simulated(*call, "--processes", 1)
    for found in (many, one):
        for run in [*found["runs"], *found["means"]]:
            del run["wall_s"]
    assert many == one
    assert [(run["policy"], run["seed"]) for run in one["runs"]] == [
        ("fifo", 1), ("fifo", 2), ("balanced", 1), ("balanced", 2),
    ]  # fmt: skip
    assert [mean["seeds"] for mean in one["means"]] == [[1, 2], [1, 2]]


def test_the_same_seed_gives_the_same_numbers(log: Path) -> None:
    first, again = (simulated("swf", log, "--seed", 5) for _ in range(2))
    del first["wall_s"], again["wall_s"]
    assert first == again


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("swf", "{log}", "--policy", "fifoo"), "the policies are"),
        (("swf", "{log}", "--policy", ","), "--policy fifo,balanced"),
        (("swf", "{log}", "--sweep", "3-1"), "write for example 1-10"),
        (("swf", "{log}", "--cores", "0"), "0 is not in the range"),
        (("swf", "nowhere.swf", "--cores", "2"), "nowhere.swf can't be read"),
        (("csv", "{log}", "--map", "submit=x", "--cores", "1"), "duration"),
        ((*NET, "--pue", "west=1.2", "--power-w", "400"), "north or south"),
        ((*NET, "--pue", "north=0.5", "--power-w", "400"), "1 or more"),
        ((*NET, "--pue", "north=1.5"), "add --power-w"),
        ((*NET, "--carbon", "north", "--power-w", "400"), "SITE=FILE:COLUMN"),
        ((*NET, "--gbps", "north=10"), "SITE,SITE=10"),
        ((*NET, "--gbps", "north,west=10"), "north or south"),
        ((*NET, "--what-if", "more"), "remove=NAME"),
    ],
)
def test_mistakes_say_a_way_out(
    arguments: tuple[str, ...], said: str, log: Path, network: Path
) -> None:
    names = {"log": log, "net": network, "jobs": network.with_name("jobs.csv")}
    error = refused(*(word.format(**names) for word in arguments))
    assert said in " ".join(error.split())


def test_a_log_without_jobs_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("submit_s,duration_s\n")
    assert refused("csv", path, "--map", "submit=submit_s,duration=duration_s", "--cores", 1)


def test_without_ray_the_way_out_is_said(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "leave out --ray" in refused("swf", log, "--cores", 2, "--ray")


def test_curves_are_by_site_and_repeat(tmp_path: Path) -> None:
    hours = [f"2024-01-01 {hour:02}:00:00,x,{100 + hour}" for hour in range(24)]
    path = tmp_path / "grid.csv"
    path.write_text("\n".join(["time,zone,g per kWh", *hours]) + "\n")
    found = curves_of("--carbon", [f"*={path}:2", f"b={path}:kwh"], ["a", "b"], "g/kWh")
    assert set(found) == {"a", "b"}
    assert float(found["a"].at(1_704_067_200 + 3 * 3600)) == 103
    assert float(found["b"].at(1_704_067_200 - 3600)) == 123  # the day before is the same day
    assert numbers_of("--pue", ["*=1.5", "b=1.1"], ["a", "b"]) == {"a": 1.5, "b": 1.1}
    with pytest.raises(BadInput, match="none of"):
        curves_of("--carbon", [f"a={path}:CO2"], ["a", "b"], "g/kWh")


def test_carbon_and_power_are_counted(network: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid.csv"
    hours = [f"2024-01-01 {hour:02}:00:00,200,50" for hour in range(24)]
    grid.write_text("\n".join(["time,g,money", *hours]) + "\n")
    found = simulated(
        *("network", network, "--workload", tmp_path / "jobs.csv", "--policy", "fifo"),
        *("--carbon", f"*={grid}:g", "--power-price", f"*={grid}:money"),
        *("--power-w", 1000, "--pue", "*=1.5"),
    )
    assert found["energy_wh"] == pytest.approx(3 * 1500)  # three hours of a device
    assert found["carbon_g"] == pytest.approx(3 * 1.5 * 200)


def test_links_go_both_ways_and_the_particular_counts() -> None:
    found = links_of("--gbps", ["a,b=40", "*,*=10"], ["a", "b", "c"])
    assert found["a", "b"] == found["b", "a"] == 40
    assert found["c", "a"] == found["b", "c"] == 10
    assert len(found) == 6


def test_steps_are_no_seconds(network: Path, tmp_path: Path) -> None:
    trace = tmp_path / "jobs.trace"
    trace.write_text("A\tpython a.py\tdir\t-n\t1\t36000\t1\t1\t-1.0\t0\n")
    assert "weir simulate gavel" in refused("network", network, "--workload", trace)


def test_seeds_and_counts_are_read() -> None:
    assert seeds_of("1-3, 7,2") == (1, 2, 3, 7)
    assert counts_of("v100=4, k80=8", "--cluster") == {"v100": 4, "k80": 8}
    for text in ("", "x", "1-", "2-1", "1,,2", "0-99999999"):
        with pytest.raises(BadInput):
            seeds_of(text)
    for text in ("", "v100", "v100=0", "v100=x", "v100=1,v100=2"):
        with pytest.raises(BadInput):
            counts_of(text, "--cluster")
