"""`python -m rehearsal.share_process FOLDER`: runs the share whose job lies in the folder, and leaves its record there.

Progress goes to standard output, a line of JSON a day; what goes wrong goes to standard error.
"""

import asyncio
import json
import os
import pickle
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from rehearsal.days import OnProgress, Progress, Stuck
from rehearsal.running import run_in_this_process
from rehearsal.shares import STUCK_CODE, Job


def main() -> int:
    folder = Path(sys.argv[1])
    # Asked to stop (also when the process that started us dies), we take the test server with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    job: Job = pickle.loads((folder / "job").read_bytes())
    try:
        done = asyncio.run(
            run_in_this_process(
                job.story,
                policy=job.policy,
                policy_text=job.policy_text,
                shift=job.shift,
                templates=job.templates,
                on_progress=_teller(),
            )
        )
    except Stuck as fault:
        sys.stderr.write(f"{fault}\n")
        return STUCK_CODE
    except KeyboardInterrupt:
        return 130
    part = folder / "done.part"
    part.write_bytes(pickle.dumps(done))
    part.replace(folder / "done")
    return 0


def _teller() -> OnProgress:
    """Standard output becomes ours alone: what the SDK and the test server print goes to standard error."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(progress: Progress) -> None:
        ours.write(json.dumps({**asdict(progress), "on": progress.on.isoformat()}) + "\n")
        ours.flush()

    return tell


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the SDK may abort at interpreter exit, after all work was done
