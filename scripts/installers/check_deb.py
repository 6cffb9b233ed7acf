r"""Check the Debian package: its form, and its whole life in a bare Debian, which is not touched.

    .venv/bin/python scripts/installers/check_deb.py [--installer FILE] [--only lintian|life] \
        [--mirror URL]

As root, with debootstrap. A bare system is made in build/debian once and kept; the checks work in a
copy of it. Only apt's own archive is asked for packages, so a dependency that the package does not
name is not there. The picture of the installed program goes to build/installed.png.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.version import APP_ID, COMMAND, NAME, VERSION
from scripts.common.checks import CheckFailed, failed_step
from scripts.installers import debian, make_deb
from scripts.installers import linux_check as stage
from scripts.installers.linux_check import Person
from scripts.installers.older import OLDER, ONLY_IN_OLDER, older_package
from scripts.installers.screen import Screen, screen

PICTURE = ROOT / "build" / "installed.png"
_ONLY_IN_OLDER = f"opt/{COMMAND}/{ONLY_IN_OLDER}"
_SCENE = ROOT / "resources" / "scenes" / "star-with-mark.jpg"
# What a desktop has and a bare system has not.
_DESKTOP = ("libglib2.0-bin", "desktop-file-utils", "shared-mime-info", "gtk-update-icon-cache")
_DESKTOP_TOO = ("hicolor-icon-theme", "appstream")
_INSTALLED = (
    f"usr/bin/{COMMAND}",
    f"opt/{COMMAND}/{NAME}",
    f"usr/share/applications/{COMMAND}.desktop",
    f"usr/share/metainfo/{APP_ID}.metainfo.xml",
    f"usr/share/mime/packages/{COMMAND}.xml",
    f"usr/share/icons/hicolor/scalable/apps/{COMMAND}.svg",
    f"usr/share/icons/hicolor/256x256/apps/{COMMAND}.png",
    "usr/share/icons/hicolor/256x256/mimetypes/application-x-hookscope-session.png",
    f"usr/share/man/man1/{COMMAND}.1.gz",
    f"usr/share/doc/{COMMAND}/copyright",
    f"opt/{COMMAND}/_internal/licences/torch.txt",
)
_MIME = {
    "image/png": None,
    "image/jpeg": None,
    "application/x-hookscope-torch": ".pth",
    "application/x-hookscope-exported": ".pt2",
    "application/x-hookscope-safetensors": ".safetensors",
    "application/x-hookscope-onnx": ".onnx",
    "application/x-hookscope-session": ".hookscope",
}


def hand_in(package: Path, root: Path) -> str:
    """The package's name inside that system."""
    place = root / "tmp" / package.name
    if not place.exists():
        shutil.copyfile(package, place)
        place.chmod(0o644)
    return f"/tmp/{package.name}"


def check_form(package: Path) -> str:
    """lintian finds no error and no warning that is not overridden, with the reason beside it."""
    command = ["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning"]
    done = subprocess.run(
        [*command, str(package)], capture_output=True, text=True, timeout=900, check=False
    )
    tags = [line for line in done.stdout.splitlines() if line.startswith(("E:", "W:"))]
    if tags or done.returncode:
        raise CheckFailed("; ".join(tags[:6]) or done.stderr[-500:])
    return "no tag that is not overridden"


class Life:
    """The package's life in one copy of the bare system; each step builds on those before."""

    def __init__(self, root: Path, package: Path, screen: Screen) -> None:
        self.root, self.package, self.screen = root, package, screen
        self.admin = debian.administrator(root)
        self.home = debian.HOME
        self.user = debian.user_inside(root, "lena", self.home)
        self.bare: dict[str, str] = {}
        self.desktop: dict[str, str] = {}

    def inside(self, place: str) -> Path:
        return self.root / place.lstrip("/")

    def on_screen(self) -> Person:
        environment = self.user.environment | {"DISPLAY": self.screen.display}
        return Person(self.user.prefix, environment)

    def install_bare(self) -> str:
        self.admin.run("apt-get", "update", "-q")
        self.bare = debian.system_snapshot(self.root)
        self.admin.run(*debian.INSTALL, hand_in(self.package, self.root))
        missing = [p for p in _INSTALLED if not os.path.lexists(self.root / p)]
        if missing:
            raise CheckFailed(f"not installed: {missing}")
        wanted = self.admin.run("dpkg-query", "-W", "-f=${Depends}", COMMAND)
        said = self.user.run(COMMAND, "--version").strip()
        if said != f"{NAME} {VERSION}":
            raise CheckFailed(f"it says {said!r}")
        return f"{said}, {wanted.count(',') + 1} dependencies"

    def self_test(self) -> str:
        """Offscreen and on a screen, as a user, without the network."""
        steps = []
        for person, more in (
            (self.user, {"QT_QPA_PLATFORM": "offscreen"}),
            (self.on_screen(), {}),
        ):
            report = json.loads(person.run(COMMAND, "self-test", **more))
            if not report["ok"]:
                raise CheckFailed(failed_step(report))
            steps.append(f"{len(report['steps'])} steps, first paint {report['first_paint_s']} s")
        self.user.run(COMMAND, "explain", "--out", f"{self.home}/map.png")
        return "; ".join(steps)

    def libraries(self) -> str:
        """Every library finds what it needs in the bundle or the packages that it depends on."""
        program = (
            f"cd /opt/{COMMAND}/_internal && find . -name '*.so*' -type f | while read -r file; do"
            ' echo "file $file"; ldd "$file" | sed -n "/not found/s|^|$file|p"; done'
        )
        env = {"LD_LIBRARY_PATH": f"/opt/{COMMAND}/_internal"}
        told = self.admin.run("sh", "-c", program, **env).splitlines()
        lines = [line for line in told if not line.startswith("file ")]
        # GTK is recommended and not needed; the registry's torchvision may be built for CUDA.
        lines = [ln for ln in lines if "libqgtk3.so" not in ln and "libtorch_cuda.so" not in ln]
        if lines or len(told) < 50:
            raise CheckFailed("; ".join(lines[:6]) or f"only {len(told)} libraries are there")
        return f"{len(told)} libraries find all that they need"

    def purge_bare(self) -> str:
        self.admin.run("apt-get", "purge", "-y", "-q", COMMAND)
        self.admin.run("apt-get", "autoremove", "--purge", "-y", "-q")
        # Left by packages of Debian that came and went with it.
        debian.same(
            self.bare,
            debian.system_snapshot(self.root),
            ("etc/", "usr/share/", "var/lib/", "usr/local/"),
        )
        left = [p for p in debian.system_snapshot(self.root) if COMMAND in p.lower()]
        if left:
            raise CheckFailed(f"left behind: {left[:6]}")
        return "nothing left"

    def desktop_before(self) -> str:
        """A desktop's tools and what the package depends on, as it is before it is installed."""
        depends = subprocess.run(
            ["dpkg-deb", "-f", str(self.package), "Depends"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        names = [name.split()[0] for name in depends.split(",")]
        self.admin.run(*debian.INSTALL, *_DESKTOP, *_DESKTOP_TOO, *names)
        self.desktop = debian.system_snapshot(self.root)
        return f"{len(self.desktop)} files"

    def upgrade(self) -> str:
        """Over an older version: what it no longer has is gone, what the user has is not."""
        settings = self.inside(f"{self.home}/.config/{NAME}/of-the-user.conf")
        older = older_package(self.package, self.root / "tmp")
        self.admin.run(*debian.INSTALL, f"/tmp/{older.name}")
        if not (self.root / _ONLY_IN_OLDER).exists():
            raise CheckFailed("the older version is not there")
        self.user.run("mkdir", "-p", f"{self.home}/.config/{NAME}")
        self.user.run("sh", "-c", f"echo mine > {self.home}/.config/{NAME}/of-the-user.conf")
        self.admin.run(*debian.INSTALL, hand_in(self.package, self.root))
        if (self.root / _ONLY_IN_OLDER).exists():
            raise CheckFailed(f"{_ONLY_IN_OLDER} is still there")
        if settings.read_text(encoding="utf-8") != "mine\n":
            raise CheckFailed("the user's settings were changed")
        if self.admin.attempt(*debian.INSTALL, f"/tmp/{older.name}").returncode == 0:
            raise CheckFailed("apt went back to the older version without being told to")
        if self.user.run(COMMAND, "--version").strip() != f"{NAME} {VERSION}":
            raise CheckFailed("the older version came back")
        older.unlink(missing_ok=True)
        (self.root / "tmp" / older.name).unlink(missing_ok=True)
        return f"{OLDER} to {VERSION}; the way back is refused by apt"

    def types(self) -> str:
        """The desktop knows the files and offers the program for them."""
        for kind, suffix in _MIME.items():
            told = self.user.run("gio", "mime", kind)
            if f"{COMMAND}.desktop" not in told:
                raise CheckFailed(f"{kind} is not offered: {told}")
            if suffix is None:
                continue
            place = f"{self.home}/model{suffix}"
            if suffix in (".pth", ".pt2"):
                with zipfile.ZipFile(self.inside(place), "w") as archive:
                    archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
            else:
                self.inside(place).write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
            told = self.user.run("gio", "info", "-a", "standard::content-type", place)
            if f"standard::content-type: {kind}" not in told:
                raise CheckFailed(f"{suffix} is no {kind}: {told}")
        self.user.run("appstreamcli", "get", APP_ID)
        return f"{len(_MIME)} types"

    def launch(self, picture: str) -> str:
        """Start it from the desktop entry with a picture; the window that names the picture."""
        entry = f"/usr/share/applications/{COMMAND}.desktop"
        return self.screen.launch(self.user, entry, picture)

    def from_the_menu(self) -> str:
        picture = f"{self.home}/naïve star.jpg"
        shutil.copyfile(_SCENE, self.inside(picture))
        started = time.monotonic()
        window = self.launch(picture)
        seconds = time.monotonic() - started
        title, names = self.screen.windows()[window], self.screen.wm_class(window)
        entry = self.inside(f"usr/share/applications/{COMMAND}.desktop").read_text(encoding="utf-8")
        if f"StartupWMClass={names[-1]}\n" not in entry:
            raise CheckFailed(f"WM_CLASS is {names}, which is not the entry's StartupWMClass")
        self.screen.settled(PICTURE)
        self.screen.close(window, f"opt/{COMMAND}/{NAME}")
        return f"title {title!r} after {seconds:.1f} s, WM_CLASS {names}"

    def removed_while_running(self) -> str:
        """The window stays usable, and closes as ever."""
        window = self.launch(f"{self.home}/naïve star.jpg")
        self.screen.settled(PICTURE.with_name("removed.png"))
        self.admin.run("apt-get", "remove", "-y", "-q", COMMAND)
        self.screen.press("F11")
        self.screen.press("F11")
        self.screen.settled(PICTURE.with_name("removed.png"))
        if not stage.processes_of(f"opt/{COMMAND}/{NAME}"):
            raise CheckFailed("it ended when its files were removed")
        self.screen.close(window, f"opt/{COMMAND}/{NAME}")
        log = self.inside(f"{self.home}/.local/state/{COMMAND}/log/{COMMAND}.log")
        if "Traceback" in log.read_text(encoding="utf-8"):
            raise CheckFailed(f"an error in its log: {log.read_text(encoding='utf-8')[-1500:]}")
        return "went on until its window was closed; no error in its log"

    def purge(self) -> str:
        # Without configuration files, nothing is left to purge after 'remove', and apt says so.
        self.admin.run("dpkg", "--purge", COMMAND)
        debian.same(self.desktop, debian.system_snapshot(self.root))
        own = self.inside(self.home)
        kept = sorted(
            p.relative_to(own).as_posix() for p in own.rglob(f"*{NAME[1:]}") if p.is_dir()
        )
        return f"files and caches as before; kept for the user: {', '.join(kept)}"


def check(told: stage.Told) -> None:
    """Raises CheckFailed with what is wrong."""
    package = told.installer
    if told.wants("lintian"):
        stage.take([("lintian", partial(check_form, package))])
    if told.wants("life"):
        base = debian.bare_system(told)
        with debian.copied_system(base) as root, screen() as display:
            life = Life(root, package, display)
            stage.take(
                (
                    ("installed into a bare Debian", life.install_bare),
                    ("self-test, offscreen and under Xvfb; explain", life.self_test),
                    ("libraries", life.libraries),
                    ("purged from the bare Debian", life.purge_bare),
                    ("a desktop's tools", life.desktop_before),
                    ("upgrade", life.upgrade),
                    ("MIME types", life.types),
                    ("started from its desktop entry", life.from_the_menu),
                    ("removed while it runs", life.removed_while_running),
                    ("purged", life.purge),
                )
            )


if __name__ == "__main__":
    stage.isolate()
    sys.exit(stage.main("Check the Debian package.", make_deb.target(), ("lintian", "life"), check))
