"""Replays of workloads through the real scheduler, on a clock that is arithmetic."""
