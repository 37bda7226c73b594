"""Start one supervised program; run by supervisord as ``python -I -S launch.py SPEC.json``, standard library only.

The command and its environment are in a file of mode 600, so neither quoting rules nor the process list see them. The
process asks the kernel for a TERM when its parent dies, so that a killed supervisord leaves no orphans, and then
becomes the program (same process id).
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the spec, note the process id beside it, become the program."""
    path = Path(sys.argv[1])
    parent = os.getppid()
    spec = json.loads(path.read_text(encoding="utf-8"))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the supervisor is gone")
    note = {"pid": os.getpid(), "fingerprint": spec["fingerprint"]}
    temporary = path.with_suffix(".starting")
    temporary.write_text(json.dumps(note), encoding="utf-8")
    temporary.replace(path.with_name(f"{path.name}.running"))
    os.chdir(spec["cwd"])
    os.execvpe(spec["command"][0], spec["command"], spec["env"])  # noqa: S606 (no shell is meant)


if __name__ == "__main__":
    main()
