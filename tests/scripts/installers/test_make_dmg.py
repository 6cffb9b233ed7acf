"""How the macOS program is signed and packed, without a Mac: the commands and their order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.version import NAME
from scripts.installers import make_dmg

MACH_O = b"\xcf\xfa\xed\xfe" + bytes(28)
UNIVERSAL = b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(24)
JAVA = b"\xca\xfe\xba\xbe\0\0\0\x41" + bytes(24)
WHO = "Developer ID Application: Somebody (ABCDE12345)"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A program as PyInstaller lays it out, with a framework of Qt and links between folders."""
    root = tmp_path / f"{NAME}.app" / "Contents"
    files = {
        f"MacOS/{NAME}": MACH_O,
        "Frameworks/libpython3.11.dylib": UNIVERSAL,
        "Frameworks/torch/lib/libtorch_cpu.dylib": MACH_O,
        "Frameworks/torch/bin/torch_shm_manager": MACH_O,
        "Frameworks/PySide6/Qt/lib/QtCore.framework/Versions/A/QtCore": UNIVERSAL,
        "Frameworks/PySide6/Qt/lib/QtCore.framework/Versions/A/Resources/Info.plist": b"<plist/>",
        "Resources/resources/theme.qss": b"QWidget {}",
        "Resources/Thing.class": JAVA,
        "Resources/empty": b"",
    }
    for place, data in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(data)
    framework = root / "Frameworks/PySide6/Qt/lib/QtCore.framework"
    (framework / "Versions/Current").symlink_to("A")
    (framework / "QtCore").symlink_to("Versions/Current/QtCore")
    (root / "Resources/torch").symlink_to("../Frameworks/torch")
    (root / "Frameworks/resources").symlink_to("../Resources/resources")
    return root.parent


def test_what_is_signed_is_signed_from_the_inside_out(app: Path) -> None:
    parts = [p.relative_to(app / "Contents").as_posix() for p in make_dmg.signed_parts(app)]
    assert parts == [
        "Frameworks/PySide6/Qt/lib/QtCore.framework",
        "Frameworks/torch/bin/torch_shm_manager",
        "Frameworks/torch/lib/libtorch_cpu.dylib",
        "Frameworks/libpython3.11.dylib",
    ]


def test_with_a_certificate_and_credentials_everything_is_done(app: Path) -> None:
    image = app.parent / "it.dmg"
    commands = make_dmg.commands(app, image, WHO, "notary", Path("/k"))
    signed = [c for c in commands if c[0] == "codesign" and "--sign" in c]
    # Parts, then the program with its entitlements, then the image.
    assert [c[-1] for c in signed[-2:]] == [str(app), str(image)]
    assert all("--timestamp" in c and WHO in c for c in signed)
    assert all("runtime" in c for c in signed[:-1])
    assert [c for c in signed if "--entitlements" in c] == [signed[-2]]
    assert Path(signed[-2][signed[-2].index("--entitlements") + 1]).is_file()
    words = [" ".join(c) for c in commands]
    order = ["--verify", "hdiutil create", "notarytool submit", "stapler staple", "spctl"]
    found = [next(n for n, line in enumerate(words) if word in line) for word in order]
    assert found == sorted(found)
    (submit,) = [line for line in words if "notarytool" in line]
    assert submit.endswith("--keychain-profile notary --keychain /k --wait")
    assert "ln -s /Applications" in " ".join(words)


def test_without_a_certificate_it_is_signed_ad_hoc_and_nobody_is_asked(app: Path) -> None:
    words = [" ".join(c) for c in make_dmg.commands(app, app.parent / "it.dmg", "-", "notary")]
    assert not [line for line in words if "notarytool" in line or "stapler" in line]
    assert not [line for line in words if "--timestamp" in line or "--options runtime" in line]
    assert [line for line in words if "--sign - " in line and line.endswith(str(app))]


def test_a_dry_run_prints_and_says_that_it_is_not_notarised(app: Path) -> None:
    root = Path(make_dmg.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "scripts/installers/make_dmg.py", str(app), "--dry-run"],
        cwd=root,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "ad hoc and not notarised" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("xattr -cr ")
    assert "hdiutil create" in done.stdout
    assert (app / "Contents/MacOS" / NAME).read_bytes() == MACH_O
