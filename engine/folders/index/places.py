"""Whether a folder is on a disk of this machine or on the network, by its file system."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

_REMOTE = frozenset(
    {"nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs"}
    | {"9p", "afs", "beegfs", "ceph", "coda", "gfs", "gfs2", "glusterfs", "gpfs", "lustre"}
    | {"mfs", "ncpfs", "ocfs2", "orangefs", "panfs", "pvfs2", "virtiofs", "vboxsf", "prl_fs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse"}
    | {"fuse.davfs2", "fuse.smbnetfs", "fuse.mfs", "fuse.juicefs", "macfuse", "osxfuse"}
)


def network_type(folder: Path) -> str:
    """The type of the network file system that a folder is on; '' for a local disk.

    WAL needs memory that all processes share, which a network file system does not offer.
    """
    import psutil

    real = os.path.realpath(folder)
    if sys.platform == "win32" and real.startswith("\\\\"):
        return "unc"
    disks = psutil.disk_partitions(all=True)
    return _type_in(real, ((disk.mountpoint, disk.fstype, disk.opts) for disk in disks))


def _type_in(real: str, disks: Iterable[tuple[str, str, str]]) -> str:
    """The same, given (mount point, type, options) of every disk."""
    longest, found = -1, ""
    path = os.path.normcase(real)
    for point, kind, options in disks:
        place = os.path.normcase(point)
        inside = path == place or path.startswith(place.rstrip("/\\") + os.sep)
        # Of two at the same place, the later one covers the earlier.
        if inside and len(place) >= longest:
            longest = len(place)
            remote = kind.lower() in _REMOTE or "remote" in options.split(",")
            found = (kind or "remote") if remote else ""
    return found
