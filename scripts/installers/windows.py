"""A Windows to install into: the real one, or Wine with a fresh home in a temporary folder.

Both are asked the same way, so that what is checked here under Wine is checked on Windows too.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.common.checks import CheckFailed

_TIMEOUT_S = 300
# Debian keeps them off the path where wine64 alone is installed.
_WINE = ("/usr/lib/wine/wine64", "wine64", "wine")
_WINESERVER = ("/usr/lib/wine/wineserver64", "/usr/lib/wine/wineserver", "wineserver")

Values = dict[str, str]
"""Of one key of the registry: name ('' is the default) to text; numbers as decimal text."""


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise CheckFailed(what)


class Windows:
    """The system that this runs on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local = Path(os.environ.get("LOCALAPPDATA", ""))
        roaming = Path(os.environ.get("APPDATA", ""))
        self.start_menu = roaming / "Microsoft/Windows/Start Menu/Programs"
        self.desktop = Path(os.environ.get("USERPROFILE", "")) / "Desktop"

    def here(self, place: str) -> Path:
        r"""Where a path of that Windows ('C:\...') lies for this process."""
        return Path(place)

    def there(self, path: Path) -> str:
        """What that Windows calls a path of this process."""
        return str(path)

    def command(self, program: Path, *words: str) -> list[str] | str:
        # NSIS wants /D= without quotation marks, which a list would get.
        return " ".join([f'"{program}"', *words])

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def start(self, program: Path, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(program, *words),
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def run(self, program: Path, *words: str) -> bytes:
        """What it wrote to stdout. How it ended is not looked at: its effects are."""
        process = self.start(program, *words)
        try:
            return process.communicate(timeout=_TIMEOUT_S)[0]
        finally:
            process.kill()

    def system(self, *words: str) -> None:
        """One of Windows' own commands."""
        subprocess.run(
            words,
            env=self.environment(),
            check=True,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )

    def registry(self, *keys: str) -> dict[str, Values]:
        """Everything at and below those keys of HKEY_CURRENT_USER, by the path below it."""
        found: dict[str, Values] = {}
        for key in keys:
            out = self.local / "exported.reg"
            out.unlink(missing_ok=True)
            # It fails where there is no such key, and then there is no file.
            words = ["reg", "export", rf"HKCU\{key}", self.there(out), "/y"]
            self._quiet(*words)
            if out.is_file():
                found |= _registry(out.read_text(encoding="utf-16"))
                out.unlink()
        return found

    def set(self, key: str, name: str, text: str) -> None:
        value = ["/v", name] if name else ["/ve"]
        self._quiet("reg", "add", rf"HKCU\{key}", *value, "/d", text, "/f")

    def delete(self, key: str) -> None:
        self._quiet("reg", "delete", rf"HKCU\{key}", "/f")

    def _quiet(self, *words: str) -> bytes:
        return subprocess.run(
            words, env=self.environment(), capture_output=True, timeout=60, check=False
        ).stdout

    def takes_long_paths(self) -> bool:
        """Whether paths of more than 259 characters are switched on."""
        key = r"HKLM\SYSTEM\CurrentControlSet\Control\FileSystem"
        return b"0x1" in self._quiet("reg", "query", key, "/v", "LongPathsEnabled")

    def settle(self, gone: Path) -> None:
        """Wait until a file is gone: an uninstaller goes on in a copy of itself, and then removes
        the folder that it was in."""
        end = time.monotonic() + 120
        while gone.exists() and time.monotonic() < end:
            time.sleep(0.2)
        time.sleep(1)

    def close(self) -> None:
        """End what was started."""


class Wine(Windows):
    """Wine with a home of its own below a folder. Needs no display."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.wine, self.server = _tool(_WINE), _tool(_WINESERVER)
        self.prefix = folder / "wine"
        self.drive = self.prefix / "drive_c"

    def prepare(self) -> None:
        """Make the home, as a new user of Windows has it. Raises CalledProcessError."""
        (self.folder / "home").mkdir()
        self.system("wineboot", "--init")
        # Wine says that it is Windows 7 otherwise.
        self.set(r"Software\Wine", "Version", "win10")
        (user,) = (p for p in (self.drive / "users").iterdir() if p.name != "Public")
        self.local = user / "AppData/Local"
        self.start_menu = user / "AppData/Roaming/Microsoft/Windows/Start Menu/Programs"
        self.desktop = user / "Desktop"
        self.desktop.mkdir(exist_ok=True)

    def here(self, place: str) -> Path:
        drive, _, rest = place.partition(":\\")
        root = self.drive if drive.upper() == "C" else Path("/")
        return root / rest.replace("\\", "/")

    def there(self, path: Path) -> str:
        root, letter = (self.drive, "C") if path.is_relative_to(self.drive) else (Path("/"), "Z")
        return f"{letter}:\\" + path.relative_to(root).as_posix().replace("/", "\\")

    def command(self, program: Path, *words: str) -> list[str] | str:
        # Put together again with single blanks, and quoted only where a word has some inside.
        return [self.wine, str(program), *(part for word in words for part in word.split(" "))]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "WINEPREFIX": str(self.prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            # Neither menu entries for the desktop that this runs on, nor an offer to fetch more.
            "WINEDLLOVERRIDES": "winemenubuilder.exe=d;mscoree,mshtml=",
            "WINESERVER": self.server,
            # File names other than ASCII.
            "LC_ALL": "C.UTF-8",
        }

    def system(self, *words: str) -> None:
        super().system(self.wine, *words)

    def _quiet(self, *words: str) -> bytes:
        return super()._quiet(self.wine, *words)

    def close(self) -> None:
        for word in ("-k", "-w"):
            subprocess.run(
                [self.server, word],
                env=self.environment(),
                capture_output=True,
                timeout=60,
                check=False,
            )


@contextmanager
def some_windows(folder: Path) -> Iterator[Windows]:
    """The Windows at hand. Raises SystemExit where there is none."""
    if sys.platform == "win32":
        yield Windows(folder)
        return
    wine = Wine(folder)
    try:
        wine.prepare()
        yield wine
    finally:
        wine.close()


def _tool(names: tuple[str, ...]) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise SystemExit("Wine is not here: install wine64")
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _registry(text: str) -> dict[str, Values]:
    """The keys of an exported file, as 'reg export' writes it."""
    found: dict[str, Values] = {}
    values: Values = {}
    for line in text.replace("\\\r\n", "\\\n").replace("\\\n", "").splitlines():
        if line.startswith("["):
            values = found.setdefault(line[1:-1].partition("\\")[2], {})
        elif match := re.fullmatch(r'(?:"((?:[^"\\]|\\.)*)"|@)=(.*)', line):
            name, told = _unescaped(match[1] or ""), match[2]
            if told.startswith('"'):
                values[name] = _unescaped(told[1:-1])
            elif told.startswith("dword:"):
                values[name] = str(int(told.removeprefix("dword:"), 16))
            else:
                values[name] = told
    return found


def shortcut(path: Path) -> tuple[str, dict[str, str]]:
    """Where a shortcut leads, and what it says beside: description, folder, icon, arguments.

    Read as the format's specification (MS-SHLLINK, sections 2.1 to 2.4) lays it out. Raises
    ValueError for a file that is none.
    """
    data = path.read_bytes()
    if data[:4] != b"\x4c\0\0\0":
        raise ValueError(f"{path} is no shortcut")
    flags = struct.unpack_from("<I", data, 20)[0]
    place = 76
    if flags & 0x01:
        place += 2 + struct.unpack_from("<H", data, place)[0]
    target = ""
    if flags & 0x02:
        size, header = struct.unpack_from("<II", data, place)
        local = struct.unpack_from("<I", data, place + 16)[0]
        end = data.index(b"\0", place + local)
        target = data[place + local : end].decode("cp1252")
        if header >= 0x24:
            start = place + struct.unpack_from("<I", data, place + 28)[0]
            target = data[start : place + size].decode("utf-16-le").partition("\0")[0]
        place += size
    said = {}
    for bit, name in ((4, "text"), (8, "relative"), (16, "folder"), (32, "words"), (64, "icon")):
        if flags & bit:
            count = struct.unpack_from("<H", data, place)[0]
            text = data[place + 2 : place + 2 + 2 * count].decode("utf-16-le")
            # Wine counts the end of some of them.
            said[name] = text.rstrip("\0")
            place += 2 + 2 * count
    return target, said
