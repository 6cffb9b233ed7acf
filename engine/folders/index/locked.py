"""An index open for writing: locked against other writers, with the journal its disk allows."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import filelock

from engine.errors import HookscopeError
from engine.files.destinations import cannot_write, refusal
from engine.folders.index import schema
from engine.folders.index.places import network_type


class LockedIndex:
    """The database of a folder's index, made if there is none; its one writer's at a time.

    folder: made if it does not exist. network: the type of the network file system that it is on,
    '' for a local disk, found by itself if not given; there, a rollback journal takes the place of
    WAL. Raises HookscopeError if another process writes the index, if it is no index or that of
    another version, and ExportError if it cannot be written.
    """

    def __init__(self, folder: Path, *, network: str | None = None) -> None:
        self.folder = folder.absolute()
        self.file = self.folder / schema.FILE
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _check_lock(self.folder / schema.LOCK)
            self._lock = filelock.FileLock(self.folder / schema.LOCK, timeout=0)
            self._lock.acquire()
        except filelock.Timeout:
            raise HookscopeError(
                f"{self.folder}: another process is writing this index; wait until it ends, or "
                "stop it"
            ) from None
        except (OSError, NotImplementedError) as error:
            found = error if isinstance(error, OSError) else OSError(str(error))
            raise cannot_write(self.folder, found) from error
        try:
            self.network = network_type(self.folder) if network is None else network
            self._connection = schema.connect(self.file, writing=True)
            if not schema.check(self._connection, self.file):
                schema.create(self._connection)
            self._settle()
        except sqlite3.Error as error:
            self._lock.release()
            raise schema.fault(self.file, error) from error
        except BaseException:
            self._lock.release()
            raise

    def _settle(self) -> None:
        """What a new connection needs before it is used."""
        mode = "DELETE" if self.network else "WAL"
        (self.journal,) = self._connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if self.network else 'NORMAL'}")
        # By which numbers of its inputs that were noted elsewhere are known to be of this index.
        self._connection.execute(
            "INSERT OR IGNORE INTO meta VALUES ('identity', lower(hex(randomblob(16))))"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the index for another writer; safe to call twice."""
        try:
            self._connection.close()
        finally:
            self._lock.release()

    @property
    def journal_words(self) -> str:
        """How the index is written, where that is not as usual; else ''."""
        if not self.network:
            return ""
        return (
            f"the index is on a network file system ({self.network}): it is written with a "
            "rollback journal"
        )

    @contextmanager
    def _transaction(self, way: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """Everything in the block is written, or nothing."""
        with self._reading() as connection:
            connection.execute(f"BEGIN {way}")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # Of a full disk, SQLite has gone back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with schema.telling(self.file):
            yield self._connection


def _check_lock(path: Path) -> None:
    """Raises ExportError if something else has the name of the lock."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise refusal(path, "not a regular file; remove it, or choose another folder")
