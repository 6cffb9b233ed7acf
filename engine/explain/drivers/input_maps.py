"""Maps of the input's pixels: the driver of the family PIXEL.

It gets what a method's row asks for, calls its function, and leaves the rest to the session.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from engine.explain.asking import Asking
from engine.explain.drivers.input_passes import InputPasses
from engine.explain.kept_passes import Computation
from engine.explain.maps import RawMap, channels_first, map_one, raw_of
from engine.inspection.facts import Inspection
from engine.inspection.spatial_axes import Axes
from engine.methods.blocks import widest
from engine.methods.costs import expected
from engine.methods.pixels.fullgrad import bias_map
from engine.methods.pixels.gradients import without_content
from engine.methods.pixels.inputs import BiasMap, PixelInput
from engine.methods.registry import GRAD_CAM, Chosen, Need, load_pixel
from engine.passes.backward import ForwardPass, OfOutput, Target
from engine.passes.below.biases import Biases
from engine.passes.below.guided import guided
from engine.passes.below.polling import Polled
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report
from engine.records.models import Layout


def map_input(
    work: Computation,
    chosen: Chosen,
    asking: Asking,
    layer: tuple[Call, Axes] | None,
    cancel: CancelToken | None,
    report: Report,
) -> RawMap:
    """A map at the input's resolution, (h, w), by a method of the family PIXEL.

    layer: for a method that fuses a layer's Grad-CAM, the call that returned its output, and its
    axes.

    Raises Cancelled, and MethodError for options that do not fit the input.
    """
    needs, options = chosen.method.needs, dict(chosen.options)
    biases: list[BiasMap] = []
    done: ForwardPass | None = None
    with Polled(cancel):
        if Need.BIASES in needs:
            with Biases(_collecting(work.model.facts, biases)):
                done = work.own_pass(cancel, asking.calls)
        elif Need.INPUT_GRADIENT in needs or Need.GUIDED_GRADIENT in needs:
            done = work.input_pass(cancel, asking.calls)
    if work.logits is None:
        work.first_pass(cancel)
    started = time.perf_counter()
    gradient, relus = (None, 0)
    if done is not None:
        target = asking.target(chosen, done)
        gradient, relus = _gradient(done, target, Need.GUIDED_GRADIENT in needs, cancel)
    del done
    image = work.input[0].detach()
    given = PixelInput(
        image=image,
        score=asking.value(),
        options=options,
        gradient=gradient,
        passes=_passes(work, chosen, asking, cancel, report)
        if Need.INPUT_PASSES in needs
        else None,
        reference=lambda name: _reference(work, image, name),
        layer_map=_layer_map(work, layer, asking, cancel) if layer is not None else None,
        biases=tuple(biases),
        first_order=asking.at_first_order() if Need.BIASES in needs else None,
        relus=relus,
    )
    # What the method makes for further passes must be able to join a graph.
    with torch.inference_mode(False), torch.no_grad():
        made = load_pixel(chosen.method)(given)
    return raw_of(made, lambda: time.perf_counter() - started)


def _collecting(facts: Inspection, biases: list[BiasMap]) -> Callable[[Tensor, bool], None]:
    """A visit that reduces what each bias adds to a map, as soon as it arrives."""
    known = {call.shape: call.axes for call in facts.calls.values() if call.axes is not None}

    def visit(part: Tensor, is_layers: bool) -> None:
        shape = tuple(part.shape)
        axes = known.get(shape)
        if axes is None and part.ndim == 4 and shape[0] == 1:
            axes = Axes(Layout.CHANNELS_FIRST, (shape[2], shape[3]))
        total = float(part.to(widest(part.device)).sum())
        if axes is None or not is_layers or axes.grid[0] * axes.grid[1] < 2:
            biases.append(bias_map(None, total))
        else:
            biases.append(bias_map(channels_first(part, axes), total))

    return visit


def _passes(
    work: Computation, chosen: Chosen, asking: Asking, cancel: CancelToken | None, report: Report
) -> InputPasses:
    most = dict(chosen.options)["batch"]
    return InputPasses(
        work,
        asking,
        chosen,
        cancel,
        report,
        most=int(most),
        total=max(expected(chosen, tuple(work.input.shape[1:]))),
    )


def _layer_map(
    work: Computation, layer: tuple[Call, Axes], asking: Asking, cancel: CancelToken | None
) -> Tensor:
    """The Grad-CAM of a layer, (rows, columns), on the model's device."""
    call, axes = layer
    done = work.pass_over(call, asking.calls, cancel) if asking.calls else None
    done = done or work.pass_with(call, cancel)
    raw = map_one(done, call, asking.target(GRAD_CAM, done), GRAD_CAM, axes, cancel)
    return torch.from_numpy(raw.map).to(work.model.device)


def _gradient(
    done: ForwardPass, target: Target, is_guided: bool, cancel: CancelToken | None
) -> tuple[Tensor, int]:
    """d score / d image, (C, h, w), and through how many guided ReLUs it came."""
    root = done.kept[target.call].tensor if isinstance(target, OfOutput) else done.logits
    with guided(root) if is_guided else nullcontext(0) as relus, Polled(cancel):
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
