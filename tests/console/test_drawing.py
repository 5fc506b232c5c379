"""The directory and the drawings: nothing is lost, nothing stands outside, all of it repeatable."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import foreign
from weir.console.directory import paged, sites_of
from weir.console.drawing import network, timeline
from weir.console.facets import FACETS, Filtered, SiteFigures, filtered, indexed
from weir.core.identifiers import Kind, issue
from weir.core.lifecycle import JobState
from weir.wire.jobs import JobAnswer
from weir.wire.pools import Place, PoolAnswer

HERE = network.Domains("CN-F", "nation", {})
MODELS = ("nvidia-h100-sxm5", "huawei-ascend-910b")


def shown(name: str, site: int, model: int = 0, used: int = 0, **fields: Any) -> PoolAnswer:
    report = foreign(name, site=site, model=MODELS[model], **fields)
    values = {n: getattr(report, n) for n in PoolAnswer.model_fields if hasattr(report, n)}
    left = report.hosts * report.shape.devices * (1000 - used)
    return PoolAnswer(
        **{**values, "id": f"{report.id}-{name}"},
        free_devices_milli=left,
        free_cpu_milli=report.hosts * report.shape.cpu_milli,
        silent=False,
        runs=used // 100,
        heard_at=None,
    )


def some(count: int) -> list[PoolAnswer]:
    return many()[:count]


@cache
def many() -> list[PoolAnswer]:
    return [
        shown(
            f"p{n}",
            site=n % 7 + 1,
            model=n % 2,
            used=100 * (n % 10),
            location=Place(latitude=20.0 + n % 13, longitude=100.0 + n % 17, region=f"r{n % 3}"),
            domains=(f"CN.R{n % 3}-K",),
            hops=1,
        )
        for n in range(130)
    ]


def all_of(pools: list[PoolAnswer], **sites: SiteFigures) -> Filtered:
    return filtered(indexed(pools, sites), {})


@settings(max_examples=40)
@given(
    st.integers(0, 60),
    st.sets(st.sampled_from(MODELS)),
    st.sets(st.sampled_from(["r0", "r1", "none"])),
)
def test_facets_count_what_choosing_them_would_leave(
    count: int, devices: set[str], regions: set[str]
) -> None:
    pools = some(count)
    chosen = {"device": sorted(devices), "region": sorted(regions)}
    found = filtered(indexed(pools, {}), chosen)
    by_hand = [
        p
        for p in pools
        if (not devices or p.device_model in devices)
        and (not regions or p.location.region in regions)
    ]
    assert found.pools == by_hand
    for facet, choices in found.facets:
        for choice in choices:
            alone = filtered(found.index, chosen | {facet.name: [choice.value]})
            assert choice.pools == len(alone.pools) == alone.count, (facet.name, choice)
    assert {f.name for f, _ in found.facets} <= {f.name for f in FACETS}


@settings(max_examples=40)
@given(st.integers(0, 130), st.sampled_from(["free", "name", "price", "near", "fast", "size"]))
def test_pages_together_are_the_whole_list_once(count: int, sort: str) -> None:
    pools = some(count)
    found = all_of(pools)
    pages = paged(found, sort, 1).pages
    seen = [p.id for n in range(1, pages + 1) for p in paged(found, sort, n).pools]
    assert sorted(seen) == sorted(p.id for p in pools)


def test_words_leave_the_pools_that_say_all_of_them() -> None:
    index = indexed(some(60), {})
    for words in ("p1", "r2 h100", "nothing-like-it", "  ", "H100"):
        found = filtered(index, {}, words)
        said = [p.name for p in index.pools if all(w in text_of(p) for w in words.lower().split())]
        assert [p.name for p in found.pools] == said


def text_of(pool: PoolAnswer) -> str:
    return f"{pool.id} {pool.name} {pool.device_model} {pool.location.region}".lower()


def choices_of(found: Filtered, name: str) -> dict[str, int]:
    return {c.value: c.pools for facet, cs in found.facets if facet.name == name for c in cs}


def test_pools_are_told_apart_by_what_they_cost_do_and_emit() -> None:
    dear = shown("dear", 1, price_micro_per_device_hour=30_000_000)
    cheap = shown("cheap", 2, model=1, price_micro_per_device_hour=4_000_000)
    proven = shown("proven", 3, measured_gflops=(("bf16", 800_000),))
    sites = {dear.site: SiteFigures(1.2, 90.0), cheap.site: SiteFigures(1.4, None)}
    found = filtered(indexed([dear, cheap, proven], sites), {})
    assert choices_of(found, "price") == {
        "<= 5 CNY": 1, "<= 10 CNY": 1, "<= 20 CNY": 1, "<= 50 CNY": 2
    }  # fmt: skip
    assert next(iter(choices_of(found, "price"))) == "<= 5 CNY"
    assert choices_of(found, "pue") == {"<= 1.25": 1, "<= 1.3": 1, "<= 1.5": 2}
    assert choices_of(found, "carbon") == {
        "<= 100 g/kWh": 1, "<= 300 g/kWh": 1, "<= 500 g/kWh": 1, "<= 700 g/kWh": 1
    }  # fmt: skip
    assert choices_of(found, "proven") == {"claimed": 2, "measured": 1}
    assert choices_of(found, "bf16")[">= 900 TFLOPS"] == 2
    assert choices_of(found, "fp32") and choices_of(found, "fp16")
    assert choices_of(found, "int8")[">= 1500 TOPS"] == 2
    fast = filtered(found.index, {"fp64": [">= 30 TFLOPS"], "proven": ["measured"]})
    assert [p.name for p in fast.pools] == ["proven"]


def test_performance_goes_by_nominal_or_by_measured_figures() -> None:
    claimed, slow = shown("claimed", 1), shown("slow", 2, measured_gflops=(("bf16", 400_000),))
    index = indexed([claimed, slow], {})
    nominal = filtered(index, {})
    assert choices_of(nominal, "bf16")[">= 900 TFLOPS"] == 2
    assert not choices_of(nominal, "bf16-measured")
    measured = filtered(index, {}, "", "measured")
    assert choices_of(measured, "bf16-measured") == {">= 100 TFLOPS": 1, ">= 300 TFLOPS": 1}
    assert not choices_of(measured, "bf16"), "of one precision one kind of figures at a time"
    both = {"bf16": [">= 900 TFLOPS"], "bf16-measured": [">= 300 TFLOPS"]}
    assert [p.name for p in filtered(index, both).pools] == ["slow"]
    assert choices_of(filtered(index, both), "bf16-measured"), "what is chosen is shown"


def test_prices_are_told_by_their_currency_in_order() -> None:
    prices = {"a": (4, "CNY"), "b": (1, "USD"), "c": (18, "USD")}
    found = all_of(
        [
            shown(n, 1, price_micro_per_device_hour=micro * 10**6, currency=currency)
            for n, (micro, currency) in prices.items()
        ]
    )
    said = list(choices_of(found, "price"))
    assert said[:2] == ["<= 5 CNY", "<= 10 CNY"]
    assert said[-5:] == ["<= 2 USD", "<= 5 USD", "<= 10 USD", "<= 20 USD", "<= 50 USD"]
    odd = filtered(found.index, {"price": ["nonsense"]})
    assert odd.count == 0 and list(choices_of(odd, "price"))[-1] == "nonsense"


def test_tiers_are_those_of_the_domains_that_sites_belong_to() -> None:
    pools = [
        shown("here", 1),
        shown("region", 1, of="CN.R1-K"),
        shown("industry", 1, of=issue("CN.R1-K", Kind.INDUSTRY, 2)),
    ]
    assert choices_of(all_of(pools), "level") == {"national": 1, "regional": 1, "industry": 1}


@settings(max_examples=25)
@given(st.integers(0, 60), st.sampled_from(["devices", "cores", "hosts"]))
def test_a_map_and_a_tree_show_every_site_inside_the_frame(count: int, by: str) -> None:
    sites = sites_of(some(count))
    for drawing in (network.draw_map(sites, HERE, by), network.draw_tree(sites, HERE, by)):
        drawn = [m for m in drawing.marks if m.kind == "site"]
        assert {m.id for m in drawn} == {s.id for s in sites}
        assert all(0 <= m.x <= drawing.width and 0 <= m.y <= drawing.height for m in drawing.marks)
    assert network.draw_map(sites, HERE, by) == network.draw_map(sites, HERE, by)
    assert sum(len(s.pools) for s in sites) == count


def test_a_tree_of_very_many_sites_shows_their_domains() -> None:
    pools = [shown(f"p{n}", site=n + 1, domains=(f"CN.R{n % 4}-K",)) for n in range(200)]
    sites = sites_of(pools)
    drawing = network.draw_tree(sites, HERE, "devices")
    assert drawing.folded
    assert len(drawing.marks) == 5
    opened = network.draw_tree(sites, HERE, "devices", "CN.R1-K")
    shown_ = [m for m in opened.marks if m.kind == "site"]
    assert len(shown_) == network.MOST_OPENED and opened.left_out == 50 - network.MOST_OPENED
    assert all(network.way_to(m.sites[0]) == ("CN.R1-K",) for m in shown_)
    assert network.draw_tree(sites, HERE, "devices", "CN.R9-X").opened == "", "nobody is called so"
    assert all(0 <= m.y <= opened.height and 0 <= m.x <= opened.width for m in opened.marks)


def test_lines_of_one_look_are_one_path() -> None:
    here = Place(latitude=30.0, longitude=100.0)
    sites = sites_of([shown(f"p{n}", site=n + 1, location=here) for n in range(200)])
    drawing = network.draw_map(sites, HERE, "devices")
    assert len(drawing.links) == 200 and len(drawing.strokes) == 1
    [(look, line)] = drawing.strokes
    assert (look, line.count("M")) == ("f0", 200)
    assert drawing.many and not drawing.moves


def job(number: int, submitted: float, started: float | None, ended: float | None) -> JobAnswer:
    state = JobState.RUNNING if ended is None else JobState.SUCCEEDED
    return JobAnswer(
        id=f"j{number}", name="job", state=state, submitter="li", priority=50,
        submitted_at=submitted, started_at=started, ended_at=ended, exit_code=None, reason="",
        pool="P", pool_name=f"pool{number % 3}", site_name="s", emulated=False, place=(),
        array=None, array_index=None, root_job=f"j{number}", attempts=1,
    )  # fmt: skip


@given(
    st.lists(
        st.tuples(st.floats(0, 50), st.floats(0, 50), st.floats(0, 50) | st.none()), max_size=40
    )
)
def test_bars_of_a_timeline_lie_in_it_and_a_lane_has_one_job_at_a_time(
    times: list[tuple[float, float, float | None]],
) -> None:
    jobs = [job(n, a, a + b, None if c is None else a + b + c) for n, (a, b, c) in enumerate(times)]
    drawn = timeline.draw(jobs, 200.0)
    if not jobs:
        assert drawn is None
        return
    assert drawn is not None
    bars = [b for row in drawn.rows for b in row.bars]
    assert sorted(b.job.id for b in bars) == sorted(j.id for j in jobs)
    assert all(-0.01 <= b.waited_x <= b.x <= timeline.WIDTH + 0.01 for b in bars)
    assert all(0 <= at <= timeline.WIDTH for at, _ in drawn.ticks)
