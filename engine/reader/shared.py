"""Memory that the reader fills and the program maps: pixels and tensors cross in it.

On Linux it is a file without a name in memory (memfd), which a container's small /dev/shm does not
bound, and which cannot shrink once it was sealed. Elsewhere it is a temporary file, which is read
and not mapped: a mapping would fail with a signal where the other side cuts the file off.
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
    """A file that both sides have open. Close it when the bytes were taken.

    descriptor: of this side. name: its path where the other side opens it by that (Windows), else
    ''. size: in bytes, as it stands now.
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
        """Put bytes at the beginning, for the other side to read."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]
        os.lseek(self.descriptor, 0, os.SEEK_SET)

    def take(self, size: int) -> memoryview:
        """The first `size` bytes, writable, without changing what the other side sees.

        Raises ValueError where there are fewer.
        """
        if self._mapped:
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        if self.size < size:
            raise ValueError(f"{size} bytes were promised, and {self.size} came")
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
                    raise ValueError(f"{size} bytes were promised, and {size - len(view)} came")
                view = view[count:]
        return memoryview(content)

    def close(self) -> None:
        os.close(self.descriptor)
        if self.name:
            Path(self.name).unlink(missing_ok=True)
