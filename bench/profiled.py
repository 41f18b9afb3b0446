"""kdns with a profiler that a signal switches: `python -m bench.profiled FILE -conf Corefile`.

SIGUSR2 starts it; the next stops it and writes FILE, which `pstats` reads.
"""

from __future__ import annotations

import cProfile
import signal
import sys
import time
from pathlib import Path

from kdns.cli import main


def switched(path: Path) -> None:
    """Let SIGUSR2 start and stop a profile of this thread."""
    profile = cProfile.Profile(time.thread_time)  # CPU, not time: whoever else uses the core is not in it
    on = False

    def switch(number: int, frame: object) -> None:
        nonlocal on
        on = not on
        if on:
            profile.enable()
        else:
            profile.disable()
            part = path.with_suffix(".part")
            profile.dump_stats(part)
            part.rename(path)

    signal.signal(signal.SIGUSR2, switch)


if __name__ == "__main__":
    switched(Path(sys.argv.pop(1)))
    sys.exit(main())
