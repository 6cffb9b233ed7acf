"""PySide's own Python modules, compiled beforehand.

shiboken6 carries them as text and compiles them in each process that imports PySide6, which takes
a tenth of the time to the first paint. By its own switch (SBK_EMBED) it writes them into the folder
files.dir of its package, and imports them from there wherever that folder is. Here a copy of the
package does so, since the environment stays as it was installed.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from py_compile import PycInvalidationMode

FOLDER = "files.dir"
_PACKAGE = "shiboken6"


def compiled(folder: Path) -> list[tuple[str, str, str]]:
    """The modules as PyInstaller's entries (place in the bundle, file, 'DATA'); written to folder.

    Raises RuntimeError if this version of shiboken6 writes none.
    """
    shutil.rmtree(folder, ignore_errors=True)
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{_PACKAGE} is not installed")
    copy = shutil.copytree(Path(spec.origin).parent, folder / _PACKAGE)
    environment = {**os.environ, "SBK_EMBED": "0", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", f"import {_PACKAGE}.Shiboken"]
    subprocess.run(command, env=environment, check=True)
    written = copy / FOLDER
    if not (written / "shibokensupport" / "signature" / "loader.py").is_file():
        raise RuntimeError(f"{_PACKAGE} has not written its modules into {FOLDER}")
    # Beside each other and without their sources, which nothing reads.
    compileall.compile_dir(
        written, quiet=1, legacy=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )
    return [
        (f"{_PACKAGE}/{FOLDER}/{file.relative_to(written).as_posix()}", str(file), "DATA")
        for file in sorted(written.rglob("*.pyc"))
        if file.parent.name != "__pycache__"
    ]
