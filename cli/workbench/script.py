"""The command script: a map as a Python script that makes it again with torch alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli.arguments import Parser, add_exact, add_image, add_method, add_model
from cli.asking import add_question, question_of
from cli.explaining import method_options
from cli.opening import open_both
from cli.options import source_of
from cli.output import check_suffix, refuse_outputs, say, write
from engine.files.destinations import check_outputs, is_stdout


def add_script(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command's parser."""
    script = commands.add_parser(
        "script",
        help="write a Python script that makes one map with torch alone",
        description="A short script that makes the map of 'explain' again without this program: "
        "it imports torch, torchvision, numpy and Pillow alone, and writes map.npy beside itself, "
        "or to the file that is named as its argument.",
    )
    add_image(script)
    add_model(script)
    script.add_argument(
        "--layer", help="layer name, or NAME#k for its call k (default: the model's default layer)"
    )
    add_question(script)
    add_method(script)
    add_exact(script)
    script.add_argument("--out", type=Path, help="write to this .py file, not to stdout")
    script.set_defaults(work=write_script, patient=False)


def write_script(options: argparse.Namespace) -> None:
    check_suffix(options.out, (".py",), "--out")
    refuse_outputs(options, "out")
    question = question_of(options)
    image, model = open_both(options)
    from engine.explain.session import Session
    from engine.export.files import save_text
    from engine.records.explanations import JOINT
    from engine.scripting import carrying
    from engine.scripting.planning import recipe_of
    from engine.scripting.recipe import Wanted
    from engine.scripting.writing import script

    with Session(model, image, exact=options.exact) as session:
        decided = session.decided(
            options.layer,
            options.target,
            method=options.method,
            options=method_options(options, model),
            question=question,
        )
    wanted = Wanted(
        decided.how,
        decided.asked,
        JOINT.join(decided.layers),
        decided.target.label,
        len(decided.layers) > 1,
    )
    picture = None
    ending = carrying.suffix(image, model.preprocessing)
    if options.out is not None and not is_stdout(options.out) and ending:
        picture = options.out.with_name(f"{options.out.stem} image{ending}")
        check_outputs({"the image beside": picture}, (options.image,))
    name = picture.name if picture is not None else ""
    text = script(recipe_of(model, source_of(options), image, wanted, picture=name))
    if picture is not None:
        carrying.save(picture, image, model.preprocessing)
    if options.out is None:
        write(text.rstrip("\n"))
        return
    save_text(options.out, text)
    if not is_stdout(options.out):
        say(f"wrote {options.out}")
        if picture is not None:
            say(f"wrote {picture}")
