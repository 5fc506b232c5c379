"""The words of a month's sheet in each language. English stands in the code and is the key.

What the indicators mean is translated elsewhere; whoever renders a sheet hands that table in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Words:
    """One language. What there is no word for is said in English."""

    language: str
    table: Mapping[str, str]

    def __call__(self, text: str) -> str:
        """A text in this language."""
        return self.table.get(text, text)

    def unit(self, shown: str) -> str:
        """An amount, its unit as a word of this language where it is one."""
        number, space, name = shown.rpartition(" ")
        return f"{number}{space}{self(name)}" if space else shown

    def reason(self, why: str) -> str:
        """Why a figure leaves something out (`core.indicator_view.why`)."""
        head, colon, rest = why.partition(": ")
        if not colon or self(head) == head:
            return why
        pieces = []
        for piece in rest.split("; "):
            if (of := _LACKING.fullmatch(piece)) is not None:
                pieces.append(self(_LACKS).format(**of.groupdict()))
            elif (of := _MORE.fullmatch(piece)) is not None:
                pieces.append(self("{n} more").format(n=of["n"]))
            else:
                pieces.append(piece)
        return f"{self(head)}：{'；'.join(pieces)}"


_LACKS = "{metric} of {place}: {known} of {all} pools"
_LACKING = re.compile(r"(?P<metric>\S+) of (?P<place>\S+): (?P<known>\d+) of (?P<all>\d+) pools")
_MORE = re.compile(r"(?P<n>\d+) more")


def words_of(language: str, meanings: Mapping[str, str]) -> Words:
    """The words of a language; `meanings` is what is said of indicators in it."""
    return Words("zh", {**meanings, **ZH}) if language == "zh" else Words("en", {})


ZH: Mapping[str, str] = {
    "Monthly sheet": "月报",
    "This sheet": "本报表",
    "Domain": "节点",
    "national": "国家级",
    "regional": "区域",
    "industry": "行业",
    "Identifier": "标识",
    "Month": "本月",
    "From": "起",
    "Until": "止",
    "Made at": "生成时间",
    "Only what lies under": "仅限该标识之下",
    "The month is not over: the sheet goes up to the time above.": (
        "本月尚未结束：数据截至上面的时间。"
    ),
    (
        "Every figure is worked out from the month's samples by the indicator's own law. Time "
        "without samples is not filled up; Known says how much of the time there are any. "
        "What is unknown is left out and is never 0."
    ): (
        "每个数值都由本月的样本按该指标自身的汇总规则算出。没有样本的时间不补齐；“覆盖率”说明"
        "有样本的时间所占比例。未知的不列出，也绝不记为 0。"
    ),
    "Capacity": "能力",
    "Use": "使用",
    "Energy and environment": "能源与环境",
    "Network": "网络",
    "Jobs and waits": "作业与等待",
    "Quality": "质量",
    "Indicator": "指标",
    "Least": "最小",
    "Most": "最大",
    "Last": "期末",
    "Known": "覆盖率",
    "more, in the CSV": "更多见 CSV",
    "Sites": "算力中心",
    "Site": "算力中心",
    "Delivered": "算力供给",
    (
        "What the runs of jobs held within the month: of users of this domain, of domains that "
        "handed jobs over, and by the site where they ran."
    ): "作业在本月内占用的算力：按本节点用户、移交作业的节点以及运行所在的算力中心分列。",
    "No job ran in this time.": "本期没有作业运行。",
    "User": "用户",
    "Runs": "运行次数",
    "Device-hours": "卡时",
    "Core-hours": "核时",
    "Declared downtimes": "已声明的停机",
    "None were declared here.": "本节点没有声明停机。",
    "Why": "原因",
    "What is not known": "数据缺口",
    "Longest gap": "最长缺口",
    "Gaps": "缺口数",
    "Hours in all": "合计小时",
    "There is a figure of every hour of all indicators above.": (
        "以上所有指标的每个小时都有数据。"
    ),
    "No indicator has a figure yet.": "尚无任何指标数据。",
    "Samples that were thrown away before they came here:": "在送达之前已丢弃的样本：",
    "Cluster": "集群",
    "Nothing is known of": "尚无数据的指标",
    "Definitions": "指标定义",
    "What it means": "含义",
    "Adds up by": "汇总方式",
    "Of the month": "月度取值",
    "Source": "来源",
    "sum over the time known": "已知时间内求和",
    "mean over the time known": "已知时间内平均",
    "largest sample": "最大样本",
    "percentiles of all": "全部样本的分位数",
    "ratio of the month's sums": "本月总和之比",
    "sum": "求和",
    "ratio of sums": "总和之比",
    "count of distinct": "去重计数",
    "mean by capacity": "按容量加权平均",
    "largest": "取最大",
    "percentiles of merged bins": "合并分箱的分位数",
    "declared afterwards": "事后申报",
    "cores": "核",
    "beyond": "以外",
    "no room at the agent": "代理处空间不足",
    "circles of the national hubs: 1 ms city, 5 ms region, 20 ms across hubs": (
        "国家枢纽的时延圈：同城 1 毫秒，区域 5 毫秒，跨枢纽 20 毫秒"
    ),
    "left out where not all is known": "数据不全而未计入",
    "{metric} of {place}: {known} of {all} pools": (
        "{place} 的 {metric}：{all} 个资源池中已知 {known} 个"
    ),
    "{n} more": "另有 {n} 处",
    "healthy": "健康",
    "unhealthy": "异常",
    "unknown": "未知",
    "waiting": "等待",
    "placed": "已放置",
    "running": "运行",
    "succeeded": "成功",
    "failed": "失败",
    "canceled": "已取消",
    "lost": "丢失",
    "hour by hour": "逐小时",
    "availability and reliability as ARGO defines them": "按 ARGO 的定义",
}
