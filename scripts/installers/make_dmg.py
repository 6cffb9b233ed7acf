"""Sign the macOS program, put it into a disk image, and have Apple notarise it.

    .venv/bin/python scripts/installers/make_dmg.py [APP] [--out FILE] [--identity NAME]
                                         [--notary-profile NAME [--keychain FILE]] [--dry-run]
    .venv/bin/python scripts/installers/make_dmg.py --check [FILE]

--identity: a 'Developer ID Application' certificate in the keychain. Without one the program is
signed ad hoc: it runs on the Mac it was built on, and elsewhere after its user has allowed it in
the system's settings. --notary-profile: credentials, as 'xcrun notarytool store-credentials' keeps
them, in another keychain than the user's own with --keychain. --dry-run: only print the commands,
on any system. --check: mount that image and run its self-test.
"""

from __future__ import annotations

import argparse
import json
import platform
import plistlib
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.version import APP_ID, NAME, VERSION
from scripts.bundle import identity
from scripts.common.checks import failed_step

ENTITLEMENTS = identity.MACOS / "entitlements.plist"
AD_HOC = "-"
Command = list[str]
# 64 bits, both byte orders; universal files, with 32- and 64-bit offsets.
_MAGICS = (0xFEEDFACF, 0xCFFAEDFE, 0xCAFEBABE, 0xCAFEBABF)


def is_mach_o(path: Path) -> bool:
    """Whether a file is a program or library of macOS (mach-o/loader.h, mach-o/fat.h)."""
    with path.open("rb") as file:
        start = file.read(8)
    if len(start) < 8:
        return False
    magic, count = struct.unpack(">II", start)
    # Compiled Java begins with the same four bytes, and then a version of at least 45.
    return magic in _MAGICS and (magic != 0xCAFEBABE or count < 45)


def signed_parts(app: Path) -> list[Path]:
    """What is signed by itself before the program is, the innermost first.

    Libraries and programs, and frameworks as folders, whose own library is signed with them. What
    lies behind links is signed where it really lies.
    """
    main = app / "Contents" / "MacOS" / NAME
    found = [p for p in app.rglob("*") if not p.is_symlink() and not _behind_link(p, app)]
    frameworks = {p for p in found if p.suffix == ".framework" and p.is_dir()}
    own = {(p / p.stem).resolve() for p in frameworks}
    files = {p for p in found if p.is_file() and p != main and is_mach_o(p)}
    files = {p for p in files if p.resolve() not in own}
    return sorted(files | frameworks, key=lambda p: (-len(p.parts), str(p)))


def _behind_link(path: Path, app: Path) -> bool:
    between = [p for p in path.parents if p != app and app in p.parents]
    return any(p.is_symlink() for p in between)


def signing(app: Path, identity_name: str) -> Iterator[Command]:
    """From the inside out: what is signed must not change afterwards."""
    sign = ["codesign", "--force", "--sign", identity_name]
    if identity_name != AD_HOC:
        sign += ["--options", "runtime", "--timestamp"]
    yield ["xattr", "-cr", str(app)]
    for _, parts in groupby(signed_parts(app), key=lambda p: len(p.parts)):
        yield [*sign, *map(str, parts)]
    yield [*sign, "--entitlements", str(ENTITLEMENTS), str(app)]
    yield ["codesign", "--verify", "--deep", "--strict", "--verbose=1", str(app)]


def imaging(app: Path, stage: Path, image: Path) -> Iterator[Command]:
    """A window with the program and a link to where it belongs."""
    yield ["rm", "-rf", str(stage)]
    yield ["mkdir", "-p", str(stage)]
    yield ["ditto", str(app), str(stage / app.name)]
    yield ["ln", "-s", "/Applications", str(stage / "Applications")]
    create = ["hdiutil", "create", "-ov", "-fs", "HFS+", "-format", "ULMO"]
    yield [*create, "-volname", f"{NAME} {VERSION}", "-srcfolder", str(stage), str(image)]


def notarising(image: Path, identity_name: str, profile: list[str]) -> Iterator[Command]:
    """Apple looks the image over; its answer is put into the file, for Macs without a network."""
    yield ["codesign", "--force", "--timestamp", "--sign", identity_name, str(image)]
    submit = ["xcrun", "notarytool", "submit", str(image)]
    yield [*submit, *profile, "--wait"]
    yield ["xcrun", "stapler", "staple", str(image)]
    yield ["xcrun", "stapler", "validate", str(image)]
    check = ["spctl", "--assess", "--type", "open", "--context", "context:primary-signature"]
    yield [*check, "--verbose", str(image)]


def commands(
    app: Path, image: Path, identity_name: str, profile: str | None, keychain: Path | None = None
) -> list[Command]:
    """Everything that is run, in order."""
    found = [*signing(app, identity_name), *imaging(app, image.with_suffix(".stage"), image)]
    if identity_name != AD_HOC and profile is not None:
        credentials = ["--keychain-profile", profile]
        if keychain is not None:
            credentials += ["--keychain", str(keychain)]
        found += notarising(image, identity_name, credentials)
    return [*found, ["rm", "-rf", str(image.with_suffix(".stage"))]]


def image_name(version: str = VERSION, machine: str = "") -> str:
    """machine: arm64 or x86_64; this Mac's when left out, and arm64 elsewhere."""
    machine = machine or (platform.machine() if sys.platform == "darwin" else "arm64")
    return f"{NAME}-{version}-macos-{machine}.dmg"


def check(image: Path) -> None:
    """Raises SystemExit with what is wrong with an image."""
    with tempfile.TemporaryDirectory(prefix="hookscope-dmg-") as name:
        mount = Path(name).resolve() / "mounted"
        attach = ["hdiutil", "attach", "-readonly", "-nobrowse", "-mountpoint", str(mount)]
        subprocess.run([*attach, str(image)], check=True)
        try:
            _check_mounted(mount)
        finally:
            subprocess.run(["hdiutil", "detach", "-force", str(mount)], check=True)


def _check_mounted(mount: Path) -> None:
    app = mount / f"{NAME}.app"
    facts = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
    wrong = {k: facts.get(k) for k, v in identity.info_plist().items() if facts.get(k) != v}
    if wrong or facts["CFBundleIdentifier"] != APP_ID:
        raise SystemExit(f"Info.plist: {wrong}")
    if (mount / "Applications").readlink() != Path("/Applications"):
        raise SystemExit("no link to the folder of programs")
    subprocess.run(["codesign", "--verify", "--deep", "--strict", str(app)], check=True)
    program = app / "Contents" / "MacOS" / NAME
    told = subprocess.run([str(program), "self-test"], check=True, capture_output=True, timeout=600)
    report = json.loads(told.stdout)
    if not report["ok"]:
        raise SystemExit(f"self-test: {failed_step(report)}")
    print(f"ok     {app.name} from the image: self-test, {len(report['steps'])} steps")


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the disk image for macOS.")
    parser.add_argument("app", nargs="?", type=Path, default=ROOT / "dist" / f"{NAME}.app")
    image = ROOT / "dist" / image_name()
    parser.add_argument("--out", type=Path, default=image)
    parser.add_argument("--identity", default=AD_HOC)
    parser.add_argument("--notary-profile")
    parser.add_argument("--keychain", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="print the commands, run none")
    parser.add_argument("--check", type=Path, nargs="?", const=image, help="look an image over")
    options = parser.parse_args()
    if options.check is not None:
        check(options.check)
        return 0
    if not options.app.is_dir():
        raise SystemExit(f"{options.app} is not there; make it with 'make bundle' on a Mac")
    if not options.dry_run and shutil.which("hdiutil") is None:
        raise SystemExit("a disk image is made on macOS; --dry-run says how")
    if options.identity == AD_HOC:
        print("note: no --identity, so it is signed ad hoc and not notarised", file=sys.stderr)
    elif options.notary_profile is None:
        print("note: no --notary-profile, so it is not notarised", file=sys.stderr)
    everything = commands(
        options.app, options.out, options.identity, options.notary_profile, options.keychain
    )
    for command in everything:
        print(shlex.join(command), flush=True)
        if not options.dry_run:
            subprocess.run(command, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
