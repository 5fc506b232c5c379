"""The client's calls that operate a domain: what it schedules by, replays, who is let in."""

from __future__ import annotations

from weir.client.transport import Transport, path_part
from weir.wire.joining import JoinRecord, JoinsAnswer
from weir.wire.replays import PastAnswer, ReplayAnswer, ReplayRequest, ReplaysAnswer
from weir.wire.scheduling import PolicyRequest, QueuesRequest, SchedulingAnswer


class Operations(Transport):
    """A part of `weir.client.http.Client`."""

    def scheduling(self) -> SchedulingAnswer:
        """What the domain schedules by, and who has changed it of late."""
        return self._ask(SchedulingAnswer, "GET", "/v1/scheduling")

    def set_queues(self, request: QueuesRequest) -> SchedulingAnswer:
        """Other queues instead of those that there are."""
        return self._ask(SchedulingAnswer, "PUT", "/v1/queues", request)

    def set_policy(self, request: PolicyRequest) -> SchedulingAnswer:
        """Another scheduling policy."""
        return self._ask(SchedulingAnswer, "PUT", "/v1/policy", request)

    def ask_replay(self, request: ReplayRequest) -> ReplayAnswer:
        """Have the jobs of the last days replayed under other policies."""
        return self._ask(ReplayAnswer, "POST", "/v1/replays", request)

    def replays(self) -> ReplaysAnswer:
        """The last replays, newest first, without their results."""
        return self._ask(ReplaysAnswer, "GET", "/v1/replays")

    def replay(self, replay: str) -> ReplayAnswer:
        """How far a replay is, or its result."""
        return self._ask(ReplayAnswer, "GET", f"/v1/replays/{path_part(replay)}")

    def past_jobs(self, days: float) -> PastAnswer:
        """The jobs of the last days, with what they wished and how long they ran."""
        return self._ask(PastAnswer, "GET", f"/v1/past-jobs?days={days:g}")

    def joins(self) -> JoinsAnswer:
        """Who has joined and waits for approval."""
        return self._ask(JoinsAnswer, "GET", "/v1/joins")

    def approve_join(self, join: str) -> JoinRecord:
        """Let in one who waits."""
        return self._ask(JoinRecord, "POST", f"/v1/joins/{path_part(join)}/approve")

    def reject_join(self, join: str) -> None:
        """Refuse one who waits."""
        self._send("POST", f"/v1/joins/{path_part(join)}/reject")
