"""Chinese: the sheets of months on the monitoring page."""

from __future__ import annotations

from collections.abc import Mapping

REPORTS: Mapping[str, str] = {
    "The sheet of a month": "月报",
    "Every indicator over the month with its definition, sites, what was delivered, and what is "
    "not known. Days are those of UTC; the command takes another zone.": (
        "本月的全部指标及其定义、各算力中心、算力供给和数据缺口。日期按 UTC 计；命令行可指定时区。"
    ),
    "This month so far": "本月至今",
    "Last month": "上月",
    "print-ready HTML": "可打印的 HTML",
}
