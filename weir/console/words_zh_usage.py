"""Chinese: what a job uses."""

from __future__ import annotations

from collections.abc import Mapping

USAGE: Mapping[str, str] = {
    "Resource use": "资源使用",
    "CPU cores in use": "使用中的 CPU 核",
    "Memory in use": "使用中的内存",
    "Accelerators busy": "忙碌的加速卡",
    "Accelerators busy in its whole pool": "所在资源池整体的加速卡利用率",
    "held: {amount}": "占有：{amount}",
    "now: {amount}": "当前：{amount}",
    "at the last reading: {amount}": "最后一次读数：{amount}",
    "at most: {amount}": "最高：{amount}",
    "CPU time": "CPU 时间",
    "In the center's accounts": "算力中心账目",
    "{n} core-hours": "{n} 核时",
    "Memory at most": "内存峰值",
    "Accelerator time": "加速卡时间",
    "of what it held": "占其所占有的",
    "Up to": "截至",
    (
        "Nothing was measured of this run yet; its center's agent reads what it uses every few "
        "seconds."
    ): "尚未测得该次运行的使用情况；其中心的代理每隔几秒读取一次。",
    "Nothing was measured of this run; its center's resource manager told nothing of it.": (
        "未测得该次运行的使用情况；其中心的资源管理器未提供数据。"
    ),
    "It has not started yet.": "尚未开始。",
    (
        "What its own accelerators do is not told by its resource manager; this is of all "
        "accelerators of the pool."
    ): "其资源管理器未提供它自身加速卡的情况；此处为资源池全部加速卡。",
    "{amount} in all, at this price and for this time": "共 {amount}（按此价格和运行时间）",
    "{amount} so far, at this price and for this time": "至今 {amount}（按此价格和运行时间）",
}
