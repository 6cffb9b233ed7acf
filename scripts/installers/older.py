"""A version before the present one, for the checks of upgrades: made of the present installer.

It has one file that the present one does not have, which an upgrade has to take away.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from engine.version import COMMAND, NAME, VERSION
from scripts.installers import make_deb, make_run

OLDER = "0.0.9"
ONLY_IN_OLDER = f"_internal/only-in-{OLDER}.txt"
"""Seen from the program's folder."""


def older_package(package: Path, folder: Path) -> Path:
    """The same program under an older version, with one file that the newer one does not have."""
    tree = folder / "older"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text(encoding="utf-8").replace(f"Version: {VERSION}", f"Version: {OLDER}")
    control.write_text(text, encoding="utf-8")
    (tree / "opt" / COMMAND / ONLY_IN_OLDER).write_text("of the version before\n", encoding="utf-8")
    target = folder / f"{COMMAND}_{OLDER}_{make_deb.architecture()}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return target


def older_installer(installer: Path, folder: Path) -> Path:
    """The same installer under an older version, with one file that the newer one does not have.

    Its program answers with the older version, since the installer asks for that.
    """
    inside = folder / "older"
    command = ["sh", str(installer), "--noexec", "--nox11", "--target", str(inside)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    program = folder / "program"
    (program / "_internal").mkdir(parents=True)
    (program / NAME).write_text(f"#!/bin/sh\necho {NAME} {OLDER}\n", encoding="utf-8")
    (program / NAME).chmod(0o755)
    (program / ONLY_IN_OLDER).write_text("of the version before\n", encoding="utf-8")
    tar = ["tar", "-C", str(program), "-cJf", str(inside / "program.tar.xz"), "."]
    subprocess.run(tar, check=True)
    (inside / "program.list").write_text(make_run.file_list(program), encoding="utf-8")
    script = (inside / "install.sh").read_text(encoding="utf-8")
    script = script.replace(f"VERSION='{VERSION}'", f"VERSION='{OLDER}'")
    (inside / "install.sh").write_text(script, encoding="utf-8")
    shutil.copyfile(inside / "share/man/man1/hookscope.1", inside / "share/man/man1/old-name.1")
    target = folder / f"older-{OLDER}.run"
    make_run.pack(inside, target)
    target.chmod(0o755)
    return target
