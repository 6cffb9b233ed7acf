"""The command line: the same engine, without a window.

The exit codes are those of cli.entry.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cli.entry import check_names, fail, guarded, progress_line, put, require_stdout
from cli.options import add_source, source_of, trusted_files
from engine.errors import MethodError
from engine.escaping import LINE, plain
from engine.files import suffixes
from engine.files.destinations import check_outputs, is_stdout
from engine.lazy.pytorch import check_limit
from engine.lazy.pytorch import load as load_torch
from engine.methods import registry
from engine.process.faults import clear_up
from engine.reader import client
from engine.records.models import Value
from engine.version import NAME, VERSION

if TYPE_CHECKING:
    from engine.model import Model
    from engine.records.images import LoadedImage
    from engine.records.models import LayerNode

_log = logging.getLogger(__name__)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error of the program."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message} (see {self.prog} --help)")
        raise SystemExit(2)


def main(arguments: Sequence[str]) -> int:
    """Run one of entry.COMMANDS; the first argument names it. Returns the exit code."""
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    check_names(vars(options).values())
    check_limit()
    clear_up()
    work: Callable[[argparse.Namespace], None] = options.work
    work(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=NAME.lower(),
        description="Shows where an image classifier looked.",
        epilog="Without a command: the window, with the FILES that are named (images, folders, "
        "models) opened; --model, --weights, --arch, --arg, --classes, --input and --trust are "
        "for it as well (see 'explain --help'). self-test [--json FILE|-]: start the window, use "
        "it, check the result.",
    )
    parser.add_argument("--version", action="version", version=f"{NAME} {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    explain = commands.add_parser("explain", help="the heat map of one layer for one class")
    _add_image(explain)
    _add_model(explain)
    explain.add_argument("--layer", help="layer, or NAME#k for its call k (default: the model's)")
    explain.add_argument("--class", dest="target", help="index or label (default: the top class)")
    _add_method(explain)
    explain.add_argument("--out", type=Path, help="write the overlay as .png or .jpg")
    explain.add_argument("--map", type=Path, help="write the signed map as .npy")
    _add_json(explain)
    explain.set_defaults(work=_explain)

    layers = commands.add_parser("layers", help="the layers of a model")
    _add_model(layers)
    _add_json(layers)
    layers.set_defaults(work=_layers)

    methods = commands.add_parser("methods", help="the methods that a map can be made by")
    _add_json(methods)
    methods.set_defaults(work=_methods)

    models = commands.add_parser("models", help="torchvision's classifiers, and which are here")
    _add_json(models)
    models.set_defaults(work=_models)

    download = commands.add_parser("download", help="fetch the weights of one of them")
    download.add_argument("name", help="as 'models' lists it")
    download.add_argument("entry", nargs="?", help="which weights (default: the best)")
    download.set_defaults(work=_download)

    sweep = commands.add_parser("sweep", help="the maps of all layers for one class")
    _add_image(sweep)
    _add_model(sweep)
    sweep.add_argument("--class", dest="target", help="index or label (default: the top class)")
    _add_method(sweep)
    sweep.add_argument("--out", type=Path, default=Path("maps.npz"), help="(default: maps.npz)")
    sweep.set_defaults(work=_sweep)
    return parser


def _add_image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="?", type=Path, help="(default: an embedded scene)")


def _add_method(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--method",
        default="",
        metavar="SLUG",
        help="as 'methods' lists it (default: what the model is set to, else grad-cam)",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the method; may be given several times",
    )


def _options_of(options: argparse.Namespace, model: Model) -> dict[str, Value]:
    """The options that are named, checked for the method that is named or else the model's."""
    return _checked(options.method or model.method.method.slug, _option_texts(options))


def _checked(slug: str, texts: dict[str, str]) -> dict[str, Value]:
    named = registry.parse_options(registry.find(slug), texts)
    return {name: value for name, value in named.items() if name in texts}


def _option_texts(options: argparse.Namespace) -> dict[str, str]:
    texts: dict[str, str] = {}
    for text in options.option:
        name, equals, value = text.partition("=")
        if not equals:
            raise MethodError(f"--option {text}: write NAME=VALUE, as in seed=3")
        texts[name.strip()] = value
    return texts


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default="demo:shapes",
        help="demo:shapes, demo:shortcut, a torchvision name, or a file (see README: What opens)",
    )
    add_source(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=client.PATIENCE,
        metavar="SECONDS",
        help=f"how long a file is read before that is stopped (default: {client.PATIENCE:g})",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return seconds


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write the facts as JSON; - for stdout")


def _check_outputs(options: argparse.Namespace, *names: str) -> None:
    """Refuse before the work, not after it. names: of the options that say where to write."""
    outputs = {f"--{name}": getattr(options, name) for name in names}
    if outputs.get("--json") == "-":
        require_stdout()
        outputs["--json"] = None
    read = [getattr(options, name, None) for name in ("image", "model", "weights", "classes")]
    check_outputs(outputs, read)


def _open(options: argparse.Namespace) -> tuple[LoadedImage, Model]:
    # Imported here: the picture is refused before torch has been waited for.
    from engine.formats.demo import SCENES
    from engine.images.reading import load_image

    chosen = options.image if options.image is not None else SCENES[0].path
    image = load_image(chosen, patience=options.patience)
    return image, _open_model(options)


def _open_model(options: argparse.Namespace) -> Model:
    source = source_of(options)
    if suffixes.is_made_by_description(Path(source.spec)):
        # While torch is imported here, it is there too.
        client.warm(client.NETWORKS)
    load_torch()
    from engine.files.trust import Trust
    from engine.loading.load import open_source

    trust = Trust(named=trusted_files(options))
    return open_source(source, options.device, trust, patience=options.patience)


def _explain(options: argparse.Namespace) -> None:
    _check_suffix(options.out, (".png", ".jpg", ".jpeg"), "--out")
    _check_suffix(options.map, (".npy",), "--map")
    _check_outputs(options, "out", "map", "json")
    _check_method(options)
    image, model = _open(options)
    from engine.explain.session import Session
    from engine.export import files as export
    from engine.passes.devices import versions
    from engine.records.display import DisplaySettings

    settings = DisplaySettings()
    with Session(model, image) as session:
        explanation = session.explain(
            options.layer,
            options.target,
            method=options.method,
            options=_options_of(options, model),
        )
        top = session.predictions()
    facts = export.sidecar(image, explanation, model.info, top, settings, versions())
    if options.out is not None:
        picture = export.render(image, explanation, settings, caption=False, colorbar=False)
        export.save_picture(options.out, picture)
    if options.map is not None:
        export.save_map(options.map, explanation.map)
    if options.json is not None:
        _write_json(options.json, facts)
    if not any(map(is_stdout, (options.json, options.out, options.map))):
        target = explanation.target
        rows, columns = explanation.map.shape
        how = registry.described(explanation.method, explanation.options)
        _say(
            f"{image.name}: {explanation.layer} ({rows} x {columns}) for {target.label} "
            f"({target.probability:.1%}), {how}"
        )
        for path in (options.out, options.map):
            if path is not None:
                _say(f"wrote {path}")
        for notice in explanation.notices:
            _say(notice)


def _layers(options: argparse.Namespace) -> None:
    _check_outputs(options, "json")
    if options.json is None:
        require_stdout()
    model = _open_model(options)
    if options.json is not None:
        _write_json(options.json, [_layer_facts(node) for node in model.layers])
    if is_stdout(options.json):
        return
    for node in model.layers:
        shape = " x ".join(str(n) for n in node.shape) if node.shape is not None else "-"
        remark = "default" if node.default else node.reason
        calls = f" (called {node.calls} times)" if node.calls > 1 else ""
        _say(node.name, node.type, shape, str(node.params), f"{remark}{calls}")


def _layer_facts(node: LayerNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "type": node.type,
        "shape": list(node.shape) if node.shape is not None else None,
        "params": node.params,
        "calls": node.calls,
        "explainable": node.explainable,
        "reason": node.reason,
        "default": node.default,
    }


def _check_method(options: argparse.Namespace) -> None:
    """Refuse before the work, not after it.

    Where no method is named, the model has to be open before it is known whose options these are.
    """
    texts = _option_texts(options)
    if options.method:
        _checked(options.method, texts)


def _methods(options: argparse.Namespace) -> None:
    _check_outputs(options, "json")
    if options.json is None:
        require_stdout()
    else:
        _write_json(options.json, registry.facts_all())
    if not is_stdout(options.json):
        for line in registry.lines():
            _write(line)


def _models(options: argparse.Namespace) -> None:
    _check_outputs(options, "json")
    if options.json is None:
        require_stdout()
    from engine.formats.torchvision import gallery

    models = gallery.published()
    if options.json is not None:
        _write_json(options.json, gallery.facts(models))
    if not is_stdout(options.json):
        for line in gallery.lines(models):
            _say(line)


def _download(options: argparse.Namespace) -> None:
    from engine.formats.torchvision import gallery

    weights = gallery.find(options.name, options.entry)
    report = progress_line(sys.stderr)
    try:
        path = gallery.fetch(weights, progress=report)
    finally:
        report(1.0, "")  # an error begins on a line of its own
    _say(f"{options.name} {weights.entry} is in {path}")


def _sweep(options: argparse.Namespace) -> None:
    _check_suffix(options.out, (".npz",), "--out")
    _check_outputs(options, "out")
    _check_method(options)
    image, model = _open(options)
    from engine.explain.session import Session
    from engine.export import files as export

    with Session(model, image) as session:
        explanations = session.sweep(
            options.target, method=options.method, options=_options_of(options, model)
        )
        notices = session.notices
    export.save_maps(options.out, {name: e.map for name, e in explanations.items()})
    if is_stdout(options.out):
        return
    target = next((e.target for e in explanations.values()), None)
    label = f" for {target.label}" if target is not None else ""
    _say(f"{image.name}: {len(explanations)} layers{label}")
    _say(f"wrote {options.out}")
    for notice in notices:
        _say(notice)


def _check_suffix(path: Path | None, allowed: tuple[str, ...], option: str) -> None:
    """Refuse before the work, not after it."""
    if path is not None and path.suffix.lower() not in allowed:
        fail(f"{option} {path}: name a file that ends in {' or '.join(allowed)}")
        raise SystemExit(2)


def _write_json(where: str, content: Any) -> None:
    if where == "-":
        _write(json.dumps(content, indent=2))  # ASCII: whatever the terminal's encoding is
        return
    from engine.export.files import save_json

    save_json(Path(where), content)


def _say(*cells: str) -> None:
    """One line, of cells with tabs between them; what names in it could do is spelled out."""
    _write("\t".join(plain(cell, LINE) for cell in cells))


def _write(text: str) -> None:
    put(f"{text}\n")
