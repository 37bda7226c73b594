"""The short report after a run: what was delivered, what it shows, where to look next."""

from headway.report.build import build_report
from headway.report.model import Report
from headway.report.render import Rendered, render

__all__ = ["Rendered", "Report", "build_report", "render"]
