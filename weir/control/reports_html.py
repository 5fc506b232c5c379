"""A month's sheet as one HTML file that needs nothing else and prints well on A4.

Laws: no script, no other host, nothing to fetch. All text from outside is escaped.
"""

from __future__ import annotations

from html import escape
from string import Template

from weir.control.reports_blocks import Heading, Paragraph, Table, blocks, label, title
from weir.control.reports_plots import plot
from weir.control.reports_words import Words
from weir.core.report import MonthReport

PART = '<tr class="part">'

_PAGE = Template("""<!doctype html>
<html lang="$tag">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>$title</title>
<style>
:root { --ink: #1b2430; --muted: #5c6773; --grid: #dfe4ea; --line: #2a6fc9; --shade: #f4f6f9;
  --font: system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
    "Microsoft YaHei", "DejaVu Sans", sans-serif; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 64rem; color: var(--ink);
  background: #fff; font: 15px/1.5 var(--font); }
h1 { font-size: 1.55rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem;
  border-bottom: 2px solid var(--ink); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .5rem 0; max-width: 48rem; color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .26rem .6rem; border-bottom: 1px solid var(--grid); text-align: right;
  vertical-align: top; }
th { font-weight: 600; background: var(--shade); white-space: nowrap; }
td { white-space: nowrap; }
.text { text-align: left; white-space: normal; }
tr.part td { border-bottom: 0; color: var(--muted); }
tr.part td:first-child { padding-left: 1.6rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem;
  margin: .8rem 0; }
figure { margin: 0; break-inside: avoid; }
svg { display: block; width: 100%; height: auto; font: 10px var(--font); }
svg text { fill: var(--muted); }
svg .name { fill: var(--ink); font-weight: 600; font-size: 11px; }
svg line { stroke: var(--grid); stroke-width: .7; }
svg polyline { fill: none; stroke: var(--line); stroke-width: 1.3; stroke-linejoin: round; }
svg circle { fill: var(--line); }
@page { size: A4; margin: 15mm 13mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; }
  .plots { grid-template-columns: 1fr 1fr; }
  td { white-space: normal; }
}
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def html(report: MonthReport, say: Words) -> str:
    """The whole page."""
    tag = "zh-CN" if say.language == "zh" else "en"
    names = {f.name: f for f in report.figures}
    parts = []
    waiting: tuple[str, ...] = ()
    for block in blocks(report, say):
        if isinstance(block, Heading):
            parts.append(f"<h{block.level}>{escape(block.text)}</h{block.level}>")
            waiting = block.plots
        elif isinstance(block, Paragraph):
            parts.append(f"<p>{escape(block.text)}</p>")
        else:
            parts.append(_table(block))
            drawn = [plot(names[n], label(names[n], say), report) for n in waiting]
            parts.append(_figures(drawn))
            waiting = ()
    return _PAGE.substitute(tag=tag, title=escape(title(report, say)), body="\n".join(parts))


def _table(table: Table) -> str:
    def cells(tag: str, texts: tuple[str, ...]) -> str:
        return "".join(
            f'<{tag} class="text">{escape(text)}</{tag}>'
            if n < table.left
            else f"<{tag}>{escape(text)}</{tag}>"
            for n, text in enumerate(texts)
        )

    rows = "".join(
        (PART if row[0].startswith("· ") else "<tr>") + cells("td", row) + "</tr>"
        for row in table.rows
    )
    head = f"<thead><tr>{cells('th', table.heads)}</tr></thead>"
    return f'<div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>'


def _figures(drawn: list[str]) -> str:
    some = "".join(f"<figure>{svg}</figure>" for svg in drawn if svg)
    return f'<div class="plots">{some}</div>' if some else ""
