"""Chinese: flows of jobs in the network, and downtimes of sites."""

from __future__ import annotations

import re
from collections.abc import Mapping

NETWORK: Mapping[str, str] = {
    "jobs that another domain handed on, to where they are": "其他节点转来的作业，指向其所在处",
    "Flows of jobs": "作业流向",
    "Submitted at": "提交于",
    "Is at": "位于",
    "Handed on by way of": "经由",
    "Runs": "运行数",
    **{name: name for name in ("FP64", "FP32", "BF16", "FP16", "FP8", "INT8")},
    "Nominal": "标称",
    "Measured there": "当地实测",
    "nothing was measured here": "此处没有实测数据",
    "nothing is known": "没有已知数据",
    "Fabric bandwidth": "互联带宽",
    "Tier": "层级",
    "Downtimes": "停机",
    "Declare a downtime": "声明停机",
    "Site": "算力中心",
    "Begins; now if empty": "开始；留空为现在",
    "For how long": "时长",
    "What for": "原因",
    "It has begun, or is over: an excuse": "已开始或已结束：事后说明",
    "Declare": "声明",
    (
        "A downtime is declared before it begins. One that has begun, or is over, is an excuse: "
        "its availability is worked out anew, here and in every domain above, and whoever reads it "
        "sees that it was declared afterwards."
    ): (
        "停机须在开始前声明。已开始或已结束的属于事后说明：其可用率在本节点和各上级节点重新计算，"
        "查看者会看到它是事后声明的。"
    ),
    (
        "No site reports to this domain itself. A downtime is declared at the domain that the site "
        "reports to."
    ): "没有算力中心直接向本节点报告。停机在算力中心所报告的节点声明。",
    "of the last 30 days, and to come": "最近 30 天及将来",
    "Availability of sites": "各中心可用率",
    "Reliability of sites": "各中心可靠率",
    "over": "已结束",
    "down now": "正在停机",
    "to come": "尚未开始",
    "an excuse: declared afterwards": "事后说明：开始后才声明",
    "End the downtime of {name}": "结束 {name} 的停机",
    "No downtime is declared, and none was of late.": "没有声明停机，近期也没有过。",
}

SOURCES = tuple(
    (re.compile(said).fullmatch, zh)
    for said, zh in (
        (r"issued by (.+)", r"由 \1 签发"),
        (r"linked to (.+)", r"与 \1 相连"),
        (r"joined (.+)", r"已加入 \1"),
        (r"this domain", "本节点"),
        (r"(?:the|a) pool's report", "资源池的报告"),
        (r"the way to a pool", "通往资源池的路径"),
    )
)
"""By what an identifier is known, with names in it: what matches it, and the Chinese of that."""
