"""Keep the memory that one chunk frees for the next one."""

from __future__ import annotations

import ctypes
from functools import cache

# malloc.h of glibc.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3

LARGEST_FROM_HEAP = 32 << 20
"""glibc takes no larger one."""

KEPT_BYTES = 1 << 30


@cache
def keep_freed_memory() -> bool:
    """Let glibc keep freed memory in the process; return whether the C library has such a setting.

    By default glibc gives arrays of a few megabytes back at once. The next chunk then has the kernel clear the same
    pages again, for a quarter of its time; Dask's nanny sets a lower bound still. Asked for once a process.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    return bool(libc.mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP) and libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
