"""A small folder laid out as the packaged program for Windows is, to try installers with."""

from __future__ import annotations

import subprocess
from pathlib import Path

from engine.version import NAME

PROGRAM = f"{NAME}.exe"
STOP = "hookscope-stand-in-stops"
"""The file below LOCALAPPDATA that ends the program that stands for Hookscope."""
RUNS = "hookscope-stand-in-runs"
"""The file below LOCALAPPDATA that it makes when it has started."""
LICENSE = "LICENSE & (100 %).txt"

# Stands for the program: it runs until a file says that it shall stop, two minutes at the most.
_STAND_IN = f"""
Target amd64-unicode
ManifestSupportedOS Win10
RequestExecutionLevel user
SilentInstall silent
Name "{{version}}"
OutFile "{{out}}"
Section
  FileOpen $1 "$LOCALAPPDATA\\{RUNS}" w
  FileClose $1
  StrCpy $0 0
  again:
  IfFileExists "$LOCALAPPDATA\\{STOP}" end
  IntCmp $0 600 end
  IntOp $0 $0 + 1
  Sleep 200
  Goto again
  end:
SectionEnd
"""


def payload(folder: Path, version: str) -> Path:
    """A folder laid out like the packaged program; two versions differ in names and contents."""
    root = folder / f"payload-{version}"
    texts = {
        "_internal/base_library.zip": "the same in both",
        "_internal/torch/lib/torch_cpu.dll": f"torch of {version}",
        "_internal/docs/a name with blanks.md": version,
        f"_internal/only in {version}/deep/er/file.txt": version,
        "_internal/z/last.txt": version,
        LICENSE: version,
    }
    for place, text in texts.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text, encoding="utf-8")
    script = folder / "stand_in.nsi"
    script.write_text(_STAND_IN.format(version=version, out=root / PROGRAM), encoding="utf-8")
    subprocess.run(["makensis", "-V1", str(script)], check=True, stdin=subprocess.DEVNULL)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }
