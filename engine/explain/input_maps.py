"""Maps of the input's pixels, and of the whole network's attention: methods without a layer.

The driver of the families PIXEL and ATTENTION: it gets what a method's row asks for, calls its
function, and leaves the rest to the session.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from engine.explain.input_passes import InputPasses
from engine.explain.kept_passes import Computation
from engine.explain.maps import RawMap, map_one, raw_of
from engine.inspection.spatial_axes import Axes
from engine.methods.pixels.gradients import without_content
from engine.methods.pixels.inputs import PixelInput
from engine.methods.registry import GRAD_CAM, Chosen, Need, expected, load_pixel
from engine.passes.below.guided import guided
from engine.passes.below.polling import Polled
from engine.passes.forward import ForwardPass
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report

_GRADIENTS = (Need.INPUT_GRADIENT, Need.GUIDED_GRADIENT)


def map_input(
    work: Computation,
    chosen: Chosen,
    target: Callable[[], int],
    layer: tuple[Call, Axes] | None,
    cancel: CancelToken | None,
    report: Report,
) -> RawMap:
    """A map at the input's resolution, (h, w), by a method of the family PIXEL.

    target: the class, asked once the logits are known. layer: for a method that fuses a layer's
    Grad-CAM, the call that returned its output, and its axes.

    Raises Cancelled, and MethodError where the network is none for the method.
    """
    needs = chosen.method.needs
    options = dict(chosen.options)
    if any(need in needs for need in _GRADIENTS):
        with Polled(cancel):
            done = work.input_pass(cancel)
    else:
        done = None
    index = target()
    started = time.perf_counter()
    gradient, relus = (None, 0)
    if done is not None:
        gradient, relus = _gradient(done, index, Need.GUIDED_GRADIENT in needs, cancel)
    del done
    layer_map = None
    if layer is not None:
        kept = work.pass_with(layer[0], cancel)
        found = map_one(kept, layer[0], index, GRAD_CAM, layer[1], cancel)
        layer_map = torch.from_numpy(found.map).to(work.model.device)
    image = work.input[0].detach()
    assert work.logits is not None
    forward, backward = expected(chosen, tuple(image.shape))
    passes = InputPasses(
        work,
        index,
        cancel,
        report,
        most=int(options.get("batch", 1)),
        total=max(forward, backward),
        words=chosen.method.title,
    )
    given = PixelInput(
        image=image,
        score=float(work.logits[index]),
        options=options,
        gradient=gradient,
        passes=passes if Need.INPUT_PASSES in needs else None,
        reference=lambda name: _reference(work, image, name),
        layer_map=layer_map,
        relus=relus,
    )
    with torch.no_grad():
        made = load_pixel(chosen.method)(given)
    return raw_of(made, lambda: time.perf_counter() - started)


def _gradient(
    done: ForwardPass, target: int, is_guided: bool, cancel: CancelToken | None
) -> tuple[Tensor, int]:
    """d score / d image, (C, h, w), and through how many guided ReLUs it came."""
    with guided(done.logits) if is_guided else nullcontext(0) as relus, Polled(cancel):
        return done.leaf_gradient(target, cancel)[0].detach(), relus


def _reference(work: Computation, image: Tensor, name: str) -> Tensor:
    """An image without content, (C, h, w): see PixelInput."""
    how = work.model.preprocessing
    if name in ("black", "white"):
        value = how.range[0 if name == "black" else 1]
        pairs = zip(how.mean, how.std, strict=True)
        levels = [(value - mean) / std for mean, std in pairs]
        return image.new_tensor(levels)[:, None, None].expand_as(image)
    return without_content(image, name)
