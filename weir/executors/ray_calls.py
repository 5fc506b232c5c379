"""Ray's dashboard by HTTP: the calls that the executor makes, and how each can fail.

Laws:
- A job's id is chosen here, and Ray takes an id once: `submit` may be repeated as often as need be.
  It returns when Ray has the job, from this call or an earlier one; it raises `Rejected` if Ray
  surely does not take it, and `Away` if that is not known.
- Everything else only reads, or does no harm when repeated, and raises `Away` or `Garbled`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from weir.core.errors import Conflict, NotReady
from weir.executors.ray_records import Garbled, Job, Node, jobs_of, nodes_of
from weir.executors.ray_waiting import Request, waiting_of

REFUSED_WORDS = ("status code 400", "unexpected keyword argument", "ValueError:", "TypeError:")
"""What is in Ray's answer to a submission that it will never take."""


class Away(NotReady):
    """Ray's dashboard was not reached, or did not answer as it should."""


class Rejected(Conflict):
    """Ray has said no, in its own words."""


class Ray:
    """One Ray. Each method is one call; all of them may be slow."""

    def __init__(self, url: str, timeout_s: float, token_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._client = httpx.Client(timeout=timeout_s, trust_env=False)
        self._knows_selectors = True

    def close(self) -> None:
        """No more calls."""
        self._client.close()

    def version(self) -> str:
        """Ray's version, as it says it."""
        answer = self._json("GET", "/api/version")
        if not isinstance(answer, dict) or "ray_version" not in answer:
            raise Garbled(f"{self._url} answers, and is no Ray dashboard")
        return str(answer["ray_version"])

    def nodes(self) -> tuple[Node, ...]:
        """All living nodes, and what is used of them."""
        return nodes_of(self._json("GET", "/nodes?view=summary"))

    def waiting(self) -> Counter[Request] | None:
        """What waits for room, ours too; None if this Ray does not tell."""
        return waiting_of(self._json("GET", "/api/cluster_status"))

    def jobs(self) -> tuple[Job, ...]:
        """All jobs that Ray has in memory, those of others too."""
        return jobs_of(self._json("GET", "/api/jobs/"))

    def submit(self, job: Mapping[str, Any]) -> None:
        """Submit a job under its `submission_id`, unless Ray has it already."""
        body = dict(job)
        if not self._knows_selectors:
            body.pop("entrypoint_label_selector", None)
        answer = self._call("POST", "/api/jobs/", body)
        text = answer.text
        if answer.is_success or "already exists" in text:
            return
        new = "entrypoint_label_selector" in text and "unexpected keyword" in text
        if new and self._knows_selectors:
            self._knows_selectors = False
            self.submit(job)
            return
        if answer.status_code in (401, 403):
            raise Away(f"Ray's dashboard refuses us: {said(answer)}")
        if answer.status_code in (400, 422) or any(word in text for word in REFUSED_WORDS):
            raise Rejected(said(answer))
        raise Away(said(answer))

    def stop(self, job: str) -> None:
        """Stop a job; one that has ended or is unknown is passed over."""
        self._done("POST", f"/api/jobs/{job}/stop")

    def delete(self, job: str) -> None:
        """Delete a job that has ended; one that is unknown is passed over."""
        self._done("DELETE", f"/api/jobs/{job}")

    def log(self, job: str) -> str:
        """What a job's entry point has printed, and Ray about it; empty if it is unknown."""
        answer = self._call("GET", f"/api/jobs/{job}/logs")
        if answer.status_code == 404:
            return ""
        data = self._read(answer)
        return str(data.get("logs") or "") if isinstance(data, dict) else ""

    def _done(self, method: str, path: str) -> None:
        answer = self._call(method, path)
        if not answer.is_success and answer.status_code not in (400, 404):
            raise Away(said(answer))

    def _json(self, method: str, path: str) -> Any:
        return self._read(self._call(method, path))

    def _read(self, answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise Away(said(answer))
        try:
            return answer.json()
        except ValueError:
            start = answer.text[:80]
            raise Garbled(f"{answer.request.url} gives no JSON: {start!r}") from None

    def _call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        try:
            headers = {}
            if self._token_file is not None:
                token = self._token_file.read_text(encoding="utf-8").strip()
                headers["Authorization"] = f"Bearer {token}"
            return self._client.request(method, self._url + path, json=body, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            words = str(error) or type(error).__name__
            raise Away(f"{self._url} does not answer: {words}") from None


def said(answer: httpx.Response) -> str:
    """What matters of a refusal: Ray answers with a traceback, whose last line says it."""
    lines = [line.strip() for line in answer.text.splitlines()]
    lines = [line for line in lines if re.search(r"\w", line)]
    last = re.sub(r"^(\w+\.)*\w*(Error|Exception): ", "", lines[-1])[:300] if lines else ""
    return f"{last or 'no reason given'} (HTTP {answer.status_code})"
