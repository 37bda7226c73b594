"""Verification: does everything that was made equal what the workbooks say?"""

from headway.verify.result import VerifyReport
from headway.verify.run import verify

__all__ = ["VerifyReport", "verify"]
