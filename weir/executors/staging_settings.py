"""What an operator says of data and software of others' jobs: which URLs, which programs, how much
of the disk.

The defaults are safe: the public Internet by HTTP, no file of the center's machines, no bucket, no
address inside the center, no container and no environment that is built here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from weir.core import units
from weir.executors.staging_access import rule_of
from weir.wire.base import Wire
from weir.wire.jobspec import Bytes


def _pattern(text: str) -> str:
    rule_of(text)
    return text


UrlPattern = Annotated[str, AfterValidator(_pattern)]
"""`https://*.example.org/*`, `s3://bucket/folder/*`, `file:///data/sets/*`, or `https://*`."""


class S3Settings(Wire):
    """How the center's agent speaks to S3. Keys are its environment's or its profile's, never
    here.
    """

    endpoint: str | None = Field(None, description="of a server that is not Amazon's")
    profile: str | None = Field(None, description="a section of the agent's ~/.aws/credentials")
    anonymous: bool = False


class DataSettings(Wire):
    """What jobs may fetch from and bring to by URL, and what is kept of it at the site."""

    read: tuple[UrlPattern, ...] = ("https://*", "http://*")
    write: tuple[UrlPattern, ...] = ("https://*",)
    inside: tuple[str, ...] = Field(
        (), description="hosts or networks that are reached though they are not public"
    )
    s3: S3Settings = S3Settings()
    proxy: str | None = Field(None, description="an HTTP proxy for http and https")
    cache: Path | None = Field(None, description="folder of what was fetched; the executor's own")
    cache_size: Bytes = "50GiB"

    @property
    def cache_bytes(self) -> int:
        """How much is kept of what was fetched."""
        return units.parse_bytes(self.cache_size)


class SoftwareSettings(Wire):
    """How jobs come by software that the center does not have."""

    container: Path | None = Field(None, description="the apptainer or singularity program")
    container_options: tuple[str, ...] = Field((), description="put after its `exec`")
    images: tuple[str, ...] = Field(("docker://*", "oras://*"), description="which may be pulled")
    image_fresh_s: Annotated[float, Field(ge=0)] = 86400.0
    python: Path | None = Field(None, description="the Python that environments are built with")
    pip_options: tuple[str, ...] = Field(
        ("--only-binary=:all:",), description="options of `pip install`"
    )
    build_s: Annotated[float, Field(gt=0)] = 1800.0
    keep: Annotated[int, Field(ge=1)] = Field(20, description="environments, and images, kept")
