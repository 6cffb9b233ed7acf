"""Check the packaged program as its users have it: no checkout, no network, a home of its own.

    .venv/bin/python scripts/bundle/check_bundle.py [--program PATH] [--only WORDS]

Every command runs in an empty folder, with a HOME in which the program's own folders alone can be
written, as a user without rights (Linux, when started as root), and cut off from the network where
the system lets it. The model files are made here, with the torch of the environment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.version import COMMAND, NAME, VERSION
from scripts.bundle import commands, models, pictures
from scripts.bundle.contents import bundle_folder
from scripts.common.checks import CheckFailed, failed_step
from scripts.common.display import x_display

_TIMEOUT_S = 240
_NOBODY = "65534"
_PAINT_LIMIT_S = 1.0
# Where the program keeps its log, settings, consent, downloads, indexes and sessions (Linux).
_DATA = f".local/share/{COMMAND}"
_LOG, _CACHE = f".local/state/{COMMAND}", f".cache/{COMMAND}"
_OWN = (_LOG, f".config/{COMMAND}", f".config/{NAME}", _CACHE, _DATA)


class Stage:
    """A folder with a home and model files, and a way to run the program there."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.home, self.work = folder / "home", folder / "work"
        for own in _OWN:
            (self.home / own).mkdir(parents=True)
        for place in (self.work, folder / "tmp", folder / "run"):
            place.mkdir(mode=0o700)
        models.make_all(self.work)
        commands.make_all(self.work)
        self.pictures = pictures.make_all(self.work)
        self._hand_over()
        self.prefix = _isolation()

    def _hand_over(self) -> None:
        """All of it to the user without rights, but for the home and the folders between."""
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            for path in sorted(self.home.rglob("*")):
                path.chmod(0o700 if path.relative_to(self.home).as_posix() in _OWN else 0o500)
            self.home.chmod(0o500)
            return
        self.folder.chmod(0o755)
        given = [self.work, *self.work.rglob("*"), self.folder / "tmp", self.folder / "run"]
        for path in [*given, *(self.home / own for own in _OWN)]:
            os.chown(path, int(_NOBODY), int(_NOBODY))

    def environment(self, display: str | None) -> dict[str, str]:
        env = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
        }
        if sys.platform == "win32":
            env |= {"SYSTEMROOT": os.environ["SYSTEMROOT"], "TEMP": env["TMPDIR"]}
        where = {"QT_QPA_PLATFORM": "offscreen"} if display is None else {"DISPLAY": display}
        return env | where

    def run(self, *arguments: str, display: str | None = None, code: int = 0) -> str:
        """What the program wrote to stdout (stderr for another code). Raises CheckFailed."""
        done = subprocess.run(
            [*self.prefix, str(self.program), *arguments],
            cwd=self.work,
            env=self.environment(display),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode != code:
            words = " ".join(arguments)
            raise CheckFailed(f"{words}: {done.returncode}: {done.stderr[-1500:]}")
        return done.stdout if code == 0 else done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The program with a window that nobody sees, to be ended by whoever started it."""
        return subprocess.Popen(
            [*self.prefix, str(self.program), *arguments],
            cwd=self.work,
            env=self.environment(None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _isolation() -> list[str]:
    """The words before a command that take network and rights away, as far as that works."""
    if not sys.platform.startswith("linux"):
        return []
    root = os.geteuid() == 0
    network = ["unshare", "-n"] if root else ["unshare", "-rn"]
    rights = ["setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups"] if root else []
    if subprocess.run([*network, "true"], capture_output=True, check=False).returncode:
        print("note: the network cannot be cut off here")
        network = []
    return [*network, *rights]


def check_version(stage: Stage) -> str:
    said = stage.run("--version").strip()
    if said != f"{NAME} {VERSION}":
        raise CheckFailed(f"it says {said!r}")
    return said


def check_self_test(stage: Stage, display: str | None = None) -> str:
    """Twice, since the second one finds the files in the system's memory."""
    runs = []
    for _ in range(2):
        report: dict[str, Any] = json.loads(stage.run("self-test", display=display))
        if not report["ok"]:
            raise CheckFailed(failed_step(report))
        runs.append(report)
    warm = runs[-1]
    figures = {k: v for k, v in warm.items() if k not in ("steps", "ok")}
    if warm["first_paint_s"] > _PAINT_LIMIT_S:
        raise CheckFailed(f"first paint after {warm['first_paint_s']} s")
    return f"{len(warm['steps'])} steps; {json.dumps(figures)}"


def check_self_test_on_screen(stage: Stage) -> str:
    with x_display() as display:
        return check_self_test(stage, display)


def check_explain(stage: Stage) -> str:
    facts = json.loads(stage.run("explain", "--json", "-", "--out", "demo.png"))
    if not (stage.work / "demo.png").stat().st_size:
        raise CheckFailed("no picture")
    return f"{facts['class']['label'] if isinstance(facts['class'], dict) else facts['class']}"


def check_models(stage: Stage) -> str:
    """Every kind of file that opens without an extra package, to its heat map."""
    for arguments in models.OPENED:
        stage.run("explain", *arguments, "--json", "-")
        stage.run("layers", *arguments, "--json", "-")
    return f"{len(models.OPENED)} kinds of model"


def check_pictures(stage: Stage) -> str:
    """Each decoder of images is there, in the reader of the packaged program."""
    for name in stage.pictures:
        facts = json.loads(stage.run("explain", name, "--json", "-"))
        if facts["image_file"]["values"]["type"] != "uint16":
            raise CheckFailed(f"{name} has lost its depth")
    said = stage.run("explain", pictures.HEIC, code=2)
    if "No module" in said or "damaged or truncated" not in said:
        raise CheckFailed(said)
    return f"{len(stage.pictures)} kinds of DICOM, HEIC"


def check_imports(stage: Stage) -> str:
    """A network's own file can import what the bundle has, among it what torch imports late."""
    stage.run("explain", *models.IMPORTS, "--json", "-")
    return f"{len(models.IMPORTED)} modules"


def check_refusals(stage: Stage) -> str:
    """What the bundle does not have is said in one line that leads further."""
    for arguments, words in models.REFUSED:
        said = stage.run("explain", *arguments, code=2)
        if any(word not in said for word in words) or said.count("\n") != 1:
            raise CheckFailed(f"{' '.join(arguments)}: {said}")
    return f"{len(models.REFUSED)} refusals"


def check_sweep(stage: Stage) -> str:
    stage.run("sweep", "--out", "maps.npz")
    return f"{(stage.work / 'maps.npz').stat().st_size} bytes"


def check_written(stage: Stage) -> str:
    """What-if, comparisons, figures, scripts, reports (one of a session), and figures of trust."""
    return commands.check_written(stage.run, stage.work)


def check_folder(stage: Stage) -> str:
    return commands.check_folder(stage.run, stage.work)


def check_session(stage: Stage) -> str:
    return commands.check_session(stage.start, stage.home / _DATA)


def check_list(stage: Stage) -> str:
    return f"{len(json.loads(stage.run('models', '--json', '-')))} classifiers"


def check_libraries(stage: Stage) -> str:
    """Every library of the bundle finds those that it needs, in the bundle or on the system."""
    if not sys.platform.startswith("linux"):
        return "not on this system"
    inner = stage.program.parent / "_internal"
    libraries = [p for p in inner.rglob("*") if ".so" in p.name and not p.is_symlink()]
    if len(libraries) < 50:
        raise CheckFailed(f"only {len(libraries)} libraries are there")
    missing: dict[str, list[str]] = {}
    for path in libraries:
        env = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(inner)}
        told = subprocess.run(
            ["ldd", str(path)], env=env, capture_output=True, text=True, check=False
        ).stdout
        for line in told.splitlines():
            if "not found" in line:
                missing.setdefault(line.split()[0], []).append(path.name)
    # The registry's torchvision is built for CUDA; engine/lazy/torchvision.py does without its
    # operators.
    known = {n for n, users in missing.items() if all(u in models.CUDA_BUILT for u in users)}
    if set(missing) - known:
        raise CheckFailed(str({n: u for n, u in missing.items() if n not in known}))
    return f"{len(libraries)} libraries"


def check_own_folders(stage: Stage) -> str:
    """The home holds what it held, but for the program's own folders."""
    places = {p.relative_to(stage.home).as_posix() for p in stage.home.rglob("*")}
    strange = [p for p in places if not any(p.startswith(o) or o.startswith(p) for o in _OWN)]
    if strange or not (stage.home / _LOG).is_dir():
        raise CheckFailed(f"it wrote {strange}")
    if not list((stage.home / _LOG).rglob("*.log")):
        raise CheckFailed("there is no log")
    return "log written, nothing beside its own folders"


CHECKS: tuple[tuple[str, Callable[[Stage], str]], ...] = (
    ("version", check_version),
    ("self-test, offscreen", check_self_test),
    ("self-test, under Xvfb", check_self_test_on_screen),
    ("explain", check_explain),
    ("model files", check_models),
    ("image files", check_pictures),
    ("imports of a network's file", check_imports),
    ("what it does not have", check_refusals),
    ("sweep", check_sweep),
    ("list of classifiers", check_list),
    ("files of the other commands", check_written),
    ("a folder: batch, summary, clusters", check_folder),
    ("a session with a folder page, in the window", check_session),
    ("libraries", check_libraries),
    ("own folders", check_own_folders),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the packaged program.")
    suffix = ".exe" if sys.platform == "win32" else ""
    parser.add_argument("--program", type=Path, default=bundle_folder() / f"{NAME}{suffix}")
    parser.add_argument("--only", help="checks whose name contains this")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="hookscope-bundle-") as name:
        stage = Stage(options.program.resolve(), Path(name))
        for what, check in CHECKS:
            if options.only and options.only not in what:
                continue
            started = time.perf_counter()
            try:
                detail, word = check(stage), "ok    "
            except (CheckFailed, subprocess.TimeoutExpired, OSError, ValueError) as error:
                detail, word = f"{type(error).__name__}: {error}", "FAILED"
                failed += 1
            seconds = time.perf_counter() - started
            print(f"{word} {what} ({seconds:.1f} s): {detail}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
