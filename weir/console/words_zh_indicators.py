"""Chinese: what the indicators mean."""

from __future__ import annotations

from collections.abc import Mapping

INDICATORS: Mapping[str, str] = {
    (
        "0 to 10: the share of accelerators that resource managers say is free; of cores, where n"
        "obody tells of accelerators."
    ): "0 至 10 分：资源管理器所报空闲加速卡的比例；无人上报加速卡时按处理器核计。",
    (
        "0 to 10, the mean of links: 10 within 1 ms, 8 within 5 ms, 6 within 20 ms, 3 beyond, tim"
        "es the share of small calls that were answered."
    ): (
        "0 至 10 分，各链路的平均：1 毫秒内 10 分，5 毫秒内 8 分，20 毫秒内 6 分，更远 3 分，"
        "再乘以小请求得到应答的比例。"
    ),
    "0 to 10: jobs that succeeded over all that ended in the time covered.": (
        "0 至 10 分：所涵盖时段内成功作业占全部结束作业之比。"
    ),
    "CATS L1 scores (draft-ietf-cats-metric-definition)": (
        "CATS L1 评分（draft-ietf-cats-metric-definition）"
    ),
    "Computing centers that have a pool in the network, each identifier once.": (
        "在网络中拥有资源池的算力中心，每个标识计一次。"
    ),
    "Pools of equal hosts, each identifier once by however many ways it is seen.": (
        "由相同主机组成的资源池；无论从几条途径可见，每个标识只计一次。"
    ),
    "Pools whose cluster has not been heard of within the lease.": (
        "所属集群在租期内没有消息的资源池。"
    ),
    "Machines of all pools.": "全部资源池的主机。",
    "Cores of all hosts.": "全部主机的 CPU 核。",
    "Main memory of all hosts.": "全部主机的内存。",
    "Accelerators of all pools, by model.": "全部资源池的加速卡，按型号分列。",
    "Accelerators declared as emulated: they are counted above, and are not real.": (
        "声明为模拟的加速卡：已计入上面的总数，但并非真实。"
    ),
    (
        "Dense nominal performance of all accelerators by precision (GOPS for INT8). Never ad"
        "ded over precisions; devices without a sourced figure are left out and counted below"
        "."
    ): (
        "全部加速卡按精度的稠密标称算力（INT8 为 GOPS）。不同精度从不相加；没有可靠来源的型号"
        "不计入，并在下面单独统计。"
    ),
    "Accelerators that the totals of nominal performance lack, by precision.": (
        "标称算力合计中缺少的加速卡数，按精度分列。"
    ),
    "Milli-devices that runs hold, over all milli-devices.": "运行所占加速卡与全部加速卡之比。",
    "Milli-cores that runs hold, over all milli-cores.": "运行所占 CPU 核与全部 CPU 核之比。",
    ("Jobs submitted at this domain, by state; those handed over by other domains count there."): (
        "在本节点提交的作业，按状态分列；由其他节点移交的作业在其原节点计数。"
    ),
    (
        "Nominal performance of each pool times the share of its devices that runs hold, by p"
        "recision. Never added over precisions."
    ): ("各资源池标称算力乘以其被占用加速卡的比例，按精度分列，不同精度从不相加。"),
    (
        "Dense performance as measured on the pools themselves, by precision (GOPS for INT8);"
        " pools without a measurement are left out. Never added over precisions."
    ): ("在资源池上实测的稠密算力，按精度分列（INT8 为 GOPS）；未实测的不计入，不同精度从不相加。"),
    (
        "Accelerators by the smallest circle, 1, 5 or 20 ms, that the round trip from this do"
        "main to their pool fits into."
    ): ("按本节点到资源池往返时延所落入的最小时延圈（1、5 或 20 毫秒）统计的加速卡。"),
    ("Utilization as the exporters of the devices report it, over the devices that report it."): (
        "由设备导出器上报的利用率，以上报的设备为分母。"
    ),
    "Accelerators as their exporters report them: healthy, unhealthy, unknown.": (
        "由导出器上报的加速卡状态：健康、不健康、未知。"
    ),
    "Healthy accelerators over all whose exporters report, the unknown among them.": (
        "健康加速卡占全部有上报者之比，未知者计入分母。"
    ),
    "Memory in use on accelerators over the memory of those that report it.": (
        "已用显存与有上报的加速卡显存之比。"
    ),
    "What accelerators draw, as their exporters say.": "导出器上报的加速卡功率。",
    "The highest temperature that any accelerator reports.": "各加速卡上报的最高温度。",
    "The highest temperature that any sensor of a host reports to its controller.": (
        "主机各传感器向其管理控制器上报的最高温度。"
    ),
    "The highest temperature that any sensor of a rack reports to its controller.": (
        "机架各传感器向其管理控制器上报的最高温度。"
    ),
    "The warmest air that any host or rack takes in, as their controllers report it.": (
        "主机与机架进风的最高温度，由其管理控制器上报。"
    ),
    "Milli-devices that the centers' own resource managers say are held, by whomever.": (
        "各中心资源管理器所报被占用的加速卡比例，不论由谁占用。"
    ),
    "Milli-cores that the centers' own resource managers say are held, by whomever.": (
        "各中心资源管理器所报被占用的 CPU 核比例，不论由谁占用。"
    ),
    "Cores that compute over the cores of hosts that report it: the mean by cores.": (
        "正在计算的 CPU 核与有上报主机的 CPU 核之比，按核数加权。"
    ),
    "Memory in use over the memory of hosts that report it.": "已用内存与有上报主机的内存之比。",
    "Capacity of file systems and stores.": "文件系统与存储的容量。",
    "Bytes stored over capacity, of those that report both.": (
        "已存字节与容量之比，仅计两者均上报者。"
    ),
    "Racks that can be used, normalized by the center to the network's standard power.": (
        "可用机架数，由中心按网络的标准功率折算。"
    ),
    "Standard racks that equipment stands in.": "已上架设备的标准机架数。",
    "Standard racks in use over standard racks, of centers that report both.": (
        "已用标准机架与标准机架总数之比，仅计两者均上报的中心。"
    ),
    "Ports that are up, by speed in Gbit/s.": "在线端口数，按速率（Gbit/s）分列。",
    "Bytes sent over all ports of hosts that report.": "有上报主机全部端口发送的字节。",
    "Round trip between domains and sites: the largest, and the 20 slowest by name.": (
        "节点与算力中心之间的往返时延：最大值，以及最慢的 20 条链路。"
    ),
    "Mean change from one round trip to the next: the largest, and the 20 worst by name.": (
        "相邻两次往返时延的平均变化：最大值，以及最差的 20 条链路。"
    ),
    "Small calls without an answer over all that were tried.": "未得到应答的小请求占全部尝试之比。",
    "What a transfer achieved: the largest, and the 20 narrowest by name.": (
        "传输实际达到的带宽：最大值，以及最窄的 20 条链路。"
    ),
    (
        "How much of its TLS certificate's lifetime has passed: the largest, and the 20 most spen"
        "t by name."
    ): ("TLS 证书有效期已过去的比例：最大值，以及比例最高的 20 条链路。"),
    "What IT equipment draws; a site's meter stands for the pools in it.": (
        "IT 设备功率；以算力中心的电表代表其资源池。"
    ),
    "What whole facilities draw.": "整个设施的功率。",
    "Power over the time covered; time without samples is not filled up.": (
        "所覆盖时间内功率的积分；无样本的时间不作填补。"
    ),
    "IT power over the time covered; time without samples is not filled up.": (
        "所覆盖时间内 IT 功率的积分；无样本的时间不作填补。"
    ),
    (
        "Facility energy over IT energy of the centers that report both, over the same time, and "
        "IT energy of all that the facility's meter covers."
    ): (
        "同一时段内，设施总能耗与 IT 能耗之比；仅计两者均上报、且设施电表所覆盖的 IT 能耗全部已知"
        "的中心。"
    ),
    "Liters of water over kWh of IT energy, of the centers that report both.": (
        "每千瓦时 IT 能耗的用水升数，仅计两者均上报的中心。"
    ),
    "Emitted CO2 equivalent over IT energy, of the centers that report both.": (
        "二氧化碳当量排放与 IT 能耗之比，仅计两者均上报的中心。"
    ),
    "Emitted CO2 equivalent over facility energy, of the centers that report both.": (
        "二氧化碳当量排放与设施能耗之比，仅计两者均上报的中心。"
    ),
    "CO2 equivalent emitted in the time covered.": "所覆盖时间内的二氧化碳当量排放。",
    "Power from renewable sources over facility power, of centers that report both.": (
        "可再生能源功率与设施功率之比，仅计两者均上报的中心。"
    ),
    "Jobs that have not ended, by state; each counts at the domain where it was submitted.": (
        "尚未结束的作业，按状态分列；各在其提交的节点计数。"
    ),
    "Jobs that ended in the time covered, by state.": "所覆盖时间内结束的作业，按状态分列。",
    "Jobs that succeeded over all that ended in the time covered.": (
        "所覆盖时间内成功的作业占全部结束作业之比。"
    ),
    (
        "From submission to start, of jobs that started in the time covered: the median; 50, "
        "90 and 99 % by part; each right to 2 %."
    ): (
        "所覆盖时间内开始的作业从提交到开始的等待时间：中位数；分项为 50、90、99 百分位；误差"
        "不超过 2%。"
    ),
    "Accelerators that waiting jobs ask for over all that resource managers report.": (
        "等待作业所需加速卡与资源管理器所报加速卡总数之比。"
    ),
    "Time in touch over all time but downtimes that were declared before they began.": (
        "保持联系的时间与除去事先声明的停机之外的全部时间之比。"
    ),
    "Time in touch over all time, downtimes that were declared included.": (
        "保持联系的时间占全部时间之比，已申报的停机也计入。"
    ),
    "The pools' hottest accelerators, weighted by their accelerators.": (
        "各资源池最热加速卡的温度，按加速卡数加权。"
    ),
    "Probes whose source answered over all probes that run.": "来源有应答的探针占全部探针之比。",
    "Values of sources that probes did not take: beyond what a look may give, or unreadable.": (
        "探针未采纳的数据源数值个数：超出单次上限，或无法读取。"
    ),
    "How old the newest answer of any probe's source is: the largest, and by probe.": (
        "各探针来源最近一次应答的时间：取最久者，并按探针分列。"
    ),
    "Accelerators as their exporters report them, by the model of their pool and by health.": (
        "加速卡数，以其导出程序上报为准，按所在资源池的型号与健康状态分列。"
    ),
    (
        "IT power that racks are made for over that of a standard rack, which each domain sets (2"
        ".5 kW if it doesn't)."
    ): ("机架设计 IT 功率除以标准机架功率；标准机架功率由各节点设定（未设定时为 2.5 kW）。"),
    "Links by the smallest circle, 1, 5 or 20 ms, that their round trip fits into.": (
        "链路数，按其往返时延所落入的最小时延圈（1、5 或 20 毫秒）分列。"
    ),
    (
        "From when a job was given its place to its start there, of jobs that started in the time"
        " covered: images, data, a cluster's own queue; the median; 50, 90 and 99 % by part; each"
        " right to 2 %."
    ): (
        "所涵盖时段内启动的作业，从分配到资源池至在那里启动的时间（镜像、数据、集群自身排队）：中"
        "位数；分项为 50、90、99 分位；误差不超过 2 %。"
    ),
}
