"""What the packaged program tells Windows and macOS about itself."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

from PIL import Image

from engine.files import suffixes
from engine.version import APP_ID, COMMAND, NAME, SUMMARY, VERSION
from scripts.bundle import identity, make_icons

ROOT = Path(__file__).resolve().parents[3]
SPEC = (ROOT / "build.spec").read_text(encoding="utf-8")


def test_documents_are_what_the_program_opens() -> None:
    every = {suffix for _, found in identity.DOCUMENTS.values() for suffix in found}
    opened = suffixes.IMAGES | suffixes.WEIGHTS | suffixes.NETWORKS
    assert every == opened | {suffixes.SESSION}
    assert sum(len(found) for _, found in identity.DOCUMENTS.values()) == len(every)
    assert not every & suffixes.CLASS_NAMES


def test_version_resource_says_name_and_version() -> None:
    """Evaluated as PyInstaller evaluates it, with stand-ins for its classes."""

    def named(kind: str) -> Any:
        return lambda *words, **keys: SimpleNamespace(kind=kind, words=words, **keys)

    kinds = ("VSVersionInfo", "FixedFileInfo", "StringFileInfo", "StringTable", "StringStruct")
    names = {kind: named(kind) for kind in (*kinds, "VarFileInfo", "VarStruct")}
    made = eval(identity.version_resource(), names)
    assert made.ffi.filevers == made.ffi.prodvers == (*map(int, VERSION.split(".")), 0)
    (table,) = made.kids[0].words[0]
    strings = dict(entry.words for entry in table.words[1])
    assert strings["ProductName"] == NAME
    assert strings["ProductVersion"] == strings["FileVersion"] == VERSION
    assert SUMMARY[1:] in strings["FileDescription"]
    assert strings["OriginalFilename"] == f"{NAME}.exe"
    (variable,) = made.kids[1].words[0]
    assert table.words[0] == f"{variable.words[1][0]:04X}{variable.words[1][1]:04X}"


def test_version_resource_and_manifest_are_used_by_the_spec() -> None:
    assert "identity.write_version_resource(" in SPEC
    assert "runtimes.with_newest_runtimes(" in SPEC
    (name,) = re.findall(r'identity\.WINDOWS / "([^"]+)"', SPEC)
    assert name == f"{COMMAND}.manifest"


def test_windows_manifest() -> None:
    root = ElementTree.parse(identity.WINDOWS / f"{COMMAND}.manifest").getroot()
    told = {element.tag.partition("}")[2]: (element.text or "").strip() for element in root.iter()}
    assert told["dpiAwareness"].startswith("PerMonitorV2")
    assert told["longPathAware"] == "true"
    (level,) = [e for e in root.iter() if e.tag.endswith("requestedExecutionLevel")]
    assert level.get("level") == "asInvoker"


def test_info_plist() -> None:
    facts = plistlib.loads(plistlib.dumps(identity.info_plist()))
    assert facts["CFBundleIdentifier"] == APP_ID
    assert facts["CFBundleShortVersionString"] == facts["CFBundleVersion"] == VERSION
    assert facts["NSHighResolutionCapable"] is True
    assert re.fullmatch(r"\d+\.\d+", facts["LSMinimumSystemVersion"])
    documents = facts["CFBundleDocumentTypes"]
    extensions = [e for d in documents for e in d.get("CFBundleTypeExtensions", ())]
    opened = suffixes.IMAGES | suffixes.WEIGHTS | suffixes.NETWORKS
    assert sorted(f".{e}" for e in extensions) == sorted(opened)
    # Offered, and never made what a double click starts, but for the program's own files.
    others = [d for d in documents if d["CFBundleTypeName"] != f"{NAME} session"]
    assert {d["LSHandlerRank"] for d in others} == {"Alternate"}
    assert "info_plist=identity.info_plist()" in SPEC


def test_info_plist_declares_the_type_of_sessions() -> None:
    facts = plistlib.loads(plistlib.dumps(identity.info_plist()))
    (declared,) = facts["UTExportedTypeDeclarations"]
    (session,) = [d for d in facts["CFBundleDocumentTypes"] if d["LSHandlerRank"] == "Owner"]
    assert session["LSItemContentTypes"] == [declared["UTTypeIdentifier"]]
    assert declared["UTTypeIdentifier"].startswith(f"{APP_ID}.")
    assert declared["UTTypeTagSpecification"] == {
        "public.filename-extension": ["hookscope"],
        "public.mime-type": ["application/x-hookscope-session"],
    }
    # Its icon is put into the bundle under that name.
    assert session["CFBundleTypeIconFile"] == declared["UTTypeIconFile"]
    assert declared["UTTypeIconFile"] == f"{identity.SESSION_ICON}.icns"
    assert "analysis.datas.append((SESSION_ICON, str(ICONS / SESSION_ICON)" in SPEC


def test_entitlements_are_the_three_with_a_reason() -> None:
    path = identity.MACOS / "entitlements.plist"
    facts = plistlib.loads(path.read_bytes())
    names = ("allow-jit", "allow-unsigned-executable-memory", "disable-library-validation")
    assert facts == {f"com.apple.security.cs.{name}": True for name in names}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if "<key>" in line:
            assert lines[number - 1].endswith("-->")


def test_icons_hold_every_size(qapp: object, tmp_path: Path) -> None:
    make_icons.make(tmp_path)
    assert make_icons.SESSION == identity.SESSION_ICON
    for name in (COMMAND, make_icons.SESSION):
        check_icon(tmp_path, name)
    ours, theirs = (tmp_path / f"{name}-64.png" for name in (COMMAND, make_icons.SESSION))
    assert ours.read_bytes() != theirs.read_bytes()


def check_icon(folder: Path, name: str) -> None:
    with Image.open(folder / f"{name}.ico") as icon:
        assert {(size, size) for size in (16, 24, 32, 48, 64, 128, 256)} == icon.info["sizes"]
    with Image.open(folder / f"{name}.icns") as icon:
        pixels = {width * scale for width, _, scale in icon.info["sizes"]}
        assert {32, 64, 128, 256, 512, 1024} <= pixels
        # Drawn at its own size, not scaled down.
        held = icon.icns.getimage((128, 128, 1)).convert("RGBA")
        with Image.open(folder / f"{name}-128.png") as drawn:
            assert held.tobytes() == drawn.convert("RGBA").tobytes()
