// Plots by ECharts. What they show stands in the page as a table too.
const color = (name) => {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

function balance(at) {
  const rows = JSON.parse(at.dataset.series), chart = echarts.init(at, null, { renderer: "svg" });
  const draw = () => {
    const text = color("--text"), soft = color("--soft"), line = color("--line");
    const series = (name, key, stack, fill) => ({ name, type: "bar", stack, barMaxWidth: 18,
      itemStyle: { color: fill, borderRadius: 2 }, data: rows.map((row) => row[key]) });
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      grid: { left: 8, right: 20, top: 36, bottom: 8, containLabel: true },
      legend: { top: 0, left: 0, textStyle: { color: soft }, itemWidth: 12, itemHeight: 8 },
      tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: "shadow" } },
      xAxis: { type: "value", axisLabel: { color: soft }, splitLine: { lineStyle: { color: line } } },
      yAxis: { type: "category", inverse: true, data: rows.map((row) => row.kind),
        axisLabel: { color: text }, axisTick: { show: false }, axisLine: { lineStyle: { color: line } } },
      series: [series(at.dataset.held, "held", "there", color("--u3")),
        series(at.dataset.free, "free", "there", color("--u0")),
        series(at.dataset.wanted, "wanted", "wanted", color("--warn"))],
    }, true);
  };
  draw();
  new ResizeObserver(() => chart.resize()).observe(at);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

function lines(at) {
  const found = JSON.parse(at.dataset.series), chart = echarts.init(at, null, { renderer: "svg" });
  const draw = () => {
    const text = color("--text"), soft = color("--soft"), line = color("--line");
    chart.setOption({
      animation: false,
      color: ["--u3", "--warn", "--violet", "--good", "--u1", "--bad", "--soft"].map(color),
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      grid: { left: 8, right: 20, top: found.length > 1 ? 40 : 16, bottom: 8, containLabel: true },
      legend: { show: found.length > 1, type: "scroll", top: 0, left: 0, textStyle: { color: soft } },
      tooltip: { trigger: "axis", renderMode: "richText" },
      xAxis: { type: "time", axisLabel: { color: soft }, axisLine: { lineStyle: { color: line } } },
      yAxis: { type: "value", name: at.dataset.unit === "1" ? "" : at.dataset.unit, axisLabel: { color: soft },
        splitLine: { lineStyle: { color: line } } },
      series: found.map((one) => ({ name: one.name, type: "line", showSymbol: one.points.length < 40,
        symbolSize: 4, lineStyle: { width: 2 }, areaStyle: found.length === 1 ? { opacity: 0.12 } : undefined,
        data: one.points.map(([when, value]) => [when * 1000, value]) })),
    }, true);
  };
  draw();
  new ResizeObserver(() => chart.resize()).observe(at);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

for (const at of document.querySelectorAll('[data-plot="balance"]')) balance(at);
for (const at of document.querySelectorAll('[data-plot="lines"]')) lines(at);
