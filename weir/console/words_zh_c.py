"""Chinese: history, settings, offers and what else pages say beside the first two parts."""

from __future__ import annotations

from collections.abc import Mapping

PAGES_C: Mapping[str, str] = {
    "1 year": "1 年",
    "At present": "当前",
    "Chosen on other pages": "在其他页选中的",
    "Carbon intensity": "碳强度",
    "carbon intensity {amount}": "碳强度 {amount}",
    "Domain": "节点",
    "If it goes next and all that runs there takes the time that it asked for: sooner if something "
    "ends before, later if others go first.": (
        "假设下一个轮到它，且那里运行的作业都用满所申请的时间：有作业提前结束则更早，有作业排在前面则更晚。"
    ),
    "Newer jobs": "更新的作业",
    "There is room, but it can wait for better hours": "有空位，但可等到更合适的时段",
    "There is room, but others go first": "有空位，但前面还有其他作业",
    "Further down": "逐级下钻",
    "How to change it": "如何修改",
    "Nothing was measured here in this time. What agents measure comes minute by minute; choose a "
    "longer time, or come back in some minutes.": (
        "该时段没有测得数据。代理的测量逐分钟到达；请选择更长的时段，或几分钟后再看。"
    ),
    "of the last minutes": "最近几分钟",
    "Performance figures": "性能数据",
    "Performance of one": "单卡性能",
    "Price of a core-hour": "核时价格",
    "Price of an accelerator-hour": "卡时价格",
    "PUE": "PUE",
    "Measured here": "本地实测",
    "Host": "主机",
    "Computed by": "计算部件",
    "Numeric library": "数值库",
    "a host": "单机",
    "Memory bandwidth": "内存带宽",
    "Disk, writing": "磁盘写入",
    "Disk, reading": "磁盘读取",
    "Setting": "设置",
    "Settings": "设置",
    "The way down": "下钻路径",
    "This one is worked out for the whole only.": "此指标只对整体计算。",
    "Waiting jobs that take one of several models ask for {n} accelerators beside these.": (
        "此外，可用多种型号之一的等待作业还需要 {n} 张加速卡。"
    ),
    "What this server was started with. It changes with the server's start, by the options of weir "
    "serve; policies and queues also while it runs.": (
        "本服务器启动时的设置。修改需以 weir serve 的选项重新启动；策略和队列可在运行中修改。"
    ),
    "domain": "节点",
    "availability and reliability as ARGO defines them": "可用率与可靠率按 ARGO 的定义",
    "circles of the national hubs: 1 ms city, 5 ms region, 20 ms across hubs": (
        "国家枢纽的时延圈：同城 1 毫秒，区域 5 毫秒，跨枢纽 20 毫秒"
    ),
    "Cost": "费用",
    "Energy": "能耗",
    "Carbon": "碳排放",
    "claimed": "标称",
    "measured": "实测",
    "estimated": "估计",
    "within {time} if next": "若轮到它，{time} 内",
    "use of its site with it": "加上它后的中心使用率",
    "use of its site of late": "中心近期使用率",
    "accelerators beyond what it asks for": "超出所需的加速卡",
    "others of its name near": "附近的同名作业",
    "operations": "运营",
    "alerts": "告警",
    "prometheus": "Prometheus",
    "Address told to others": "对外地址",
    "Alert rules": "告警规则",
    "Database": "数据库",
    "Given up after": "失联多久后放弃",
    "Must start within": "须在多久内开始",
    "Placed again after losses, at most": "失联后最多重新分配次数",
    "Policy at the start": "启动时的策略",
    "Queues at the start": "启动时的队列数",
    "Samples are kept in": "样本存放于",
    "Samples by 10s are kept for": "10 秒样本保留",
    "Samples by 1m are kept for": "1 分钟样本保留",
    "Samples by 15m are kept for": "15 分钟样本保留",
    "Samples by 1h are kept for": "1 小时样本保留",
    "Samples by 1d are kept for": "1 天样本保留",
    "Silent after": "多久无消息视为失联",
    "The directory lists all of them": "目录中列有全部",
    "The largest of its sites are drawn; there are {n} more.": (
        "仅绘出其规模最大的算力中心，另有 {n} 个。"
    ),
    "this database": "本数据库",
    "this database, and a copy in VictoriaMetrics": "本数据库，并复制一份到 VictoriaMetrics",
    "Waiting jobs that a round looks at": "每轮考察的等待作业数",
    "Who joins waits for approval": "接入须经批准",
}
