"""Chinese: freshness and coverage of data, and the page of one link."""

from __future__ import annotations

from collections.abc import Mapping

FRESHNESS: Mapping[str, str] = {
    "Freshness": "数据新鲜度",
    "Freshness and coverage": "数据新鲜度与覆盖率",
    (
        "What has come of each place, source and indicator, when last, and what lacks; in steps of "
        "{time}, up to the last whole step."
    ): (
        "各处、各数据源和各指标收到了什么、最近一次在何时、缺什么；"
        "步长 {time}，截至最后一个完整步长。"
    ),
    "Places": "各处",
    (
        "Covered is the share of the time of which any sample of the place has come. A pool "
        "without samples of its own has a dash."
    ): "覆盖率是该时段中收到过该处任一样本的时间所占比例。没有自身样本的资源池显示短横。",
    "Newest sample of the time": "时段内最新样本",
    "Newest of the time": "时段内最新值",
    "Known, over the time": "已知的时间",
    "Covered": "覆盖率",
    "Gaps": "缺口",
    "longest {time}": "最长 {time}",
    "Sources": "数据源",
    "in all: {n}": "共 {n} 个",
    "without an answer: {n}": "无应答 {n} 个",
    "Probe": "探针",
    "Of": "所属",
    "Its answer was old": "应答距今",
    "answers": "有应答",
    "answers at times": "时有应答",
    "no answer": "无应答",
    "No probe tells of itself here. A center's agent lists its probes in its file.": (
        "此处没有探针上报自身状态。算力中心的代理在其配置文件中列出探针。"
    ),
    "There are too many series here to go through; choose a place of it.": (
        "此处的序列过多，无法逐一统计；请选择其下的一处。"
    ),
    "Nothing was measured in this time.": "该时段内没有测量数据。",
    "Indicators that nothing is known of in this time: {n}": "该时段内未知的指标：{n} 个",
    "Lost on the way": "途中丢失",
    "Samples that an agent could not send for so long that it threw them away; it tells of it.": (
        "代理长时间无法发送而丢弃的样本；代理会上报此事。"
    ),
    "Until": "到",
    "The way back": "反向链路",
    "Of late": "近期",
    "This way has not been measured of late.": "近期没有测量过该链路。",
    "known of {share} of the last hour": "最近一小时已知 {share}",
    "known of {share} of this time": "该时段已知 {share}",
    "What lacks": "缺什么",
    "Covered, over this time": "该时段覆盖率",
}
