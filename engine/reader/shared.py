"""Shared memory for pixels and tensors: the reader fills it and the program maps it.

On Linux it is an anonymous file in memory (memfd), which is not limited by a container's small
/dev/shm and cannot shrink once sealed. Elsewhere it is a temporary file, which is read rather than
mapped: access to a mapping would raise a signal if the other process truncated the file.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_SEALED = hasattr(os, "memfd_create")


class Shared:
    """A file that both processes have open. Close it after taking the bytes.

    descriptor: in this process. name: its path if the other process opens it by name (Windows),
    else ''. size: current size in bytes.
    """

    def __init__(self) -> None:
        self.name = ""
        self._mapped = _SEALED
        if _SEALED:
            try:
                flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
                self.descriptor = os.memfd_create("hookscope", flags)
                return
            except OSError:  # forbidden in some containers
                self._mapped = False
        self.descriptor, name = tempfile.mkstemp(prefix="hookscope-")
        if sys.platform == "win32":
            self.name = name
        else:
            Path(name).unlink()

    @property
    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def write(self, data: bytes) -> None:
        """Write bytes at the beginning, for the other process to read."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]
        os.lseek(self.descriptor, 0, os.SEEK_SET)

    def take(self, size: int) -> memoryview:
        """The first `size` bytes, as a private writable copy.

        Raises ValueError if there are fewer.
        """
        if self._mapped:
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        if self.size < size:
            raise ValueError(f"expected {size} bytes, got {self.size}")
        if not size:
            return memoryview(bytearray())
        if self._mapped:
            return memoryview(mmap.mmap(self.descriptor, size, access=mmap.ACCESS_COPY))
        content = bytearray(size)
        view = memoryview(content)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self.descriptor), "rb", buffering=0) as file:
            while view:
                count = file.readinto(view)
                if not count:
                    raise ValueError(f"expected {size} bytes, got {size - len(view)}")
                view = view[count:]
        return memoryview(content)

    def close(self) -> None:
        os.close(self.descriptor)
        if self.name:
            Path(self.name).unlink(missing_ok=True)
