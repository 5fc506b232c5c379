"""Chinese: the page of alerts."""

from __future__ import annotations

from collections.abc import Mapping

ALERTS: Mapping[str, str] = {
    "Alerts": "告警",
    "What needs somebody, by the rules of this domain, and whether people have been told.": (
        "按本域规则需要有人处理的事项，以及是否已通知相关人员。"
    ),
    "critical": "严重",
    "warning": "警告",
    "info": "提示",
    "acknowledged by {name}": "{name} 已确认",
    "silenced by {name}": "{name} 已静默",
    "until": "至",
    "Tell of it again": "恢复通知",
    "Close": "关闭",
    "Who does what about it": "由谁处理、如何处理",
    "Acknowledge": "确认",
    "Nobody is told of it again until it is over.": "在恢复之前不再通知。",
    "For how long": "时长",
    "1 day": "1 天",
    "4 hours": "4 小时",
    "Why": "原因",
    "Silence": "静默",
    "Silence {name}": "静默 {name}",
    "Silence here": "在此处静默",
    "Silence everywhere": "在所有位置静默",
    "It is judged and listed all the same, and nobody is told.": "仍会判定并列出，但不发送通知。",
    "Open alerts": "未恢复的告警",
    "Severity": "级别",
    "What": "内容",
    "Since": "开始时间",
    "People are told": "是否已通知",
    "Take care of it": "处理",
    "Take care of it: {name}": "处理：{name}",
    "not yet": "尚未",
    "flapping": "反复告警",
    "about to fire": "即将告警",
    "firing": "告警中",
    "about to end": "即将恢复",
    "Nothing is open: no rule is met anywhere.": "没有未恢复的告警：各处均未触发规则。",
    "Silences and acknowledgements": "静默与确认",
    "Rule": "规则",
    "Rules": "规则",
    "How": "方式",
    "Met when": "触发条件",
    "Judged of": "判定对象",
    "Fires after": "持续多久后告警",
    "Over after": "持续多久后恢复",
    "at once": "立即",
    "the domain": "本域",
    "each site": "每个算力中心",
    "each cluster or link": "每个集群或链路",
    "each pool": "每个资源池",
    "each link": "每条链路",
    "each source": "每个数据来源",
    "{what} above {limit}": "{what} 高于 {limit}",
    "{what} below {limit}": "{what} 低于 {limit}",
    "{what} is unknown": "{what} 未知",
    "{what} rises by more than {limit} an hour": "{what} 每小时上升超过 {limit}",
    "{what} falls by more than {limit} an hour": "{what} 每小时下降超过 {limit}",
    "{what} is {limit} standard deviations off what it usually is": (
        "{what} 偏离平时 {limit} 个标准差"
    ),
    "{condition}, over {time}": "{condition}（时段 {time}）",
    "This domain has no rules": "本域没有告警规则",
    "Rules stand in a file that the server is started with: weir serve --alerts FILE.": (
        "规则写在服务器启动时指定的文件中：weir serve --alerts FILE。"
    ),
}
