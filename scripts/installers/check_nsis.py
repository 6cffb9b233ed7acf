"""Install for Windows, use, upgrade and remove: a stand-in for the program, as its users would.

    .venv/bin/python scripts/installers/check_nsis.py [--installer FILE]

Compiles the installer twice, around two small folders that are laid out as the packaged program is,
and runs them silently: under Wine in a home of its own, on Windows as they are. What it asserts are
files, shortcuts and keys of the registry. --installer: install that one instead, run its self-test,
and remove it (on Windows; the program is not made for Wine).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.version import NAME, SUMMARY, VERSION
from scripts.bundle import identity
from scripts.common.checks import CheckFailed, failed_step
from scripts.installers import make_nsis
from scripts.installers.stand_in import LICENSE, PROGRAM, RUNS, STOP, contents, payload
from scripts.installers.windows import Windows, expect, shortcut, some_windows

OLDER = "0.0.9"
UNINSTALL = rf"Software\Microsoft\Windows\CurrentVersion\Uninstall\{NAME}"
APP_PATH = rf"Software\Microsoft\Windows\CurrentVersion\App Paths\{PROGRAM}"
CLASSES = r"Software\Classes"
SETTINGS = rf"Software\{NAME}"
_OWN = ("Uninstall.exe", "installed-files.txt")
_SUFFIXES = {s: kind for kind, (_, every) in identity.DOCUMENTS.items() for s in every}


class Check:
    """The steps, in the order that a user would take them."""

    def __init__(self, windows: Windows, folder: Path) -> None:
        self.windows = windows
        self.usual = windows.local / "Programs" / NAME
        self.payloads = {v: payload(folder, v) for v in (OLDER, VERSION)}
        self.setups = {
            version: make_nsis.build(source, folder / f"setup-of-{version}.exe", version)
            for version, source in self.payloads.items()
        }

    def registry(self) -> dict[str, dict[str, str]]:
        return self.windows.registry(CLASSES, UNINSTALL, APP_PATH, SETTINGS)

    def expect_installed(self, folder: Path, version: str, beside: tuple[str, ...] = ()) -> None:
        """That version, whole and nothing else; and Windows knows about it."""
        found = contents(folder)
        for own in (*_OWN, *beside):
            expect(found.pop(own, None) is not None, f"{own} is missing in {folder}")
        wanted = contents(self.payloads[version])
        expect(found == wanted, f"files differ: {sorted(set(found) ^ set(wanted)) or 'contents'}")
        place = self.windows.there(folder)
        program = rf"{place}\{PROGRAM}"
        registry = self.registry()
        facts = registry.get(UNINSTALL, {})
        size = sum(map(len, wanted.values()))
        told = {
            "DisplayName": NAME,
            "DisplayVersion": version,
            "Publisher": identity.PUBLISHER,
            "DisplayIcon": f"{program},0",
            "InstallLocation": place,
            "UninstallString": rf'"{place}\Uninstall.exe"',
            "QuietUninstallString": rf'"{place}\Uninstall.exe" /S',
            "EstimatedSize": str(-(-size // 1024)),
            "NoModify": "1",
            "NoRepair": "1",
            "Comments": SUMMARY,
        }
        expect(facts == told, f"the uninstaller's entry says {facts}")
        expect(registry.get(APP_PATH, {}).get("") == program, "App Paths")
        self.expect_documents(registry, program)
        self.expect_shortcut(self.windows.start_menu / f"{NAME}.lnk", place)

    def expect_documents(self, registry: dict[str, dict[str, str]], program: str) -> None:
        application = rf"{CLASSES}\Applications\{PROGRAM}"
        opened = f'"{program}" "%1"'
        expect(registry[application]["FriendlyAppName"] == NAME, "name under 'Open with'")
        expect(set(registry[rf"{application}\SupportedTypes"]) == set(_SUFFIXES), "SupportedTypes")
        for key in (application, *(rf"{CLASSES}\{NAME}.{kind}" for kind in identity.DOCUMENTS)):
            expect(registry[rf"{key}\shell\open\command"][""] == opened, f"command of {key}")
        for suffix, kind in _SUFFIXES.items():
            offered = registry.get(rf"{CLASSES}\{suffix}\OpenWithProgids", {})
            expect(f"{NAME}.{kind}" in offered, f"{suffix} is not offered")
            default = registry[rf"{CLASSES}\{suffix}"].get("", "")
            own = f"{NAME}.{kind}" if kind == identity.OWN else ""
            taken = default.startswith(NAME)
            expect(default == own if own else not taken, f"{suffix} opens with {default!r}")

    def expect_shortcut(self, path: Path, folder: str) -> None:
        expect(path.is_file(), f"no {path.name} in {path.parent.name}")
        target, said = shortcut(path)
        expect(target == rf"{folder}\{PROGRAM}", f"the shortcut leads to {target!r}")
        expect(said["folder"] == folder, f"the shortcut starts in {said['folder']!r}")
        expect(said["text"] == SUMMARY, f"the shortcut says {said['text']!r}")
        expect(said["icon"] == rf"{folder}\{PROGRAM}", f"its icon is {said['icon']!r}")

    def install(self, version: str, *words: str) -> None:
        self.windows.run(self.setups[version], "/S", *words)

    def uninstall(self) -> None:
        """As Windows does it: by what the registry says."""
        command = self.registry()[UNINSTALL]["QuietUninstallString"]
        _, program, words = command.split('"')
        path = self.windows.here(program)
        self.windows.run(path, *words.split())
        self.windows.settle(path)

    def resources(self) -> str:
        """What the installer says about itself."""
        data = self.setups[VERSION].read_bytes()
        for text in (NAME, VERSION, identity.PUBLISHER, "ProductVersion"):
            expect(text.encode("utf-16-le") in data, f"no {text!r} in the version resource")
        for words in (b"PerMonitorV2", b"longPathAware", b'level="asInvoker"'):
            expect(words in data, f"no {words!r} in the manifest")
        return f"{len(data)} bytes"

    def first(self) -> str:
        # What others have entered before, and what the program itself remembers.
        self.windows.set(rf"{CLASSES}\.png", "", "Somebody.Else")
        self.windows.set(rf"{CLASSES}\.pth\OpenWithProgids", "Somebody.Else", "")
        self.windows.set(rf"{CLASSES}\.mine", "", "Somebody.Else")
        self.windows.set(rf"{SETTINGS}\{NAME}", "window", "as it was")
        self.before = self.registry()
        self.install(OLDER)
        self.expect_installed(self.usual, OLDER)
        expect(not (self.windows.desktop / f"{NAME}.lnk").exists(), "an icon on the desktop")
        registry = self.registry()
        expect(registry[rf"{CLASSES}\.png"][""] == "Somebody.Else", ".png was taken over")
        expect(rf"{CLASSES}\.txt" not in registry, ".txt was entered")
        return f"{len(contents(self.usual))} files, {len(registry)} keys"

    def running(self) -> str:
        """Neither upgraded nor removed while it runs."""
        stop, runs = self.windows.local / STOP, self.windows.local / RUNS
        process = self.windows.start(self.usual / PROGRAM)
        try:
            end = time.monotonic() + 60
            while not runs.exists() and time.monotonic() < end:
                time.sleep(0.2)
            expect(runs.exists(), "the stand-in does not run")
            self.install(VERSION)
            self.expect_installed(self.usual, OLDER)
            # Where it lies, and not in a copy of itself: then it is over when this is.
            place = self.windows.there(self.usual)
            self.windows.run(self.usual / "Uninstall.exe", "/S", f"_?={place}")
            self.expect_installed(self.usual, OLDER)
            expect(process.poll() is None, "the stand-in was ended")
        finally:
            stop.touch()
            process.wait(60)
            stop.unlink()
        return "left alone"

    def upgrade(self) -> str:
        """In place; an entry of a suffix that is gone goes, and what is the user's stays."""
        (self.usual / "_internal" / "mine.txt").write_text("the user's", encoding="utf-8")
        key = rf"{CLASSES}\.gone\OpenWithProgids"
        self.windows.set(key, f"{NAME}.Model", "")
        self.windows.set(rf"{CLASSES}\Applications\{PROGRAM}\SupportedTypes", ".gone", "")
        self.install(VERSION)
        self.expect_installed(self.usual, VERSION, beside=("_internal/mine.txt",))
        expect(not (self.usual / f"_internal/only in {OLDER}").exists(), "an old folder is left")
        expect(rf"{CLASSES}\.gone" not in self.registry(), "an old suffix is left")
        self.expect_untouched()
        return f"{OLDER} to {VERSION}"

    def interrupted(self) -> str:
        """A file that cannot be written ends it half-way; the next run makes it whole."""
        obstacle = self.usual / "_internal/z/last.txt"
        obstacle.unlink()
        (obstacle / "in the way").mkdir(parents=True)
        self.install(VERSION)
        found = contents(self.usual)
        expect(LICENSE in found, "it did not get as far as the obstacle")
        expect("_internal/z/last.txt" not in found, "the obstacle was none")
        (obstacle / "in the way").rmdir()
        obstacle.rmdir()
        self.windows.delete(UNINSTALL)
        self.install(VERSION)
        self.expect_installed(self.usual, VERSION, beside=("_internal/mine.txt",))
        return f"{len(found)} files were there, now all"

    def elsewhere(self) -> str:
        """Into another folder, with a blank and an umlaut: nothing but the user's stays behind."""
        place = rf"{self.windows.there(self.windows.local)}\Bilder Höhe"
        folder = self.windows.here(place)
        self.install(VERSION, "/DESKTOP", f"/D={place}")
        self.expect_installed(folder, VERSION)
        self.expect_shortcut(self.windows.desktop / f"{NAME}.lnk", place)
        expect(set(contents(self.usual)) == {"_internal/mine.txt"}, "the first folder is not empty")
        self.install(OLDER)
        self.expect_installed(folder, OLDER)
        self.expect_shortcut(self.windows.desktop / f"{NAME}.lnk", place)
        self.elsewhere_folder = folder
        return place

    def too_long(self) -> str:
        """A folder that makes paths too long is refused before anything is changed."""
        if self.windows.takes_long_paths():
            return "this Windows takes paths of any length"
        place = "\\".join([self.windows.there(self.windows.local), *["x" * 40] * 5])
        self.install(VERSION, f"/D={place}")
        expect(not (self.windows.local / ("x" * 40)).exists(), "it was installed")
        self.expect_installed(self.elsewhere_folder, OLDER)
        return f"{len(place)} characters"

    def removed(self) -> str:
        folder = self.elsewhere_folder
        (folder / "mine too.txt").write_text("the user's", encoding="utf-8")
        self.uninstall()
        expect(set(contents(folder)) == {"mine too.txt"}, f"left: {sorted(contents(folder))}")
        self.expect_nothing_left()
        (folder / "mine too.txt").unlink()
        folder.rmdir()
        return "all but the user's file"

    def removed_whole(self) -> str:
        """Once more in the usual place, where nothing of the user's is any more."""
        (self.usual / "_internal/mine.txt").unlink()
        self.install(VERSION)
        self.expect_installed(self.usual, VERSION)
        self.uninstall()
        expect(not self.usual.exists(), f"left: {sorted(contents(self.usual))}")
        self.expect_nothing_left()
        return "the folder too"

    def expect_untouched(self) -> None:
        registry = self.registry()
        for key, values in self.before.items():
            found = registry.get(key, {})
            expect(values.items() <= found.items(), f"{key} was {values} and is {found}")

    def expect_nothing_left(self) -> None:
        registry = self.registry()
        keys = set(registry) ^ set(self.before)
        expect(registry == self.before, f"the registry differs: {sorted(keys) or 'values'}")
        for place in (self.windows.start_menu, self.windows.desktop):
            expect(not (place / f"{NAME}.lnk").exists(), f"a shortcut is left in {place.name}")


STEPS = (
    *("resources", "first", "running", "upgrade", "interrupted", "elsewhere", "too_long"),
    *("removed", "removed_whole"),
)


def check_stand_in(windows: Windows, folder: Path) -> None:
    check = Check(windows, folder)
    for step in STEPS:
        started = time.perf_counter()
        told = getattr(check, step)()
        print(f"ok     {step} ({time.perf_counter() - started:.1f} s): {told}", flush=True)


def check_installer(windows: Windows, told: Path, installer: Path) -> None:
    """The real one: installed, its self-test run (into a file, for want of a console), removed."""
    folder = windows.local / "Programs" / NAME
    windows.run(installer.resolve(), "/S")
    expect((folder / PROGRAM).is_file(), f"no {PROGRAM} in {folder}")
    print(f"ok     installed: {len(contents(folder))} files", flush=True)
    windows.run(folder / PROGRAM, "self-test", "--json", str(told))
    report = json.loads(told.read_text(encoding="utf-8"))
    expect(report["ok"], failed_step(report))
    print(f"ok     self-test: {len(report['steps'])} steps", flush=True)
    windows.run(folder / "Uninstall.exe", "/S")
    windows.settle(folder / "Uninstall.exe")
    expect(not folder.exists(), f"left: {sorted(contents(folder))[:20]}")
    expect(not windows.registry(UNINSTALL), "the uninstaller's entry is left")
    print("ok     removed")


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the installer for Windows.")
    parser.add_argument("--installer", type=Path, help="this one, on Windows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hookscope-nsis-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        try:
            with some_windows(folder) as windows:
                if options.installer is None:
                    check_stand_in(windows, folder)
                else:
                    check_installer(windows, folder / "self-test.json", options.installer)
        except (CheckFailed, subprocess.SubprocessError, OSError) as error:
            print(f"FAILED {type(error).__name__}: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
