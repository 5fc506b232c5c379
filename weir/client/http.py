"""The one HTTP client: a typed method for every call of a Weir server.

Laws:
- An answer is a wire model; a problem is raised as the error that the server raised
  (`weir.client.problems`); no answer at all is `Unreachable`.
- Nothing is tried twice here. Whoever calls knows whether a repeat is harmless.
- The token goes to the one server it is for: redirects are not followed, and a loopback address is
  never asked through a proxy.
- A long call (`exchange`, `watch`, a file that is waited for) may take its wait and the usual
  timeout on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from weir.client.operations import Operations
from weir.client.problems import NotUnderstood, Unreachable
from weir.client.transport import path_part
from weir.core.lifecycle import JobState
from weir.core.report import MonthReport
from weir.wire.alert_answers import (
    AcknowledgeRequest,
    AlertAnswer,
    NoticesAnswer,
    QuietAnswer,
    QuietRequest,
    RuleAnswer,
)
from weir.wire.downtimes import AvailabilityAnswer, DowntimeAnswer, DowntimeRequest
from weir.wire.exchange import ExchangeAnswer, ExchangeRequest, read_answer
from weir.wire.jobs import (
    ClusterAnswer,
    FilesAnswer,
    FindAnswer,
    FindRequest,
    IdentifierAnswer,
    IndicatorAnswer,
    JobAnswer,
    JobDetailAnswer,
    JobsAnswer,
    Scope,
    SubmitAnswer,
    SubmitRequest,
    WatchAnswer,
    WhyAnswer,
)
from weir.wire.joining import (
    DomainAnswer,
    IdentityRequest,
    JoinAnswer,
    JoinRequest,
    JoinTokenAnswer,
    JoinTokenRequest,
    TokenAnswer,
    TokenRequest,
    UplinkAnswer,
    UplinkRequest,
)
from weir.wire.leases import LeaseAnswer, LeaseRequest
from weir.wire.pools import PoolAnswer
from weir.wire.queues import QueueAnswer
from weir.wire.samples import SamplesAnswer
from weir.wire.series import IndicatorsAnswer, SeriesAnswer
from weir.wire.sessions import SignInLinkAnswer
from weir.wire.usage import JobUsageAnswer, UsesAnswer

__all__ = ["Client", "FilePiece", "Unreachable"]


REPORT_S = 300.0
"""How much longer than any other answer the sheet of a month may take: a nation's is seconds of
work, on a server that has other things to do.
"""


@dataclass(frozen=True, slots=True)
class FilePiece:
    """A piece of a job's file. `size` is the whole file's; `complete` if it won't grow more."""

    data: bytes
    size: int
    complete: bool


class Client(Operations):
    """A connection to one server. Threads may share it; close it, or use it in a `with`.

    `url` is where the server answers (`http://127.0.0.1:7500`), `token` what it knows the caller
    by. `timeout_s` is for each step of a call: to connect (at most 10 s), to send, to be answered.
    """

    # Jobs.

    def submit(self, request: SubmitRequest) -> SubmitAnswer:
        """Submit some jobs, all or none."""
        return self._ask(SubmitAnswer, "POST", "/v1/jobs", request)

    def jobs(
        self,
        *,
        state: JobState | Sequence[JobState] | None = None,
        submitter: str | None = None,
        name: str | None = None,
        array: str | None = None,
        pool: str | None = None,
        before: str | None = None,
        limit: int | None = None,
    ) -> JobsAnswer:
        """A page of jobs, newest first; some states mean any of them, None is "whatever"."""
        query = {
            "state": [state] if isinstance(state, JobState) else state,
            "submitter": submitter,
            "name": name,
            "array": array,
            "pool": pool,
            "before": before,
            "limit": limit,
        }
        return self._ask(JobsAnswer, "GET", "/v1/jobs", query=query)

    def job(self, job: str) -> JobDetailAnswer:
        """All that is known of a job."""
        return self._ask(JobDetailAnswer, "GET", f"/v1/jobs/{path_part(job)}")

    def cancel(self, job: str) -> JobAnswer:
        """Cancel a job; one that has ended stays as it ended."""
        return self._ask(JobAnswer, "POST", f"/v1/jobs/{path_part(job)}/cancel")

    def why(self, job: str) -> WhyAnswer:
        """Why a job stands where it stands."""
        return self._ask(WhyAnswer, "GET", f"/v1/jobs/{path_part(job)}/why")

    def job_usage(self, job: str) -> JobUsageAnswer:
        """What a job's runs hold and use."""
        return self._ask(JobUsageAnswer, "GET", f"/v1/jobs/{path_part(job)}/usage")

    def files(self, job: str) -> FilesAnswer:
        """The files of a job's latest run."""
        return self._ask(FilesAnswer, "GET", f"/v1/jobs/{path_part(job)}/files")

    def read_file(
        self, job: str, name: str, offset: int = 0, limit: int | None = None, wait_s: float = 0
    ) -> FilePiece:
        """Up to `limit` bytes from `offset`; waits up to `wait_s` for some where there are none."""
        path = f"/v1/jobs/{path_part(job)}/files/{quote(name, safe='/')}"
        query = {"offset": offset, "limit": limit, "wait_s": wait_s or None}
        response = self._send("GET", path, query=query, wait_s=wait_s)
        size = response.headers.get("X-Weir-Size", "")
        complete = response.headers.get("X-Weir-Complete", "").lower()
        if not size.isdecimal() or complete not in ("true", "false"):
            raise NotUnderstood(f"{self.url} answered {path} without the file's size and state")
        return FilePiece(response.content, int(size), complete == "true")

    def find(self, request: FindRequest) -> FindAnswer:
        """Where a job could run, ranked; and for every other pool why not."""
        return self._ask(FindAnswer, "POST", "/v1/find", request)

    def job_schema(self) -> dict[str, Any]:
        """The JSON Schema of job files, of the server's version."""
        return self._ask(dict[str, Any], "GET", "/v1/schema/job")

    # The network.

    def pools(self) -> list[PoolAnswer]:
        """Every pool that the server knows."""
        return self._ask(list[PoolAnswer], "GET", "/v1/pools")

    def clusters(self) -> list[ClusterAnswer]:
        """Every cluster that talks to the server."""
        return self._ask(list[ClusterAnswer], "GET", "/v1/clusters")

    def remove_cluster(self, cluster: str) -> None:
        """Remove a cluster or a link that has no live runs."""
        self._send("DELETE", f"/v1/clusters/{path_part(cluster)}")

    def queues(self) -> list[QueueAnswer]:
        """The server's queues, each below its parent."""
        return self._ask(list[QueueAnswer], "GET", "/v1/queues")

    def create_lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Promise hosts of a pool to a queue or a user for a time."""
        return self._ask(LeaseAnswer, "POST", "/v1/leases", request)

    def leases(self) -> list[LeaseAnswer]:
        """The leases that are not over."""
        return self._ask(list[LeaseAnswer], "GET", "/v1/leases")

    def end_lease(self, lease: str) -> None:
        """Let a lease end now."""
        self._send("DELETE", f"/v1/leases/{path_part(lease)}")

    def indicators(
        self, scope: Scope = "domain", under: str | None = None
    ) -> list[IndicatorAnswer]:
        """The defined quantities with their values; of what lies in one place, with `under`."""
        query = {"scope": None if scope == "domain" else scope, "under": under}
        return self._ask(list[IndicatorAnswer], "GET", "/v1/indicators", query=query)

    def history(
        self,
        *,
        names: Sequence[str] = (),
        under: str | None = None,
        begin: str,
        end: str | None = None,
        step: str | None = None,
    ) -> IndicatorsAnswer:
        """Indicators over time, from `begin`: seconds since 1970, or RFC 3339."""
        query = {"name": names, "under": under, "from": begin, "to": end, "step": step}
        return self._ask(IndicatorsAnswer, "GET", "/v1/indicators", query=query)

    def series(
        self,
        *,
        metrics: Sequence[str] = (),
        under: str | None = None,
        begin: str | None = None,
        end: str | None = None,
        step: str | None = None,
    ) -> list[SeriesAnswer]:
        """What was measured of each subject; the last day if not told otherwise."""
        query = {"metric": metrics, "under": under, "from": begin, "to": end, "step": step}
        return self._ask(list[SeriesAnswer], "GET", "/v1/series", query=query)

    def report(self, month: str, *, zone: str = "+00:00", under: str | None = None) -> MonthReport:
        """The sheet of a month, such as `2026-10`."""
        path, query = f"/v1/reports/{path_part(month)}", {"zone": zone, "under": under}
        return self._ask(MonthReport, "GET", path, query=query, wait_s=REPORT_S)

    def downtimes(self, begin: str | None = None) -> list[DowntimeAnswer]:
        """Downtimes that are or will be, or that have been since `begin`, too."""
        return self._ask(list[DowntimeAnswer], "GET", "/v1/downtimes", query={"from": begin})

    def declare_downtime(self, request: DowntimeRequest) -> DowntimeAnswer:
        """Declare that a site will be down."""
        return self._ask(DowntimeAnswer, "POST", "/v1/downtimes", request)

    def end_downtime(self, downtime: str) -> DowntimeAnswer:
        """End a downtime now."""
        return self._ask(DowntimeAnswer, "POST", f"/v1/downtimes/{path_part(downtime)}/end")

    def availability(self, begin: str, end: str | None = None) -> list[AvailabilityAnswer]:
        """How long each site was up within a time."""
        query = {"from": begin, "to": end}
        return self._ask(list[AvailabilityAnswer], "GET", "/v1/availability", query=query)

    # Alerts.

    def alerts(self) -> list[AlertAnswer]:
        """Alerts that fire or are about to, the worst first."""
        return self._ask(list[AlertAnswer], "GET", "/v1/alerts")

    def alert_rules(self) -> list[RuleAnswer]:
        """The rules that alerts are made by."""
        return self._ask(list[RuleAnswer], "GET", "/v1/alerts/rules")

    def silences(self) -> list[QuietAnswer]:
        """Silences and acknowledgements that hold."""
        return self._ask(list[QuietAnswer], "GET", "/v1/alerts/silences")

    def silence(self, request: QuietRequest) -> QuietAnswer:
        """Tell nobody of a rule, a subject, or both, for a while."""
        return self._ask(QuietAnswer, "PUT", "/v1/alerts/silences", request)

    def end_silence(self, rule: str, subject: str) -> None:
        """Take a silence or an acknowledgement away."""
        query = {"rule": rule, "subject": subject}
        self._send("DELETE", "/v1/alerts/silences", query=query)

    def acknowledge(self, request: AcknowledgeRequest) -> QuietAnswer:
        """Say that somebody has taken care of an alert that fires."""
        return self._ask(QuietAnswer, "PUT", "/v1/alerts/acknowledged", request)

    def notices(self, after: int, limit: int = 100) -> NoticesAnswer:
        """Notices after a number, in order."""
        query = {"after": after, "limit": limit}
        return self._ask(NoticesAnswer, "GET", "/v1/alerts/notices", query=query)

    def domain(self) -> DomainAnswer:
        """Who the server is."""
        return self._ask(DomainAnswer, "GET", "/v1/domain")

    def identifier(self, identifier: str) -> IdentifierAnswer:
        """What an identifier stands for; needs no token."""
        return self._ask(IdentifierAnswer, "GET", f"/v1/identifiers/{path_part(identifier)}")

    # Joining and tokens.

    def set_identity(self, request: IdentityRequest) -> DomainAnswer:
        """Tell a domain the identifier that its parent has issued."""
        return self._ask(DomainAnswer, "PUT", "/v1/domain/identity", request)

    def create_join_token(self, request: JoinTokenRequest) -> JoinTokenAnswer:
        """A token that one newcomer can join with."""
        return self._ask(JoinTokenAnswer, "POST", "/v1/join-tokens", request)

    def join(self, request: JoinRequest) -> JoinAnswer:
        """Join; this client's token is the join token."""
        return self._ask(JoinAnswer, "POST", "/v1/join", request)

    def create_uplink(self, request: UplinkRequest) -> UplinkAnswer:
        """Make, at a child, the cluster that stands for its parent."""
        return self._ask(UplinkAnswer, "POST", "/v1/uplinks", request)

    def create_token(self, request: TokenRequest) -> TokenAnswer:
        """A token for a person."""
        return self._ask(TokenAnswer, "POST", "/v1/tokens", request)

    def revoke_token(self, token_id: str) -> None:
        """Make a person's token void."""
        self._send("DELETE", f"/v1/tokens/{path_part(token_id)}")

    def create_signin_link(self) -> SignInLinkAnswer:
        """A code that signs the holder of this client's token in to the console, once."""
        return self._ask(SignInLinkAnswer, "POST", "/v1/signin-links")

    # Between domains.

    def exchange(self, request: ExchangeRequest) -> ExchangeAnswer:
        """Report and be given assignments; waits up to the request's `wait_s` for some."""
        return self._ask(
            ExchangeAnswer,
            "POST",
            "/v1/exchange",
            request,
            small=True,
            wait_s=request.wait_s,
            read=read_answer,
        )

    def watch(
        self, *, jobs_after: int = 0, offers_after: int = 0, wait_s: float = 0
    ) -> WatchAnswer:
        """What has changed since; waits up to `wait_s` for something."""
        query = {"jobs_after": jobs_after, "offers_after": offers_after, "wait_s": wait_s}
        return self._ask(WatchAnswer, "GET", "/v1/watch", query=query, wait_s=wait_s)

    def uses(self, after: int = 0) -> UsesAnswer:
        """What runs that this link handed over have used, from a number on."""
        return self._ask(UsesAnswer, "GET", "/v1/uses", query={"after": after})

    # Checkpoints.

    def read_checkpoint(self, run: str, name: str, offset: int, limit: int) -> bytes:
        """A piece of the checkpoint that the order of a run names."""
        query = {"name": name, "offset": offset, "limit": limit}
        return self._send("GET", f"/v1/runs/{path_part(run)}/checkpoint", query=query).content

    def leave_checkpoint(self, run: str, name: str, offset: int, data: bytes) -> int:
        """Leave a piece of a checkpoint for a run that is about to be handed over, or, with no
        data, ask; how much of it is there.
        """
        path, query = f"/v1/left/{path_part(run)}/checkpoint", {"name": name, "offset": offset}
        response = self._send("PUT", path, content=data, query=query)
        size = response.headers.get("X-Weir-Size", "")
        if not size.isdecimal():
            raise NotUnderstood(f"{self.url} answered {path} without a size")
        return int(size)

    def samples(self, after: int) -> SamplesAnswer:
        """Buckets of samples that have come or changed after a number, for the domain above."""
        return self._ask(SamplesAnswer, "GET", "/v1/samples", query={"after": after})

    def send_filler(self, data: bytes) -> None:
        """Send bytes that are thrown away; return when the last one was taken."""
        self._send("POST", "/v1/filler", content=data)

    # Health.

    def alive(self) -> None:
        """Return if the server's process answers."""
        self._send("GET", "/healthz")

    def ready(self) -> None:
        """Return if the server can serve; raises `NotReady` if it can't yet."""
        self._send("GET", "/readyz")

    def metrics(self) -> str:
        """The server's own metrics, in the Prometheus text format."""
        return self._send("GET", "/metrics").text
