"""Every route of a domain server, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from weir.api import (
    alerts,
    checkpoints,
    exchange,
    filler,
    health,
    jobs,
    joining,
    leases,
    network,
    operations,
    prometheus,
    replays,
    reports,
    series,
)
from weir.core.report import MonthReport
from weir.wire.alert_answers import AlertAnswer, NoticesAnswer, QuietAnswer, RuleAnswer
from weir.wire.balance import BalanceAnswer
from weir.wire.downtimes import AvailabilityAnswer, DowntimeAnswer
from weir.wire.exchange import ExchangeAnswer, ExchangeRequest
from weir.wire.jobs import (
    ClusterAnswer,
    FilesAnswer,
    FindAnswer,
    IdentifierAnswer,
    IndicatorAnswer,
    JobAnswer,
    JobDetailAnswer,
    JobsAnswer,
    SubmitAnswer,
    WatchAnswer,
    WhyAnswer,
)
from weir.wire.joining import (
    DomainAnswer,
    JoinAnswer,
    JoinRecord,
    JoinsAnswer,
    JoinTokenAnswer,
    TokenAnswer,
    UplinkAnswer,
)
from weir.wire.leases import LeaseAnswer
from weir.wire.pools import PoolAnswer
from weir.wire.queues import QueueAnswer
from weir.wire.replays import PastAnswer, ReplayAnswer, ReplaysAnswer
from weir.wire.samples import SamplesAnswer
from weir.wire.scheduling import SchedulingAnswer
from weir.wire.series import IndicatorsAnswer, SeriesAnswer
from weir.wire.sessions import SignInLinkAnswer, TokensAnswer
from weir.wire.usage import JobUsageAnswer, UsesAnswer

Indicators = list[IndicatorAnswer] | IndicatorsAnswer
"""Now, or over time."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path, who answers, what comes back, and the heading in the API's docs."""

    method: str
    path: str
    handler: Callable[..., Any]
    answer: Any
    tag: str
    status: int = 200
    reads: type[BaseModel] | None = None  # what the handler reads itself, for the API's docs


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/jobs", jobs.submit_jobs, SubmitAnswer, "jobs", 201),
    Route("GET", "/v1/jobs", jobs.list_jobs, JobsAnswer, "jobs"),
    Route("GET", "/v1/jobs/{job}", jobs.show_job, JobDetailAnswer, "jobs"),
    Route("GET", "/v1/jobs/{job}/why", jobs.why_job, WhyAnswer, "jobs"),
    Route("GET", "/v1/jobs/{job}/usage", jobs.job_usage, JobUsageAnswer, "jobs"),
    Route("POST", "/v1/jobs/{job}/cancel", jobs.cancel_job, JobAnswer, "jobs"),
    Route("GET", "/v1/jobs/{job}/files", jobs.list_files, FilesAnswer, "jobs"),
    Route("GET", "/v1/jobs/{job}/files/{name:path}", jobs.read_file, None, "jobs"),
    Route("POST", "/v1/find", jobs.find, FindAnswer, "jobs"),
    Route("GET", "/v1/schema/job", jobs.job_schema, None, "jobs"),
    Route("GET", "/v1/pools", network.list_pools, list[PoolAnswer], "network"),
    Route("GET", "/v1/clusters", network.list_clusters, list[ClusterAnswer], "network"),
    Route("DELETE", "/v1/clusters/{cluster}", network.remove_cluster, None, "network", 204),
    Route("GET", "/v1/balance", network.show_balance, BalanceAnswer, "network"),
    Route("GET", "/v1/queues", network.show_queues, list[QueueAnswer], "network"),
    Route("POST", "/v1/leases", leases.make_lease, LeaseAnswer, "network", 201),
    Route("GET", "/v1/leases", leases.list_leases, list[LeaseAnswer], "network"),
    Route("DELETE", "/v1/leases/{lease}", leases.end_lease, None, "network", 204),
    Route("PUT", "/v1/queues", operations.set_queues, SchedulingAnswer, "operations"),
    Route("PUT", "/v1/policy", operations.set_policy, SchedulingAnswer, "operations"),
    Route("GET", "/v1/scheduling", operations.show_scheduling, SchedulingAnswer, "operations"),
    Route("POST", "/v1/replays", replays.ask_replay, ReplayAnswer, "operations", 201),
    Route("GET", "/v1/replays", replays.list_replays, ReplaysAnswer, "operations"),
    Route("GET", "/v1/past-jobs", replays.list_past_jobs, PastAnswer, "operations"),
    Route("GET", "/v1/replays/{replay_id}", replays.show_replay, ReplayAnswer, "operations"),
    Route("GET", "/v1/indicators", series.list_indicators, Indicators, "network"),
    Route("GET", "/v1/series", series.list_series, list[SeriesAnswer], "network"),
    Route("GET", "/v1/reports/{month}", reports.show_report, MonthReport, "network"),
    Route(
        "GET", "/v1/availability", reports.list_availability, list[AvailabilityAnswer], "network"
    ),
    Route("GET", "/v1/downtimes", reports.list_downtimes, list[DowntimeAnswer], "network"),
    Route("POST", "/v1/downtimes", reports.declare_downtime, DowntimeAnswer, "network", 201),
    Route("POST", "/v1/downtimes/{downtime}/end", reports.end_downtime, DowntimeAnswer, "network"),
    Route("GET", "/v1/alerts", alerts.list_alerts, list[AlertAnswer], "alerts"),
    Route("GET", "/v1/alerts/rules", alerts.list_rules, list[RuleAnswer], "alerts"),
    Route("GET", "/v1/alerts/notices", alerts.list_notices, NoticesAnswer, "alerts"),
    Route("GET", "/v1/alerts/silences", alerts.list_silences, list[QuietAnswer], "alerts"),
    Route("PUT", "/v1/alerts/silences", alerts.put_silence, QuietAnswer, "alerts"),
    Route("DELETE", "/v1/alerts/silences", alerts.end_silence, None, "alerts", 204),
    Route("PUT", "/v1/alerts/acknowledged", alerts.put_acknowledgement, QuietAnswer, "alerts"),
    Route(
        "GET",
        "/v1/identifiers/{identifier}",
        network.resolve_identifier,
        IdentifierAnswer,
        "network",
    ),
    Route("GET", "/v1/domain", joining.show_domain, DomainAnswer, "joining"),
    Route("PUT", "/v1/domain/identity", joining.set_identity, DomainAnswer, "joining"),
    Route("POST", "/v1/join-tokens", joining.make_join_token, JoinTokenAnswer, "joining", 201),
    Route("POST", "/v1/join", joining.join, JoinAnswer, "joining", 201),
    Route("GET", "/v1/joins", operations.list_joins, JoinsAnswer, "joining"),
    Route("POST", "/v1/joins/{token}/approve", operations.approve_join, JoinRecord, "joining"),
    Route("POST", "/v1/joins/{token}/reject", operations.reject_join, None, "joining", 204),
    Route("POST", "/v1/uplinks", joining.make_uplink, UplinkAnswer, "joining", 201),
    Route("POST", "/v1/tokens", joining.make_token, TokenAnswer, "joining", 201),
    Route("GET", "/v1/tokens", joining.list_tokens, TokensAnswer, "joining"),
    Route("DELETE", "/v1/tokens/{token}", joining.revoke_token, None, "joining", 204),
    Route("POST", "/v1/signin-links", joining.make_signin_link, SignInLinkAnswer, "joining", 201),
    Route(
        "POST",
        "/v1/exchange",
        exchange.exchange,
        ExchangeAnswer,
        "agents",
        reads=ExchangeRequest,
    ),
    Route("POST", "/v1/filler", filler.take_filler, None, "agents", 204),
    Route("GET", "/v1/runs/{run}/checkpoint", checkpoints.read_checkpoint, None, "agents"),
    Route("PUT", "/v1/left/{run}/checkpoint", checkpoints.leave_checkpoint, None, "agents", 204),
    Route("GET", "/v1/watch", exchange.watch, WatchAnswer, "agents"),
    Route("GET", "/v1/uses", exchange.uses, UsesAnswer, "agents"),
    Route("GET", "/v1/samples", series.offered_samples, SamplesAnswer, "agents"),
    Route("GET", "/", health.root, None, "health"),
    Route("GET", "/healthz", health.healthz, None, "health"),
    Route("GET", "/readyz", health.readyz, None, "health"),
    Route("GET", "/metrics", health.metrics, None, "health"),
    Route("GET", "/api/v1/query", prometheus.prometheus_query, None, "prometheus"),
    Route("POST", "/api/v1/query", prometheus.prometheus_query, None, "prometheus"),
    Route("GET", "/api/v1/query_range", prometheus.prometheus_query_range, None, "prometheus"),
    Route("POST", "/api/v1/query_range", prometheus.prometheus_query_range, None, "prometheus"),
    Route("GET", "/api/v1/labels", prometheus.prometheus_labels, None, "prometheus"),
    Route("POST", "/api/v1/labels", prometheus.prometheus_labels, None, "prometheus"),
    Route(
        "GET",
        "/api/v1/label/{label}/values",
        prometheus.prometheus_label_values,
        None,
        "prometheus",
    ),
    Route("GET", "/api/v1/series", prometheus.prometheus_series, None, "prometheus"),
    Route("POST", "/api/v1/series", prometheus.prometheus_series, None, "prometheus"),
    Route("GET", "/api/v1/metadata", prometheus.prometheus_metadata, None, "prometheus"),
    Route("GET", "/api/v1/query_exemplars", prometheus.prometheus_exemplars, None, "prometheus"),
    Route("POST", "/api/v1/query_exemplars", prometheus.prometheus_exemplars, None, "prometheus"),
    Route("GET", "/api/v1/rules", prometheus.prometheus_rules, None, "prometheus"),
    Route("GET", "/api/v1/status/buildinfo", prometheus.prometheus_buildinfo, None, "prometheus"),
)

OPEN = frozenset(
    {"/", "/v1/identifiers/{identifier}", "/v1/schema/job", "/healthz", "/readyz", "/metrics"}
)
"""Paths that take no token. They only read; a test holds every other route to asking for one."""


def _operation(route: Route) -> str:
    """The handler's name; with the method where one answers two of them."""
    name = route.handler.__name__
    asked_twice = route.tag == "prometheus" and route.method == "POST"
    return f"{name}_by_form" if asked_twice else name


def install(app: FastAPI) -> None:
    """Add every route to the app."""
    for route in ROUTES:
        app.add_api_route(
            route.path,
            route.handler,
            methods=[route.method],
            response_model=route.answer,
            status_code=route.status,
            tags=[route.tag],
            operation_id=_operation(route),
            openapi_extra=_read_by_itself(route),
        )
    # FastAPI's own way to say more than it finds out by itself.
    app.openapi = partial(_described, app, app.openapi)  # type: ignore[method-assign]


REFS = "#/components/schemas/{model}"
"""Where the API's description keeps its models."""


def _read_by_itself(route: Route) -> dict[str, Any] | None:
    """The body of a route that FastAPI does not read, for the API's docs."""
    if route.reads is None:
        return None
    schema = {"$ref": REFS.format(model=route.reads.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _described(app: FastAPI, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The API's description, with the models of such bodies."""
    new = app.openapi_schema is None
    found = describe()
    schemas = found["components"]["schemas"]
    for route in ROUTES:
        if new and route.reads is not None:
            read = route.reads.model_json_schema(ref_template=REFS)
            models = read.pop("$defs", {}) | {route.reads.__name__: read}
            schemas |= {name: model for name, model in models.items() if name not in schemas}
    return found
