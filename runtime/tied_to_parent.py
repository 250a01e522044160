"""`python tied_to_parent.py PARENT_PID COMMAND…`: becomes COMMAND, and is told to stop when its parent dies.

A process between the supervisor and its child rather than a hook between fork and exec: the supervisor has the SDK's
threads, and Python code after a fork of a threaded process may hang. It execs, so that the child keeps this pid.
On systems without PR_SET_PDEATHSIG nothing is tied; the next start ends what was left over.
"""

import os
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_SIGTERM = 15


def tied(command: Sequence[str]) -> tuple[str, ...]:
    """The command line that runs `command` for as long as this process (on Linux: the thread that starts it) lives."""
    # -I -S: nothing of ours is imported on the way, and this folder's logging.py hides none of Python's own.
    return (sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), *command)


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes  # slow to load, and of use on Linux only

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, _SIGTERM, 0, 0, 0)
        if os.getppid() != int(parent):  # it died before we were tied
            sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as fault:
        sys.exit(f"{command[0]} cannot be started: {fault.strerror}")


if __name__ == "__main__":
    main()
