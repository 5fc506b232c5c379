"""The one base of all wire models: unknown fields are mistakes, and values don't change."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """A message part. Times are seconds since 1970 (UTC); amounts have their unit in the name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answer(BaseModel):
    """A response. Readers ignore fields that a newer server adds."""

    model_config = ConfigDict(extra="ignore", frozen=True)
