"""How our processes end."""

import logging
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End this process now, with this exit code, once all that was said is written.

    The SDK's threads may abort an interpreter that shuts down after all work succeeded (temporalio/sdk-python#300), so
    that a process which used it goes without that shutdown: nothing registered with `atexit` runs. Close before what
    must be closed.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # a reader that went away must not change how we end
            continue
    os._exit(code)
