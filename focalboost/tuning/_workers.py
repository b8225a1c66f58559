"""Processes that work on a study: what they are known by, and whether one has ended."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

WORKER = "worker"


def this_worker() -> dict[str, Any]:
    """What tells this process from every other, also from one that has its number later."""
    pid = os.getpid()
    return {**_machine(), "pid": pid, "started": _started(pid)}


@lru_cache(maxsize=1)
def _machine() -> dict[str, Any]:
    """Machine, its boot, and the name space that process numbers belong to (containers have their own)."""

    def read(path: str) -> str:
        return Path(path).read_text(encoding="ascii").strip() if Path(path).exists() else ""

    namespace = Path("/proc/self/ns/pid")
    return {
        "host": f"{platform.node()} {read('/etc/machine-id')}".strip(),
        "boot": read("/proc/sys/kernel/random/boot_id"),
        "namespace": namespace.stat().st_ino if namespace.exists() else 0,
    }


def _started(pid: int) -> float | None:
    """When a process began: on Linux in clock ticks since boot, which setting the clock does not change."""
    import psutil  # noqa: PLC0415  # of the extra that brings Optuna

    stat = Path(f"/proc/{pid}/stat")
    try:
        # Field 22; the second is the command in parentheses, which may have blanks.
        ticks = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        return float(ticks)
    except OSError:
        if stat.parent.parent.joinpath("self").exists():
            return None
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def is_gone(worker: Any) -> bool | None:
    """Whether a process has ended; None where that cannot be seen from here."""
    here = _machine()
    if not isinstance(worker, Mapping) or worker.get("host") != here["host"]:
        return None
    if worker.get("boot") != here["boot"]:
        return True
    if worker.get("namespace") != here["namespace"]:
        return None
    return bool(_started(int(worker["pid"])) != worker["started"])
