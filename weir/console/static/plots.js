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
  // Demand may be far above supply: then its bar leaves the picture, and its number says how far.
  const there = Math.max(...rows.map((row) => row.held + row.free)), asked = Math.max(...rows.map((row) => row.wanted));
  const end = there && asked > 2 * there ? 1.5 * there : null;
  const beyond = { show: true, position: "insideRight", formatter: ({ value }) => (end && value > end ? `${value.toLocaleString("en-US")} »` : "") };
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
      xAxis: { type: "value", max: end, axisLabel: { color: soft }, splitLine: { lineStyle: { color: line } } },
      yAxis: { type: "category", inverse: true, data: rows.map((row) => row.kind),
        axisLabel: { color: text }, axisTick: { show: false }, axisLine: { lineStyle: { color: line } } },
      series: [series(at.dataset.held, "held", "there", color("--u3")),
        series(at.dataset.free, "free", "there", color("--u0")),
        { ...series(at.dataset.wanted, "wanted", "wanted", color("--warn")),
          label: { ...beyond, color: color("--card"), fontWeight: 600 } }],
    }, true);
  };
  draw();
  new ResizeObserver(() => chart.resize()).observe(at);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

// Numbers as the pages write them: three figures that count, thousands parted.
const figure = (value) => Math.abs(value) >= 1000 || Number.isInteger(value)
  ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));

function lines(at) {
  const found = JSON.parse(at.dataset.series), chart = echarts.init(at, null, { renderer: "svg" });
  const unit = at.dataset.unit, whole = at.dataset.percent === "yes";
  const moment = new Intl.DateTimeFormat(document.documentElement.lang, { hourCycle: "h23",
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const draw = () => {
    const text = color("--text"), soft = color("--soft"), line = color("--line");
    chart.setOption({
      animation: false,
      color: ["--u3", "--warn", "--violet", "--good", "--u1", "--bad", "--soft"].map(color),
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      grid: { left: 8, right: 20, top: found.length > 1 ? 56 : unit ? 28 : 16, bottom: 8, containLabel: true },
      legend: { show: found.length > 1, type: "scroll", top: 0, left: 0, textStyle: { color: soft } },
      tooltip: { trigger: "axis", renderMode: "richText", confine: true,
        formatter: (shown) => [moment.format(shown[0].value[0]), ...shown.filter((s) => s.value[1] !== null).map(
          (s) => `${found.length > 1 ? `${s.seriesName}: ` : ""}${figure(s.value[1])}${unit ? ` ${unit}` : ""}`)].join("\n") },
      xAxis: { type: "time", min: Number(at.dataset.begin) * 1000, max: Number(at.dataset.end) * 1000, splitNumber: Math.max(2, Math.floor(at.clientWidth / 110)), axisLabel: { color: soft, hideOverlap: true }, axisLine: { lineStyle: { color: line } } },
      yAxis: { type: "value", name: unit, nameTextStyle: { color: soft, align: "left" }, nameGap: 10,
        max: whole ? ({ max }) => (max <= 100 && max > 50 ? 100 : null) : null, minInterval: 0,
        axisLabel: { color: soft, formatter: figure }, splitLine: { lineStyle: { color: line } } },
      series: found.map((one) => ({ name: one.name, type: "line", connectNulls: false, symbol: "circle", symbolSize: 4,
        showSymbol: one.points.length < 40 || one.points.some(([, v], n) => v !== null
          && (one.points[n - 1]?.[1] ?? null) === null && (one.points[n + 1]?.[1] ?? null) === null),
        lineStyle: { width: 2 }, areaStyle: found.length === 1 ? { opacity: 0.12 } : undefined,
        data: one.points.map(([when, value]) => [when * 1000, value]) })),
    }, true);
  };
  draw();
  new ResizeObserver(() => chart.resize()).observe(at);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

const kinds = { balance, lines };
const drawAll = (inside) => {
  for (const at of inside.querySelectorAll("[data-plot]:empty")) kinds[at.dataset.plot](at);
};
drawAll(document);
document.addEventListener("htmx:load", (event) => drawAll(event.target));
