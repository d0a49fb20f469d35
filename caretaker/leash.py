"""`python -m caretaker.leash PARENT MODULE ARGUMENT...`: run a module that ends when its parent does.

A supervisor that is killed with `kill -9` can stop nobody. Its children see to it themselves, or a second
`caretaker up` would find the ports taken by the orphans of the first.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
"""From `linux/prctl.h`."""
LOOK_EVERY_S = 0.5


def follow(parent: int) -> None:
    """End this process when `parent` ends: at once on Linux, within half a second elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True, name="leash").start()
    if os.getppid() != parent:
        # It ended before we could ask to be told.
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Take the leash, then become the module."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    follow(parent)
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
