"""Take the test session's platform down when the session dies without doing so (killed, out of time).

Run as ``python tests/platform_guard.py FOLDER`` with the session holding the other end of its standard input.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headway.runtime.platform import Platform
from headway.settings import load

if __name__ == "__main__":
    sys.stdin.read()  # ends when the session does
    if load().state_dir.exists():
        Platform(load()).down()
        shutil.rmtree(sys.argv[1], ignore_errors=True)
