"""The job file: one schema for YAML and JSON, for every tier.

`JobSpec.model_json_schema()` is what `weir job schema` prints. Quantities are written as people
write them (`80GiB`, `2 PFLOPS`, `90m`) and kept as text, so that a file reads back as it was
written; `weir.wire.jobdemand` turns them into integers for the scheduler.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from weir.core import units
from weir.core.devices import Precision
from weir.core.devices import find as find_device
from weir.core.inventory import DEVICE_MILLI, MAX_LATENCY_US
from weir.wire.base import Wire

MAX_ARRAY = 10_000
"""Most jobs of one array."""

CONTAINER, ENVIRONMENTS = "container", "environments"
"""Traits of pools that run container images, and that build environments of Python packages."""

MAX_INPUT_BYTES = 4 * 2**20
"""Largest inline input of a job, all files together; larger ones go by URL."""


def text_of(parse: Callable[[Any], int]) -> BeforeValidator:
    """Keep a quantity as the text it was written as, once `parse` has understood it."""

    def as_text(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError("is neither text nor a number")
        parse(value)
        return str(value)

    return BeforeValidator(as_text)


def _positive(parse: Callable[[Any], int], name: str) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        amount = parse(value)
        if amount <= 0:
            raise ValueError(f"{name} must be more than 0")
        return amount

    return check


def milliseconds(value: Any) -> int:
    """Microseconds of a latency such as `20ms` or `1.5s`; a bare number is refused."""
    text = str(value).strip().lower()
    for suffix, factor in (("us", 1), ("ms", 1000), ("s", 1_000_000)):
        if text.endswith(suffix):
            try:
                number = float(text[: -len(suffix)])
            except ValueError:
                break
            if 0 < number * factor <= MAX_LATENCY_US:
                return round(number * factor)
            break
    raise ValueError(f"{value!r} is not a latency; write for example 20ms, an hour at most")


def _known_device(name: str) -> str:
    return find_device(name).name


def _described(example: str) -> Any:
    return Field(description=example)


Bytes = Annotated[
    str, text_of(_positive(units.parse_bytes, "memory")), _described("bytes, as in 512MiB or 80GiB")
]
Cpu = Annotated[
    str, text_of(_positive(units.parse_cpu_milli, "cpu")), _described("CPU cores, as in 2 or 500m")
]
Duration = Annotated[
    str,
    text_of(_positive(units.parse_duration_s, "a duration")),
    _described("a duration, as in 90s or 1h30m"),
]
Performance = Annotated[
    str,
    text_of(_positive(units.parse_gflops, "performance")),
    _described("operations per second, as in 300 TFLOPS or 2 PFLOPS"),
]
Price = Annotated[
    str,
    text_of(_positive(units.parse_price_micro, "a price")),
    _described("money of the network's currency, as in 2.50"),
]
Latency = Annotated[str, text_of(milliseconds), _described("a round trip, as in 20ms")]
DeviceName = Annotated[str, AfterValidator(_known_device)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]
RelativePath = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$", max_length=240),
]
Image = Annotated[
    str, Field(pattern=r"^((docker|oras)://[A-Za-z0-9][A-Za-z0-9_.:/@-]*|[A-Za-z0-9_.-]+\.sif)$")
]
Environment = dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str]


class PerformanceWish(Wire):
    """So many operations per second at one precision, dense."""

    precision: Precision
    value: Performance


class Devices(Wire):
    """Accelerators for one task: whole ones by `count`, or a `share` of one."""

    count: Annotated[int, Field(ge=1, le=1024)] | None = None
    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    models: tuple[DeviceName, ...] = ()
    min_memory: Bytes | None = None
    min_performance: PerformanceWish | None = None
    total_performance: PerformanceWish | None = None

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if self.count is not None and self.share is not None:
            raise ValueError("give either count (whole devices) or share (of one device), not both")
        both = self.min_performance, self.total_performance
        if both[0] and both[1] and both[0].precision != both[1].precision:
            raise ValueError("min_performance and total_performance must be of one precision")
        return self

    @property
    def milli(self) -> int:
        """Milli-devices per task."""
        if self.share is not None:
            return max(1, round(self.share * DEVICE_MILLI))
        return (self.count or 1) * DEVICE_MILLI


class Variant(Wire):
    """What to run where this software stack (`cuda`, `cann`, `rocm` ...) is to be had."""

    stack: Name
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    environment: Environment = {}


class Topology(Wire):
    """The block of a pool that all tasks of a group lie in, by its level, such as `rack`."""

    required: Name | None = Field(None, description="level of which they must share one block")
    preferred: Name | None = Field(None, description="the same where one block has room")

    @model_validator(mode="after")
    def _one_level(self) -> Self:
        check_one_level(self.required, self.preferred)
        return self


Level = Literal["pool", "cluster", "site", "region"]


class Apart(Wire):
    """Other jobs that this one keeps away from: those of the same person that say the same name."""

    name: Name
    required: Level | None = Field(None, description="never two of them in one of these at once")
    preferred: Level | None = Field(None, description="as few of them in one as can be")

    @model_validator(mode="after")
    def _one_level(self) -> Self:
        check_one_level(self.required, self.preferred)
        return self


def check_one_level(required: str | None, preferred: str | None) -> None:
    """Whether a wish names one level."""
    if (required is None) == (preferred is None):
        raise ValueError("give one level: required, or preferred")


class Tasks(Wire):
    """A task group: `count` equal tasks, started together or not at all."""

    name: Name = "main"
    count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    cpu: Cpu = "1"
    memory: Bytes = "256MiB"
    devices: Devices | None = None
    max_per_host: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None, description="at most so many of these tasks on one host; 1 spreads them all"
    )
    exclusive: bool = Field(False, description="their hosts carry nothing else, and are held whole")
    fabric: tuple[Name, ...] = ()
    topology: Topology | None = None
    command: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    environment: Environment = {}

    @model_validator(mode="after")
    def _runnable(self) -> Self:
        if not self.command and not self.variants:
            raise ValueError("needs a command, or variants with one command per software stack")
        if self.command and self.variants:
            raise ValueError("give either command or variants, not both")
        stacks = [v.stack for v in self.variants]
        if len(set(stacks)) < len(stacks):
            raise ValueError(f"has two variants for one stack: {', '.join(stacks)}")
        total = self.devices and self.devices.total_performance
        if total and self.count is not None:
            raise ValueError("give either count or devices.total_performance, not both")
        return self


class Constraints(Wire):
    """Where the job may run. Lists mean any of; what is left out does not matter."""

    regions: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    max_latency: Latency | None = None
    max_price_per_hour: Price | None = None
    emulated: bool = True


class Input(Wire):
    """A file put into the job's directory before it starts: inline text or bytes, or a URL."""

    path: RelativePath
    text: str | None = None
    base64: str | None = None
    url: Annotated[str, Field(pattern=r"^(file|https?|s3)://")] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    source: str | None = Field(None, description="a local file, read and sent inline by the client")
    site: str | None = Field(None, description="site where the url's data lies, name or identifier")
    size: Bytes | None = Field(None, description="how much it is, as in 2TiB")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [n for n in ("text", "base64", "url", "source") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of source, text, base64 and url")
        if (self.site is None) != (self.size is None):
            raise ValueError("site and size go together: so much data lies there")
        if self.site is not None and self.url is None:
            raise ValueError("only what is given by url lies at a site")
        if self.base64 is not None:
            try:
                base64.b64decode(self.base64, validate=True)
            except ValueError:
                raise ValueError("base64 does not decode") from None
        return self

    def content(self) -> bytes | None:
        """The inline bytes; None for a URL."""
        if self.text is not None:
            return self.text.encode()
        return None if self.base64 is None else base64.b64decode(self.base64)


class Output(Wire):
    """A file that the job leaves behind; it is brought to where the job was submitted, or to `url`
    by the center itself, whatever its size.
    """

    path: RelativePath
    max_size: Bytes = "64MiB"
    required: bool = False
    url: Annotated[str, Field(pattern=r"^(file|https?|s3)://")] | None = None


class Checkpoint(Wire):
    """A folder from which the job can go on. It is carried along while the job runs, and put into
    the next run's folder: by way of the servers up to `max_size`, by `url` whatever its size.
    """

    path: RelativePath
    max_size: Bytes = "256MiB"
    every: Duration = "60s"
    marker: RelativePath | None = Field(None, description="file in it that is written last")
    url: Annotated[str, Field(pattern=r"^(file|s3)://")] | None = None


class Array(Wire):
    """The same job `count` times; each has its number in WEIR_ARRAY_INDEX, from 0."""

    count: Annotated[int, Field(ge=1)]

    @field_validator("count")
    @classmethod
    def _bounded(cls, count: int) -> int:
        if count > MAX_ARRAY:
            raise ValueError(f"one array has at most {MAX_ARRAY} jobs; submit several arrays")
        return count


class JobSpec(Wire):
    """A job, as people write it."""

    name: Name
    kind: Literal["batch"] = "batch"
    tasks: Annotated[tuple[Tasks, ...], Field(min_length=1, max_length=64)]
    constraints: Constraints = Constraints()
    walltime: Duration | None = None
    retries: Annotated[int, Field(ge=0, le=100)] = 0
    restartable: bool = Field(True, description="may be run again after its center was lost")
    priority: Annotated[int, Field(ge=0, le=100)] = 50
    queue: Name | None = Field(None, description="whose share it counts for, where it is submitted")
    preemptible: bool = Field(False, description="may be stopped for another job, to start anew")
    start_after: Duration | None = Field(
        None, description="earliest start, counted from the submission"
    )
    apart: Apart | None = None
    deadline: Duration | None = Field(None, description="latest end, counted from the submission")
    patience: Duration | None = Field(
        None,
        description="may be put off so long for cheaper or cleaner energy, from the submission",
    )
    array: Array | None = None
    inputs: Annotated[tuple[Input, ...], Field(max_length=1000)] = ()
    outputs: Annotated[tuple[Output, ...], Field(max_length=1000)] = ()
    environment: Environment = {}
    image: Image | None = Field(None, description="container: docker://... or an input x.sif")
    requirements: RelativePath | None = Field(None, description="input that lists Python packages")
    checkpoint: Checkpoint | None = None
    stage_within: Duration = Field("1h", description="longest that data and software may take")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for noun, names in (
            ("task group", [t.name for t in self.tasks]),
            ("input", [i.path for i in self.inputs]),
            ("output", [o.path for o in self.outputs]),
        ):
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"two {noun}s have one name: {', '.join(twice)}")
        if self.preemptible and not self.restartable:
            raise ValueError("what is preemptible starts anew, so it can't be restartable: false")
        self._check_software()
        start, end = start_after_s(self), deadline_s(self)
        if start is not None and end is not None and start >= end:
            raise ValueError(f"start_after ({self.start_after}) is not before the deadline")
        latest = patience_s(self)
        if latest is not None and end is not None and latest >= end:
            raise ValueError(f"patience ({self.patience}) does not end before the deadline")
        size = sum(len(i.text or "") + len(i.base64 or "") for i in self.inputs)
        if size > MAX_INPUT_BYTES:
            raise ValueError(
                f"the inline inputs are {units.show_bytes(size)} together, more than "
                f"{units.show_bytes(MAX_INPUT_BYTES)}; give large ones by url"
            )
        return self

    def _check_software(self) -> None:
        given = {i.path for i in self.inputs}
        if self.image is not None and self.requirements is not None:
            raise ValueError("give either image or requirements: an image has its own Python")
        for name in (
            self.image if self.image and "://" not in self.image else None,
            self.requirements,
        ):
            if name is not None and name not in given:
                raise ValueError(f"{name} is none of the inputs")


def traits_of(spec: JobSpec) -> tuple[str, ...]:
    """What a pool must be able to do for this job's software."""
    wanted = {CONTAINER: spec.image, ENVIRONMENTS: spec.requirements}
    return tuple(trait for trait, wish in wanted.items() if wish is not None)


def walltime_s(spec: JobSpec) -> int | None:
    """The job's longest run in seconds; None if it set none."""
    return None if spec.walltime is None else units.parse_duration_s(spec.walltime)


def deadline_s(spec: JobSpec) -> int | None:
    """Seconds from submission to the latest end; None if it set none."""
    return None if spec.deadline is None else units.parse_duration_s(spec.deadline)


def start_after_s(spec: JobSpec) -> int | None:
    """Seconds from submission to the earliest start; None if it may start at once."""
    return None if spec.start_after is None else units.parse_duration_s(spec.start_after)


def patience_s(spec: JobSpec) -> int | None:
    """Seconds from submission until which it may be put off; None if it is not to be."""
    return None if spec.patience is None else units.parse_duration_s(spec.patience)
