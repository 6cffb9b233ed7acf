"""Sandboxes the reader process before it opens a file: as far as the system supports it, it cannot
outlive its parent, dump core, use the network, write to disk or start programs.

Linux supports all of this (Landlock from kernel 5.13 on, seccomp); elsewhere the process is only
monitored from outside. Missing protections are returned and logged by the program.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_VERSION = 1

# linux/landlock.h: all rights that modify a file system, and from ABI 4 on, TCP.
_WRITES = (1 << 1) | sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE, _BIND, _CONNECT = 1 << 13, 1 << 14, 1 << 0, 1 << 1

# System calls: (audit architecture, blocked numbers, number of clone).
_REFUSED = {
    "x86_64": (
        0xC000003E,
        # socket, connect, fork, vfork, execve, execveat, kill, ptrace, process_vm_readv,
        # process_vm_writev, io_uring_setup
        (41, 42, 57, 58, 59, 322, 62, 101, 310, 311, 425),
        56,
    ),
    # The same without fork and vfork, which are calls of clone there.
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 129, 117, 270, 271, 425), 220),
}
_OTHER_TABLE = 0x40000000
"""Start of x86-64's second system call table (x32)."""
_CLONE3 = 435
_CLONE_THREAD = 0x10000
_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38


def confine(*, programs: bool = False) -> tuple[str, ...]:
    """Permanently drop the rights that a reader does not need. programs: still allow starting
    programs, as libraries do to locate their files.

    Returns the names of the protections that the system does not support.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        return ("confinement",)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return ("confinement",)
    library = ctypes.CDLL(None, use_errno=True)
    missing = []
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ("confinement",)
    if not _without_writing(library):
        missing.append("Landlock")
    if not _without_calls(library, programs):
        missing.append("seccomp")
    return tuple(missing)


def die_with(line: int) -> None:
    """Have the kernel end this process when the other end of a socket closes, which happens when
    the process holding it ends. line: the descriptor of this end; nothing is ever sent on it.

    Not prctl's parent-death signal, which is sent when the thread that started this process ends,
    even if its process goes on.
    """
    if sys.platform != "win32":
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(line, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(line, fcntl.F_SETFL, fcntl.fcntl(line, fcntl.F_GETFL) | os.O_ASYNC)


def _without_writing(library: ctypes.CDLL) -> bool:
    call = library.syscall
    call.restype = ctypes.c_long
    version = call(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 1:
        return False
    files = _WRITES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("<QQ", files, _BIND | _CONNECT if version >= 4 else 0)
    size = 16 if version >= 4 else 8
    rules = call(_LANDLOCK_CREATE_RULESET, attributes[:size], ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    restricted = bool(call(_LANDLOCK_RESTRICT_SELF, rules, 0) == 0)
    os.close(rules)
    return restricted


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _without_calls(library: ctypes.CDLL, programs: bool) -> bool:
    known = _REFUSED.get(platform.machine())
    if known is None:
        return False
    architecture, refused, clone = known
    if programs:
        refused = refused[:2]
    code = _filter(architecture, refused, None if programs else clone)
    buffer = ctypes.create_string_buffer(code)
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    result = library.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
    return bool(result == 0)


def _filter(architecture: int, refused: tuple[int, ...], clone: int | None) -> bytes:
    """A BPF program (linux/filter.h): blocked calls fail with EPERM; threads may be created,
    processes not. clone3 fails as on older kernels, since its arguments cannot be inspected."""
    load, jump_equal, jump_above, jump_set, back = 0x20, 0x15, 0x35, 0x45, 0x06
    steps: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),
        (jump_equal, 1, 0, architecture),
        (back, 0, 0, _EPERM),
        (load, 0, 0, 0),
        (jump_above, 0, 1, _OTHER_TABLE),
        (back, 0, 0, _EPERM),
    ]
    for number in refused:
        steps += [(jump_equal, 0, 1, number), (back, 0, 0, _EPERM)]
    if clone is not None:
        steps += [
            (jump_equal, 0, 1, _CLONE3),
            (back, 0, 0, _ENOSYS),
            (jump_equal, 0, 3, clone),
            (load, 0, 0, 16),
            (jump_set, 1, 0, _CLONE_THREAD),
            (back, 0, 0, _EPERM),
        ]
    steps.append((back, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *step) for step in steps)
