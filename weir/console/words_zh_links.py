"""Chinese: the links matrix."""

from __future__ import annotations

from collections.abc import Mapping

LINKS: Mapping[str, str] = {
    "Links": "链路",
    "Links matrix": "链路矩阵",
    "From": "从",
    "To": "到",
    "From rows to columns": "由行到列",
    "What the cells show": "单元格内容",
    "Jitter": "抖动",
    "Loss": "丢包",
    "Bandwidth": "带宽",
    "Age": "距今",
    "Measured": "测量时间",
    "Latency circle": "时延圈",
    "Previous": "上一页",
    "within 1 ms: one city": "1 毫秒以内：同城",
    "within 5 ms: one region": "5 毫秒以内：区域",
    "within 20 ms: across hubs": "20 毫秒以内：跨枢纽",
    "beyond 20 ms": "超过 20 毫秒",
    "no answer, or not known": "无应答或未知",
    "not measured": "未测量",
    "from before": "此前测得",
    "by its agent's calls": "由其代理的调用得知",
    "The ways between domains and sites, measured by their agents within the last {time}.": (
        "节点与算力中心之间的链路，由其代理在最近 {time} 内测得。"
    ),
    "Columns that did not fit: {n}. The table below has them.": "有 {n} 列未能放下，见下表。",
    (
        "Of ways measured by calls only the round trip is known; a probe of the kind link in the "
        "agent's file measures the rest."
    ): "由调用得知的链路只有往返时延；其余由代理配置文件中 link 类型的探针测量。",
    "No link has been measured of late": "近期没有测量过链路",
    (
        "Agents measure the way to their domain by themselves, unless their file leaves the probe "
        "of the kind link out. Invite a site, or look whether its agent runs."
    ): (
        "代理会自行测量到其节点的链路，除非其配置文件去掉了 link 类型的探针。"
        "请邀请算力中心接入，或检查其代理是否在运行。"
    ),
}
