"""Chinese: what the pages say, the second half by the alphabet."""

from __future__ import annotations

from collections.abc import Mapping

PAGES_B: Mapping[str, str] = {
    "Network": "网络",
    "New job": "新建作业",
    "Newest": "最新",
    "Next": "下一页",
    "next best": "次优",
    "no": "否",
    "No center has joined yet": "还没有算力中心接入",
    "no end": "不限期",
    "No file has come here yet; logs and outputs come as the job writes them.": (
        "还没有文件到达；作业写出后，日志和结果会随之到来。"
    ),
    "No history in this time": "该时段没有历史数据",
    "No job is like that": "没有符合条件的作业",
    "No job yet": "还没有作业",
    "no limit": "无限制",
    "no limit told": "未说明限制",
    "No pool can take it": "没有资源池可以承接",
    "No pool is like that": "没有符合条件的资源池",
    "No pool yet": "还没有资源池",
    "Nominal, one": "标称（单卡）",
    "Nominal, the pool": "标称（全池）",
    "none": "无",
    "None of these jobs has started": "这些作业都尚未开始",
    "None that was submitted at this domain.": "没有在本节点提交的作业。",
    "none yet": "暂无",
    "Not connected; trying again": "连接中断，正在重试",
    "not known when": "时间未知",
    "Not live": "未实时更新",
    "not priced": "未定价",
    "Nothing chosen to compare": "尚未选择要对比的资源池",
    "Nothing is free now.": "目前没有空闲。",
    "Nothing yet; what it writes appears here by itself.": "暂无输出；有输出时会自动出现在这里。",
    "Nothing. Every center is heard of, and no job has failed today.": (
        "无。各中心均有消息，今天没有作业失败。"
    ),
    "now": "立即",
    "of them emulated": "为模拟",
    "of {n}": "/ {n}",
    "of {n} cores": "/ {n} 核",
    "pools in all: {n}": "资源池共 {n} 个",
    "Older jobs": "更早的作业",
    "Older tokens": "更早的令牌",
    "Operations": "运营",
    "Order": "排序",
    "Over time": "随时间变化",
    "Overview": "总览",
    "Owns, and may borrow": "自有与可借",
    "Page {n} of {all}": "第 {n} 页，共 {all} 页",
    "Pages": "页面",
    "Pages of the list": "列表分页",
    "Part": "分项",
    "Placed": "分配时间",
    "Policies": "调度策略",
    "Policy": "策略",
    "Pool": "资源池",
    "Pool by pool": "逐个资源池",
    "Pools": "资源池",
    "pools": "个资源池",
    "pools it would add: {n}": "可增加资源池：{n}",
    "Pools that can take it: {yes}; that can't: {no}.": "可承接的资源池：{yes}；不可承接：{no}。",
    "Pools: {pools}; sites: {sites}": "资源池 {pools} 个，算力中心 {sites} 个",
    "Precision": "精度",
    "Price": "价格",
    "Price per hour, at most": "每小时价格上限",
    "Priority, 0 to 100": "优先级（0 至 100）",
    "Queue": "队列",
    "queue {name}": "队列 {name}",
    "Queues": "队列",
    "Queues and quotas": "队列与配额",
    "Ran for": "运行时长",
    "ran for": "运行时长",
    "Ranked by": "排序策略",
    "Real machines only": "仅限真实主机",
    "Reason": "原因",
    "Region": "区域",
    "region {name}": "区域 {name}",
    "Regions": "区域",
    "Remove": "移除",
    "Remove {name}": "移除 {name}",
    "Resource": "资源",
    "Resources": "资源",
    "Retired": "已停用",
    "Role": "角色",
    "Round trip": "往返时延",
    "Runs of this domain": "本节点的运行数",
    "Runs on": "资源管理器",
    "runs: {n}": "运行：{n}",
    (
        "Samples are kept from when centers' agents send them; choose a longer time, or come "
        "back later."
    ): ("样本自各中心代理发送起保存；请选择更长的时段，或稍后再看。"),
    "Samples of this time were lost on the way: {n} gaps.": "该时段有样本在途中丢失：{n} 处缺口。",
    "Share by weight": "加权份额",
    "Shown as": "显示方式",
    "Sign in": "登录",
    "Sign in as {name}": "以 {name} 登录",
    "Sign in to {name}": "登录 {name}",
    "Sign out": "退出",
    "Sites that tell no location are not on the map: {n}. The tree has them all.": (
        "未提供位置的算力中心不在地图上：{n} 个。树状图包含全部。"
    ),
    "Size": "大小",
    "Size by": "大小表示",
    "Skip to the content": "跳到正文",
    "So many sites are drawn as their domains: choose one to see its sites.": (
        "算力中心较多，仅绘出其所属节点：点选节点可查看其下的算力中心。"
    ),
    "Software": "软件栈",
    "Source": "来源",
    "Source of the nominal figure": "标称值来源",
    "State": "状态",
    "State what a job needs, see where it could run and why, and submit it.": (
        "说明作业的需求，查看可在何处运行及原因，然后提交。"
    ),
    ("State what the job needs; see every place that could take it, and why the others can't."): (
        "说明作业需要什么；查看每个可承接之处，以及其他之处为何不行。"
    ),
    "States": "状态",
    "Storage": "存储",
    "Stream": "输出流",
    "Submit again": "再次提交",
    "Submit the job": "提交作业",
    "Submitted": "提交时间",
    "Submitted by": "提交人",
    "submitted by {name}": "提交人 {name}",
    "Take a filter away.": "请减少筛选条件。",
    "Take a filter away; what each would leave stands beside it.": (
        "请减少筛选条件；每项旁边是选择后剩余的数量。"
    ),
    "Take it": "使用",
    "Tasks at once": "同时任务数",
    "tasks of {group}: {n}": "{group} 任务数：{n}",
    "Template": "模板",
    "The job has {n} task groups; the form shows the first, the file has all.": (
        "作业有 {n} 个任务组；表单显示第一个，文件包含全部。"
    ),
    "The list shows them, and each job's page tells why it waits.": (
        "列表中有这些作业，每个作业的页面会说明等待的原因。"
    ),
    "The network: domains, sites and links": "网络：节点、算力中心与链路",
    "The pool": "资源池",
    "The same from the command line": "用命令行完成同样的事",
    "The token for {name}": "{name} 的令牌",
    "There is nothing to offer yet, and nothing is asked for.": "目前既无供给，也无需求。",
    (
        "They come with the probes of the centers' agents. What is not measured is unknown he"
        "re, never 0."
    ): ("这些指标随各中心代理的探针而来。未测量的在此为未知，绝不记为 0。"),
    "They stand in a file that the server is started with: weir serve --queues FILE.": (
        "队列写在服务器启动时读取的文件中：weir serve --queues FILE。"
    ),
    "This domain and below": "本节点及下级",
    "This domain has no queues": "本节点没有队列",
    (
        "This domain schedules by {name}. It is chosen when the server starts: weir serve --p"
        "olicy NAME. Any of them can rank a search on the page Find and submit."
    ): (
        "本节点使用策略 {name}，在服务器启动时选定：weir serve --policy NAME。在“查找与提交”"
        "页面可用任一策略排序。"
    ),
    (
        "This domain's operator gives it to you: weir token create NAME. It is kept in no pag"
        "e, and the session ends with it."
    ): (
        "令牌由本节点的运营者签发：weir token create NAME。页面不保存令牌，令牌失效时会话随之结束。"
    ),
    "this domain's policy": "本节点策略",
    "This link signs you in once, as {name}.": "此链接可让您以 {name} 的身份登录一次。",
    "Tick some pools in the directory, then choose to compare them.": (
        "在目录中勾选若干资源池，然后选择对比。"
    ),
    "Time": "时间",
    "Timeline": "时间线",
    "Timeline of jobs": "作业时间线",
    "To begin": "开始使用",
    "To submit takes the role user; you have looked as a viewer.": (
        "提交作业需要用户角色；您目前是查看者。"
    ),
    "To the directory": "前往目录",
    "To the jobs": "前往作业",
    "To the list": "前往列表",
    "To the overview": "前往总览",
    "Tokens": "令牌",
    "Tree": "树状",
    "Under": "上级",
    "Use": "使用率",
    "used": "已使用",
    "Value": "数值",
    "Version": "版本",
    "Waiting": "等待",
    "waiting": "等待中",
    "Wanted": "需求",
    "Wanted by waiting jobs": "等待作业的需求",
    "Way there": "到达方式",
    "Weight": "权重",
    "What happened": "经过",
    "What is free, host by host": "各主机的空闲",
    "What it does": "作用",
    "What it means": "含义",
    "What it runs, its log and its files are shown to its owner and to operators.": (
        "作业内容、日志和文件仅向其所有者和运营者显示。"
    ),
    "What joins": "接入对象",
    "What the figures cover": "统计范围",
    "What this means": "说明",
    (
        "What waiting jobs of this domain ask for, beside what is free and what there is. A j"
        "ob that takes one of several models stands under any."
    ): ("本节点等待中的作业的需求，与空闲量和总量对照。可用多种型号之一的作业计入“任意加速卡”。"),
    "What would make it fit": "怎样才能满足",
    "Where": "位置",
    "Where it could run": "可运行之处",
    "Who holds it is refused from then on, and signed out here.": (
        "此后持有者将被拒绝，并在此退出登录。"
    ),
    "Whole network": "全网",
    "Why it waits": "等待原因",
    "Why not elsewhere": "为何不在别处",
    "Why there": "选址原因",
    "Words": "关键词",
    "yes": "是",
    "Your token": "您的令牌",
    "{n} d ago": "{n} 天前",
    "{n} h ago": "{n} 小时前",
    "{n} min ago": "{n} 分钟前",
    "{n} s ago": "{n} 秒前",
    "{share} in use": "使用率 {share}",
}
