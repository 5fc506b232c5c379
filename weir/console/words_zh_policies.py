"""Chinese: what each policy does, by its name."""

from __future__ import annotations

from collections.abc import Mapping

POLICIES_ZH: Mapping[str, str] = {
    "balanced": "兼顾费用、等待、距离和装箱；没有作业会饿死，空隙会被填补。",
    "fifo": "严格按次序：取最早开始；不越过前面正在等待同一资源池的作业。",
    "easy": "按次序，不推迟队首作业的作业可填补空隙（EASY 回填）。",
    "conservative": "按次序，只在不推迟前面任何作业时填补空隙（保守回填）。",
    "sjf": "所请求时间最短的作业优先；不越过前面的作业。",
    "learned": "按用户的历史作业，预计最短的作业优先；不会被无限期越过。",
    "deadline": "为赶上时限必须最早开始的作业优先；没有时限的作业在后。",
    "even": "各处负载均匀：选使用率最低的资源池，避免某个中心先满。",
    "fair": "各队列按份额：按主导资源计，距其份额最远的队列优先。",
    "cheapest": "价格最低，即使要稍等。",
    "greenest": "碳排放最少：选清洁的地点；可推迟的作业选清洁的时段。",
    "fastest": "最早结束：在作业运行最快的加速卡上尽早开始。",
    "nearest": "离用户和数据近。",
    "best-fit": "仍能容纳作业的最满的资源池，把大块空闲留给大作业。",
    "fragmentation": "选对后续作业造成无用碎片最少的主机（考虑碎片）。",
    "heterogeneity": "把作业放到同类作业收益最大的加速卡型号上，分轮重新规划。",
    "optimal": "用整数规划求整轮最优的分配，绝不差于贪心。",
}
