"""What the commands need of a Linux system: the one list, by files and by packages of Debian.

Files decide whether something is there, since a package can have another name on the next release
(libgtk-3-0, libgtk-3-0t64); apt takes the older name for the newer package. Needs nothing but
Python, as what reads it runs before there is an environment.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Need:
    """A package of Debian and Ubuntu, and the files of it that are needed.

    files: libraries by the name that the loader looks for, files by their full path, and commands;
    one of several with ' or ' between them.
    """

    package: str
    files: tuple[str, ...]


def _needs(table: str) -> tuple[Need, ...]:
    rows = (line.split(":") for line in table.strip().splitlines())
    return tuple(
        Need(package.strip(), tuple(name.strip() for name in files.split(",")))
        for package, files in rows
    )


# The window, from source.
QT = _needs("""
libegl1: libEGL.so.1
libgl1: libGL.so.1
libxcb-cursor0: libxcb-cursor.so.0
libxkbcommon-x11-0: libxkbcommon-x11.so.0
libdbus-1-3: libdbus-1.so.3
libfontconfig1: libfontconfig.so.1
libxcb-icccm4: libxcb-icccm.so.4
libxcb-image0: libxcb-image.so.0
libxcb-keysyms1: libxcb-keysyms.so.1
libxcb-randr0: libxcb-randr.so.0
libxcb-render-util0: libxcb-render-util.so.0
libxcb-shape0: libxcb-shape.so.0
libxcb-xinerama0: libxcb-xinerama.so.0
libxcb-xkb1: libxcb-xkb.so.1
""")

# The rest of what the libraries in the wheels ask for. A bundle takes each of them along or names
# it as a dependency, and can do neither with one that the building system lacks.
BUNDLED = _needs("""
libatk1.0-0: libatk-1.0.so.0
libbrotli1: libbrotlicommon.so.1, libbrotlidec.so.1
libcairo-gobject2: libcairo-gobject.so.2
libcairo2: libcairo.so.2
libfreetype6: libfreetype.so.6
libgcc-s1: libgcc_s.so.1
libgdk-pixbuf-2.0-0: libgdk_pixbuf-2.0.so.0
libglib2.0-0: libgio-2.0.so.0, libglib-2.0.so.0, libgobject-2.0.so.0, libgthread-2.0.so.0
libgssapi-krb5-2: libgssapi_krb5.so.2
libgtk-3-0: libgdk-3.so.0, libgtk-3.so.0
libharfbuzz0b: libharfbuzz.so.0
libice6: libICE.so.6
libpango-1.0-0: libpango-1.0.so.0
libpangocairo-1.0-0: libpangocairo-1.0.so.0
libsm6: libSM.so.6
libstdc++6: libstdc++.so.6
libwayland-client0: libwayland-client.so.0
libwayland-cursor0: libwayland-cursor.so.0
libwayland-egl1: libwayland-egl.so.1
libx11-6: libX11.so.6
libx11-xcb1: libX11-xcb.so.1
libxcb-glx0: libxcb-glx.so.0
libxcb-render0: libxcb-render.so.0
libxcb-shm0: libxcb-shm.so.0
libxcb-sync1: libxcb-sync.so.1
libxcb-util1: libxcb-util.so.1
libxcb-xfixes0: libxcb-xfixes.so.0
libxcb1: libxcb.so.1
libxext6: libXext.so.6
libxkbcommon0: libxkbcommon.so.0
libzstd1: libzstd.so.1
zlib1g: libz.so.1
""")

# Chromium, as QtWebEngine has it, on top of the window's.
BROWSER = _needs("""
libasound2: libasound.so.2
libexpat1: libexpat.so.1
libfreetype6: libfreetype.so.6
libgbm1: libgbm.so.1
libglib2.0-0: libglib-2.0.so.0
libnspr4: libnspr4.so
libnss3: libnss3.so, libnssutil3.so, libsmime3.so
libudev1: libudev.so.1
libx11-6: libX11.so.6
libxcb-dri3-0: libxcb-dri3.so.0
libxcb1: libxcb.so.1
libxcomposite1: libXcomposite.so.1
libxdamage1: libXdamage.so.1
libxext6: libXext.so.6
libxfixes3: libXfixes.so.3
libxkbcommon0: libxkbcommon.so.0
libxkbfile1: libxkbfile.so.1
libxrandr2: libXrandr.so.2
libxtst6: libXtst.so.6
fonts-dejavu-core: /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
""")

_BINUTILS = _needs("binutils: readelf, strip")
_BUILDING = _BINUTILS + _needs("chrpath: chrpath")
_FONT = _needs("fonts-dejavu-core: /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
_XVFB = _needs("xvfb: Xvfb")
_CONFINED = _needs("""
libc-bin: ldd, ldconfig
util-linux: mount, setpriv, unshare
""")
_PACKED = _needs("""
dpkg: dpkg-deb, dpkg-query
makeself: makeself
tar: tar
xz-utils: xz
""")

DISPLAY = (
    *_XVFB,
    *_needs("""
xdotool: xdotool
openbox: openbox
"""),
    *_FONT,
)

# The installer for Windows is tried under Wine, with a stand-in for the program.
_TRIED = _needs("""
debootstrap: debootstrap
desktop-file-utils: desktop-file-validate
libglib2.0-bin: gio
lintian: lintian
nsis: makensis
shared-mime-info: update-mime-database
shellcheck: shellcheck
wine64: wine64 or wine
x11-utils: xprop
""")

# Looked for by tests that do without where it is missing.
METADATA_TOOLS = _needs("appstream: appstreamcli")

# By the target of the Makefile.
TARGETS: dict[str, tuple[Need, ...]] = {
    "bundle": (*QT, *BUNDLED, *_BUILDING),
    "test-bundle": (*QT, *BUNDLED, *_XVFB, *_FONT, *_CONFINED),
    "installer": (*QT, *BUNDLED, *_BUILDING, *_PACKED),
    "test-installer": (*QT, *BUNDLED, *_BINUTILS, *DISPLAY, *_CONFINED, *_PACKED, *_TRIED),
}

# Not on the path of every user; Debian keeps wine64 off it where that is installed alone.
_MORE_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/wine")
# How ldconfig marks the libraries of a machine; there can be those of another one beside them.
_MARKS = {"x86_64": "x86-64", "aarch64": "AArch64"}


def packages(needs: Iterable[Need]) -> list[str]:
    """Their packages, each once, in order."""
    return list(dict.fromkeys(need.package for need in needs))


def shared_python() -> Need:
    """This Python as a library, which the packaged program is started by: Debian has it apart."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    name = f"libpython{version}.so.1.0"
    folders = (sysconfig.get_config_var("LIBDIR"), f"{sys.base_prefix}/lib")
    own = next((str(p) for f in folders if f and (p := Path(f) / name).is_file()), name)
    return Need(f"libpython{version}", (own,))


def missing(needs: Iterable[Need]) -> list[Need]:
    """What is not there of them: needs with those files alone that are missing."""
    libraries = _libraries()

    def there(name: str) -> bool:
        if name.startswith("/"):
            return Path(name).is_file()
        if ".so" in name:
            return name in libraries
        return _command(name) is not None

    found = []
    for need in needs:
        absent = tuple(f for f in need.files if not any(map(there, f.split(" or "))))
        if absent:
            found.append(Need(need.package, absent))
    return found


def _command(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=":".join(_MORE_FOLDERS))


def _libraries() -> set[str]:
    """The libraries that the loader finds for this machine."""
    ldconfig = _command("ldconfig")
    if ldconfig is None:
        return set()
    told = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False).stdout
    mark = _MARKS.get(platform.machine(), "")
    return {name for name, kind in re.findall(r"^\s+(\S+) \((.*?)\)", told, re.M) if mark in kind}
