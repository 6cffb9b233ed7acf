"""Make the installer for Windows of what `make bundle` built there, with makensis.

    .venv/bin/python scripts/installers/make_nsis.py [FOLDER] [--out FILE] [--sign COMMAND]

FOLDER: the packaged program, dist/Hookscope by default. COMMAND signs a file whose name is put
after it (signtool sign ...): the uninstaller and the installer. makensis runs on Linux and macOS
too; what it packs has to come from Windows.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.files.suffixes import SESSION_MIME
from engine.version import APP_ID, COMMAND, NAME, SUMMARY, VERSION
from scripts.bundle import identity

SCRIPT = identity.WINDOWS / f"{COMMAND}.nsi"
# "C:\Users\", a name of twenty characters, and the folder that is offered.
_USUAL_PREFIX = 9 + 20 + len(rf"\AppData\Local\Programs\{NAME}" + "\\")
_MOST_CHARACTERS = 259
# The installer's own data are addressed with 31 bits.
_MOST_BYTES = 2**31 - 1


def payload_files(payload: Path) -> list[str]:
    """Every file below a folder, with forward slashes, sorted.

    Raises ValueError for names that the installer's list cannot hold, and for paths that are too
    long for Windows where the program is usually installed.
    """
    places = sorted(p.relative_to(payload).as_posix() for p in payload.rglob("*") if p.is_file())
    if f"{NAME}.exe" not in places:
        raise ValueError(f"{payload} has no {NAME}.exe")
    for place in places:
        if not place.isascii() or not place.isprintable() or set(place) & set('"<>|*?:\\$`'):
            raise ValueError(f"{place!r} cannot be installed on Windows")
    longest = max(places, key=len)
    if _USUAL_PREFIX + len(longest) > _MOST_CHARACTERS:
        raise ValueError(f"{longest!r} would be too long a path on Windows")
    return places


def folders_of(files: Iterable[str]) -> list[str]:
    """The folders that files lie in, those inside others first."""
    found = {p.as_posix() for place in files for p in PurePosixPath(place).parents}
    return sorted(found - {"."}, key=lambda place: (-place.count("/"), place))


def list_text(files: list[str]) -> str:
    """What the uninstaller reads: a line for each file, then folders, which end in a backslash."""
    lines = [*files, *(f"{folder}/" for folder in folders_of(files))]
    return "".join(line.replace("/", "\\") + "\r\n" for line in lines)


def include_text(payload: Path, files: list[str]) -> str:
    """The macros that hookscope.nsi takes the payload and its documents from."""
    lines = ["!macro ExtractFiles"]
    folder = ""
    for place in sorted(files, key=lambda place: (str(PurePosixPath(place).parent), place)):
        parent = PurePosixPath(place).parent
        if (own := str(parent).replace("/", "\\")) != folder:
            folder = own
            lines.append('  SetOutPath "$INSTDIR' + ("" if own == "." else f"\\{own}") + '"')
        lines.append(f'  File "{payload / place}"')
    lines += ["!macroend", "!macro ForEachKind ACTION"]
    for kind, (text, _) in identity.DOCUMENTS.items():
        own = kind == identity.OWN
        icon = rf"_internal\{identity.SESSION_ICON}.ico" if own else f"{NAME}.exe,0"
        lines.append(f'  !insertmacro ${{ACTION}} "{kind}" "{text}" "{icon}"')
    lines += ["!macroend", "!macro ForEachSuffix ACTION"]
    for kind, (_, suffixes) in identity.DOCUMENTS.items():
        lines += [f'  !insertmacro ${{ACTION}} "{s}" "{kind}"' for s in sorted(suffixes)]
    lines += ["!macroend", "!macro ForEachOwn ACTION"]
    for suffix in sorted(identity.DOCUMENTS[identity.OWN][1]):
        lines.append(f'  !insertmacro ${{ACTION}} "{suffix}" "{identity.OWN}" "{SESSION_MIME}"')
    return "\n".join([*lines, "!macroend", ""])


def definitions(payload: Path, files: list[str], version: str) -> dict[str, str]:
    """What hookscope.nsi has to know, but for the paths of what is made beside it."""
    size = sum((payload / place).stat().st_size for place in files)
    return {
        "NAME": NAME,
        "VERSION": version,
        "VERSION4": ".".join(map(str, identity.version_numbers(version))),
        "SUMMARY": SUMMARY,
        "PUBLISHER": identity.PUBLISHER,
        "COPYRIGHT": identity.COPYRIGHT,
        "APP_ID": APP_ID,
        "SIZE_KB": str(-(-size // 1024)),
        "LONGEST": str(1 + max(map(len, files))),
    }


def installer_name(version: str = VERSION, flavour: str = "") -> str:
    return f"{NAME}-{version}-windows-x64{flavour and '-' + flavour}-setup.exe"


def build(payload: Path, target: Path, version: str = VERSION, sign: str | None = None) -> Path:
    """Compile the installer. Raises SystemExit without makensis, CalledProcessError by it."""
    maker = shutil.which("makensis")
    if maker is None:
        raise SystemExit("makensis is not here: install NSIS 3.08 or newer")
    files = payload_files(payload.resolve())
    work = target.parent / f"{target.stem}-parts"
    work.mkdir(parents=True, exist_ok=True)
    defined = definitions(payload, files, version)
    texts = {"PAYLOAD_NSH": include_text(payload.resolve(), files), "LIST_FILE": list_text(files)}
    for name, text in texts.items():
        path = work / f"{name.lower()}.txt"
        path.write_text(text, encoding="utf-8", newline="")
        defined[name] = str(path.resolve())
    defined |= {**_pictures(work), "OUTPUT": str(target.resolve())}
    if sign is not None:
        defined["SIGN"] = sign
    command = [maker, "-V2", "-WX", "-INPUTCHARSET", "UTF8"]
    command += [f"-D{name}={text}" for name, text in defined.items()]
    try:
        subprocess.run([*command, str(SCRIPT)], check=True, stdin=subprocess.DEVNULL)
    finally:
        shutil.rmtree(work)
    if target.stat().st_size > _MOST_BYTES:
        raise SystemExit(f"{target}: larger than an installer of NSIS can be")
    return target


def _pictures(folder: Path) -> dict[str, str]:
    # Imported here: it takes Qt, which the other functions do without.
    from scripts.bundle import make_icons

    make_icons.make(folder)
    names = {"ICON": f"{COMMAND}.ico", "SIDE": f"{COMMAND}-side.bmp"}
    return {defined: str((folder / name).resolve()) for defined, name in names.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the installer for Windows.")
    parser.add_argument("payload", nargs="?", type=Path, default=ROOT / "dist" / NAME)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / installer_name())
    parser.add_argument("--sign", help="a command that signs the file whose name follows it")
    options = parser.parse_args()
    try:
        target = build(options.payload, options.out, sign=options.sign)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
