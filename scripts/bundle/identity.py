"""What the packaged program tells Windows and macOS about itself: version resource, documents.

build.spec and the installers' scripts take it from here, and a test holds it against the code.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from engine.files import suffixes
from engine.version import APP_ID, COMMAND, NAME, SUMMARY, VERSION

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = ROOT / "resources" / "packaging" / "windows"
MACOS = ROOT / "resources" / "packaging" / "macos"

PUBLISHER = f"The {NAME} authors"
COPYRIGHT = f"Copyright (c) 2026 {PUBLISHER}"

# The wheels of NumPy 2.4 and OpenCV 5 for macOS ask for that, on Apple silicon torch 2.13's too.
MACOS_MINIMUM = "14.0"

# What a file manager offers the program for. Lists of class names stay out: .txt, .csv and .json
# belong to everybody, and are opened beside a network.
DOCUMENTS: dict[str, tuple[str, frozenset[str]]] = {
    "Picture": ("Picture", suffixes.IMAGES),
    "Model": ("Neural network or its weights", suffixes.WEIGHTS | suffixes.NETWORKS),
    "Session": (f"{NAME} session", frozenset({suffixes.SESSION})),
}
"""Kind: what a user reads, and the suffixes."""

OWN = "Session"
"""The kind of documents that are the program's own: a double click opens them with it."""

SESSION_ICON = f"{COMMAND}-session"
"""The name of its icon, an .ico on Windows and an .icns on macOS, beside the bundle's data."""

SESSION_TYPE = f"{APP_ID}.session"
"""Its uniform type identifier on macOS."""


def version_numbers(version: str = VERSION) -> tuple[int, int, int, int]:
    """The version as Windows counts: '0.1.0' is (0, 1, 0, 0). Raises ValueError for letters."""
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch, 0


def version_resource(version: str = VERSION) -> str:
    """The version resource of the Windows program, as the text that PyInstaller's EXE reads."""
    numbers = version_numbers(version)
    strings = {
        "CompanyName": PUBLISHER,
        "FileDescription": f"{NAME}: {SUMMARY[0].lower()}{SUMMARY[1:]}",
        "FileVersion": version,
        "InternalName": NAME,
        "LegalCopyright": COPYRIGHT,
        "OriginalFilename": f"{NAME}.exe",
        "ProductName": NAME,
        "ProductVersion": version,
    }
    entries = ", ".join(f"StringStruct({key!r}, {text!r})" for key, text in strings.items())
    # 0x0409 is English (United States), 1200 UTF-16.
    return (
        "VSVersionInfo(\n"
        f"  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3f, flags=0x0,\n"
        "    OS=0x40004, fileType=0x1, subtype=0x0, date=(0, 0)),\n"
        f"  kids=[StringFileInfo([StringTable('040904B0', [{entries}])]),\n"
        "    VarFileInfo([VarStruct('Translation', [0x0409, 1200])])])\n"
    )


def _session() -> dict[str, object]:
    return {
        "CFBundleTypeName": DOCUMENTS[OWN][0],
        "CFBundleTypeRole": "Editor",
        "LSHandlerRank": "Owner",
        "LSItemContentTypes": [SESSION_TYPE],
        "CFBundleTypeIconFile": f"{SESSION_ICON}.icns",
    }


def _session_type() -> dict[str, object]:
    extension = suffixes.SESSION.removeprefix(".")
    return {
        "UTTypeIdentifier": SESSION_TYPE,
        "UTTypeDescription": DOCUMENTS[OWN][0],
        "UTTypeConformsTo": ["public.data", "public.content"],
        "UTTypeIconFile": f"{SESSION_ICON}.icns",
        "UTTypeTagSpecification": {
            "public.filename-extension": [extension],
            "public.mime-type": [suffixes.SESSION_MIME],
        },
    }


def _document(kind: str, extensions: Collection[str]) -> dict[str, object]:
    return {
        "CFBundleTypeName": kind,
        "CFBundleTypeRole": "Viewer",
        # Never the program that a double click starts, unless the user says so.
        "LSHandlerRank": "Alternate",
        "CFBundleTypeExtensions": sorted(suffix.removeprefix(".") for suffix in extensions),
    }


def info_plist() -> dict[str, object]:
    """What build.spec adds to the Info.plist that PyInstaller makes."""
    folder = {
        "CFBundleTypeName": "Folder",
        "CFBundleTypeRole": "Viewer",
        "LSHandlerRank": "Alternate",
        "LSItemContentTypes": ["public.folder"],
    }
    return {
        "CFBundleIdentifier": APP_ID,
        "CFBundleDisplayName": NAME,
        "CFBundleShortVersionString": VERSION,
        "CFBundleVersion": VERSION,
        "CFBundleDevelopmentRegion": "en",
        "CFBundleDocumentTypes": [
            *(_document(*DOCUMENTS[kind]) for kind in DOCUMENTS if kind != OWN),
            _session(),
            folder,
        ],
        "UTExportedTypeDeclarations": [_session_type()],
        "LSMinimumSystemVersion": MACOS_MINIMUM,
        "LSApplicationCategoryType": "public.app-category.developer-tools",
        "NSHighResolutionCapable": True,
        # The window has a dark theme of its own; without this it would always be told 'light'.
        "NSRequiresAquaSystemAppearance": False,
        "NSHumanReadableCopyright": COPYRIGHT,
    }


def write_version_resource(folder: Path) -> Path:
    """The version resource as a file, since EXE takes a path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "version_resource.txt"
    path.write_text(version_resource(), encoding="utf-8")
    return path
