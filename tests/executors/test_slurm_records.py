"""What Slurm says, read: samples as Slurm 22.05.8 gave them, shortened, and the forms that its
documentation gives for later versions."""

from __future__ import annotations

from typing import Any

import pytest

from weir.executors import slurm_records, slurm_text
from weir.executors.slurm_records import Garbled, Job, Node, Partition
from weir.executors.slurm_words import Gres

NODE = (
    "NodeName=c1-n4 Arch=x86_64 CoresPerSocket=8  CPUAlloc=2 CPUEfctv=8 CPUTot=8 CPULoad=1.80 "
    "AvailableFeatures=ascend910b,ib ActiveFeatures=ascend910b,ib Gres=gpu:ascend910b:2,npu:dcu:4 "
    "GresDrain=N/A GresUsed=gpu:ascend910b:1(IDX:0),npu:dcu:0 NodeAddr=127.0.0.1 NodeHostName=vm "
    "Port=17824 Version=22.05.8 OS=Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0  RealMemory=16384 "
    "AllocMem=512 FreeMem=22444 Sockets=1 Boards=1 State=MIXED+DRAIN ThreadsPerCore=1 TmpDisk=0 "
    "Weight=1 Owner=N/A MCS_label=N/A Partitions=debug,urgent  BootTime=1795303056 "
    "CfgTRES=cpu=8,mem=16G,billing=8 AllocTRES=cpu=2,mem=512M CapWatts=n/a "
    "Reason=bad = disk x [root@1795315292]"
)
NODE_JSON = {
    **{"name": "c1-n4", "cpus": 8, "cores": 8, "real_memory": 16384, "threads": 1, "weight": 1},
    **{"features": "ascend910b,ib", "active_features": "ascend910b,ib", "owner": None},
    "architecture": "x86_64",
    **{"gres": "gpu:ascend910b:2,npu:dcu:4", "gres_drained": "N/A", "state": "mixed"},
    **{"gres_used": "gpu:ascend910b:1(IDX:0),npu:dcu:0", "state_flags": ["DRAIN"]},
    **{"partitions": ["debug", "urgent"], "alloc_memory": 512, "alloc_cpus": 2},
    **{"tres": "cpu=8,mem=16G,billing=8", "tres_used": "cpu=2,mem=512M", "reason": "bad = disk"},
}
LATER_NODE_JSON = {
    **{k: v for k, v in NODE_JSON.items() if k not in ("state", "state_flags")},
    **{"state": ["MIXED", "DRAIN"], "effective_cpus": 8, "specialized_memory": 0},
    **{"features": ["ascend910b", "ib"], "active_features": ["ascend910b", "ib"]},
    "free_mem": {"set": True, "infinite": False, "number": 22444},
}
THE_NODE = Node(
    name="c1-n4",
    cpus=8,
    memory_mib=16384,
    state=frozenset({"MIXED", "DRAIN"}),
    alloc_cpus=2,
    alloc_mib=512,
    machine="x86_64",
    gres=(Gres("gpu", "ascend910b", 2), Gres("npu", "dcu", 4)),
    gres_used=(Gres("gpu", "ascend910b", 1), Gres("npu", "dcu", 0)),
    features=("ascend910b", "ib"),
    partitions=("debug", "urgent"),
)

PARTITION = (
    "PartitionName=urgent AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL "
    "Default=NO QoS=N/A DefaultTime=NONE DisableRootJobs=NO ExclusiveUser=NO GraceTime=0 Hidden=NO "
    "MaxNodes=UNLIMITED MaxTime=01:00:00 MinNodes=0 LLN=NO Nodes=c1-n[1-4] PriorityTier=10 "
    "RootOnly=NO ReqResv=NO OverSubscribe=EXCLUSIVE PreemptMode=OFF State=UP TotalCPUs=32"
)
THE_PARTITION = Partition(
    "urgent", ("c1-n1", "c1-n2", "c1-n3", "c1-n4"), max_minutes=60, exclusive=True
)

JOBS = """\
1|COMPLETED|None|1795315015|1795315017|c1-n[1-2]|0|0|N/A|1|N/A|root|debug|weir-x|
2|FAILED|JobLaunchFailure|1795315015|1795315015|c1-n3|0|139|N/A|2|N/A|root|debug|wrap|
5|COMPLETED|None|1795315015|1795315016|c1-n4|0|0|4|5|N/A|root|debug|het|
12|PENDING|PartitionTimeLimit|N/A|N/A||0|0|N/A|12|N/A|root|urgent|wrap|
15|PREEMPTED|None|1795315278|1795315280|c1-n[1-4]|0|768|N/A|15|N/A|root|debug|a name | with it|
17|PENDING|BeginTime|1795315408|N/A||1|0|N/A|17|N/A|root|debug|pa2|
28|PENDING|JobArrayTaskLimit|N/A|N/A||0|0|N/A|28|2|root|debug|arr|
29|RUNNING|None|1795315464|1826851464|c1-n1|0|0|N/A|28|0|root|debug|arr|
"""
JOB_JSON: dict[str, Any] = {
    **{"job_id": 29, "name": "arr", "job_state": "RUNNING", "state_reason": "None"},
    **{"nodes": "c1-n1", "start_time": 1795315464, "end_time": 1826851464, "restart_cnt": 0},
    **{"exit_code": 0, "het_job_id": 0, "het_job_offset": 0, "array_job_id": 28},
    **{"array_task_id": 0, "user_name": "root", "partition": "debug", "time_limit": 525600},
}


def _set(number: int) -> dict[str, Any]:
    return {"set": True, "infinite": False, "number": number}


LATER_JOB_JSON = {
    **JOB_JSON,
    **{"job_state": ["RUNNING"], "start_time": _set(1795315464), "end_time": _set(1826851464)},
    **{"het_job_id": _set(0), "array_job_id": _set(28), "array_task_id": _set(0)},
    "exit_code": {
        "status": ["SUCCESS"],
        "return_code": _set(0),
        "signal": {"id": {"set": False, "infinite": False, "number": 0}, "name": ""},
    },
}

SACCT = """\
2|FAILED|1795315015|1795315015|c1-n3|0:11|2|wrap
3|OUT_OF_MEMORY|1795315015|1795315016|c1-n1|0:125|3|wrap
17|CANCELLED by 0|1795315291|1795315291|None assigned|0:0|17|pa2
29|TIMEOUT|1795315464|1795315500|c1-n1|0:0|28_0|arr
x|garbage
"""


def test_a_node_is_the_same_in_text_and_in_json_of_any_version() -> None:
    assert slurm_text.nodes_of(f"a banner\n{NODE}\n") == (THE_NODE,)
    for entry in (NODE_JSON, LATER_NODE_JSON):
        assert slurm_records.nodes_of({"nodes": [entry], "errors": []}) == (THE_NODE,)
    assert not THE_NODE.usable


def test_a_partition_is_the_same_in_text_and_in_json_of_any_version() -> None:
    assert slurm_text.partitions_of(PARTITION) == (THE_PARTITION,)
    early = {
        **{"name": "urgent", "nodes": "c1-n[1-4]", "flags": ["exclusive"], "state": "UP"},
        **{"max_time_limit": 60, "maximum_nodes_per_job": -1, "priority_tier": 10},
    }
    later = {
        **{"name": "urgent", "nodes": {"configured": "c1-n[1-4]", "total": 4}},
        "partition": {"state": ["UP"]},
        "maximums": {"time": _set(60), "oversubscribe": {"jobs": 1, "flags": ["EXCLUSIVE"]}},
    }
    for entry in (early, later):
        assert slurm_records.partitions_of({"partitions": [entry]}) == (THE_PARTITION,)


def test_jobs_in_text() -> None:
    jobs = {job.id: job for job in slurm_text.jobs_of(f"NOTE: maintenance tonight\n{JOBS}")}

    assert [job.state for job in jobs.values()][:2] == ["COMPLETED", "FAILED"]
    assert jobs["1"] == Job(
        id="1",
        name="weir-x",
        state="COMPLETED",
        nodes=("c1-n1", "c1-n2"),
        started=1795315015.0,
        ended=1795315017.0,
        exit_code=0,
        user="root",
        partition="debug",
    )
    assert (jobs["2"].exit_code, jobs["2"].signal) == (None, 11)
    assert (jobs["5"].leader, jobs["5"].array) == ("4", None)
    assert (jobs["12"].holds, jobs["12"].over, jobs["12"].started) == (False, False, None)
    assert (jobs["15"].exit_code, jobs["15"].name) == (3, "a name | with it")
    assert jobs["17"].restarts == 1
    assert (jobs["28"].array, jobs["28"].index) == ("28", 2)
    assert (jobs["29"].array, jobs["29"].index, jobs["29"].holds) == ("28", 0, True)


def test_a_job_is_the_same_in_text_and_in_json_of_any_version() -> None:
    (text,) = [job for job in slurm_text.jobs_of(JOBS) if job.id == "29"]

    for entry in (JOB_JSON, LATER_JOB_JSON):
        assert slurm_records.jobs_of({"jobs": [entry]}) == (text,)


def test_ended_jobs_of_sacct() -> None:
    jobs = {job.id: job for job in slurm_text.ended_of(SACCT)}

    assert [job.state for job in jobs.values()] == [
        *("FAILED", "OUT_OF_MEMORY", "CANCELLED", "TIMEOUT"),
    ]
    assert (jobs["2"].signal, jobs["2"].exit_code, jobs["2"].nodes) == (11, None, ("c1-n3",))
    assert (jobs["29"].array, jobs["29"].index) == ("28", 0)


@pytest.mark.parametrize("text", ["<html>", "| | |\nnope", "x|y|z"])
def test_garbage_in_text_is_told_from_nothing(text: str) -> None:
    assert slurm_text.jobs_of("") == ()
    for reader in (slurm_text.jobs_of, slurm_text.nodes_of, slurm_text.partitions_of):
        with pytest.raises(Garbled):
            reader(text)


@pytest.mark.parametrize("answer", [None, [], {}, {"jobs": None}, {"jobs": ["x", {"job_id": "y"}]}])
def test_garbage_in_json_is_told_from_nothing(answer: object) -> None:
    assert slurm_records.jobs_of({"jobs": []}) == ()
    with pytest.raises(Garbled):
        slurm_records.jobs_of(answer)


def test_an_unknown_state_is_one_that_goes_on() -> None:
    (job,) = slurm_records.jobs_of({"jobs": [{**JOB_JSON, "job_state": ["DREAMING"]}]})

    assert (job.over, job.state) == (False, "DREAMING")
