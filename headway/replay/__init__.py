"""Replay: from a workbook's rows to events of simulated time, exactly once."""

from headway.replay.run import Progress, ReplayResult, replay

__all__ = ["Progress", "ReplayResult", "replay"]
