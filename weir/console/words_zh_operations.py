"""Chinese: what the pages of Operations say of joining, queues, policies and replays."""

from __future__ import annotations

from collections.abc import Mapping

OPERATIONS: Mapping[str, str] = {
    "Jobs: {n}. Pools: {pools}. Submitted from": "作业：{n}；资源池：{pools}；提交时间从",
    "8+4 means: it owns 8, and may borrow 4 more of what others leave idle. 8 alone: it may borrow "
    "without limit. Empty: no limit.": (
        "8+4 表示：自有 8，并可再借用他人闲置的 4；只写 8：可无限借用；留空：无限制。"
    ),
    "a domain": "一个节点",
    "A new queue": "新建队列",
    "a start of the server": "服务器启动",
    "All jobs stand in one line.": "所有作业排在同一队列中。",
    "All queues as a file": "以文件编辑全部队列",
    "Apply": "应用",
    "At the domain, beside its server:": "在该节点的服务器旁执行：",
    "Apply {name}": "应用 {name}",
    "As it was": "实际情况",
    "Asked": "请求时间",
    "Below": "上级队列",
    "best": "最优",
    "Change": "修改",
    "Change {name}": "修改 {name}",
    "Core-hours used": "已用核时",
    "Cores": "CPU 核",
    "Days": "天数",
    "Days to go back": "回溯天数",
    "Being worked on": "进行中",
    "Done": "完成",
    "Failed": "失败",
    "Policy and queues": "策略与队列",
    "Decide": "处理",
    "Device-hours used": "已用卡时",
    "How much is done": "完成进度",
    "It counts from the next scheduling round on, and holds until the server is started with other "
    "queues or another policy.": ("从下一轮调度起生效，直到服务器以其他队列或策略启动为止。"),
    "It is being worked on; this page looks by itself.": "正在进行；本页会自动刷新。",
    "It would replace the agent that speaks for it now.": "它将替换目前代表该集群的代理。",
    "Its identifier, if it has one already": "已有的标识（如有）",
    "Jobs finished": "已完成作业",
    "Jobs left out: {n}": "未纳入的作业：{n}",
    "Jobs never started": "从未启动的作业",
    "Jobs started": "已启动作业",
    "Joined": "加入时间",
    "Last changes": "最近的更改",
    "Let in": "准入",
    "Let in {name}": "准入 {name}",
    "Longest wait": "最长等待",
    "Look again": "刷新",
    "Make it": "创建",
    "Make the first one here, or give a file of them.": "在此创建第一个队列，或提交队列文件。",
    "Makespan": "总完工时间",
    "Mean bounded slowdown": "平均有界减速比",
    "Mean completion time": "平均完成时间",
    "Mean wait": "平均等待",
    "Measure": "指标",
    "Median wait": "等待中位数",
    "no other queue": "无",
    "Nobody waits. Who joins this domain is let in here.": (
        "没有等待者。加入本节点者须在此获得准入。"
    ),
    "Policies to compare": "要比较的策略",
    "Refuse": "拒绝",
    "Refuse {name}": "拒绝 {name}",
    "Save {name}": "保存 {name}",
    "Schedule by it": "设为调度策略",
    "Set {name}": "设为当前：{name}",
    "Set": "设为当前",
    "Simulate": "模拟",
    "Simulate before you apply": "先模拟，再应用",
    "Slowdown, 95th percentile": "减速比第 95 百分位",
    "The jobs of the last days once more, under other policies, beside what really happened. "
    "Nothing is changed by it.": (
        "用其他策略重放最近几天的作业，并与实际情况对照。此操作不会改变任何设置。"
    ),
    "The last day under {policies}, asked for by {name}": (
        "最近 1 天的作业，策略：{policies}，请求人：{name}"
    ),
    "The last {n} days under {policies}, asked for by {name}": (
        "{policies} 策略下的最近 {n} 天，请求者 {name}"
    ),
    "The policy {name} knows no queues; set one that shares first, such as fair.": (
        "策略 {name} 不支持队列；请先设置支持共享的策略，例如 fair。"
    ),
    "The replay has failed": "重放失败",
    "The same file as for weir serve --queues; what waits in a queue that is gone keeps waiting, "
    "beside the topmost queues.": (
        "与 weir serve --queues 的文件相同；已删除队列中的等待作业将与顶层队列并列继续等待。"
    ),
    "This domain schedules by {name}. Another one counts from the next round on, and holds until "
    "the server is started with another policy or other queues. Any of them can rank a search on "
    "the page Find and submit.": (
        "本节点按 {name} 调度。新策略从下一轮起生效，直到服务器以其他策略或队列启动为止。"
        "在“查找与提交”页可用任一策略排序。"
    ),
    "This server simulates nothing.": "本服务器不提供模拟。",
    "to": "至",
    "To the policies": "前往策略",
    "Utilization": "利用率",
    "Wait, 95th percentile": "等待第 95 百分位",
    "Waiting for approval": "等待准入",
    "What": "内容",
    "What the jobs met, and what they would have met": "作业的实际情况与模拟情况",
    "When": "时间",
    "have not ended yet": "尚未结束",
    "ended without having run": "未运行即结束",
    "The network is empty when the first job comes, and has the pools that it has now, all of them "
    "free for these jobs.": (
        "第一个作业到来时网络为空，资源池为现有的资源池，全部可供这些作业使用。"
    ),
    "A job takes as long everywhere as it took; it never fails, and nothing is preempted.": (
        "作业在任何地方的运行时长都与实际相同；不会失败，也不发生抢占。"
    ),
    "Jobs that another domain had pinned to a pool stay there.": (
        "由其他节点指定了资源池的作业留在原处。"
    ),
}
