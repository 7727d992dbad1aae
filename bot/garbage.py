"""The garbage collector of a process that handles many calls."""

from __future__ import annotations

import gc

__all__ = ["set_modules_aside"]


def set_modules_aside() -> None:
    """Exclude all present objects, most of them those of modules, from future collections.

    A full collection takes 15 to 30 ms for them, and some times more on a busy machine. No event is handled
    in that time, and the setup times of a load would be those of this side.
    """
    gc.collect()
    gc.freeze()
