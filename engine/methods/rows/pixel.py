"""Methods that map the pixels of the network's input."""

from __future__ import annotations

from engine.methods.method import BACKWARD, Family, Method, Need
from engine.methods.options import Kind, Option

_MANY = "engine.methods.pixels.expected:"
_EDGES = "edge detail, not evidence"
_EITHER = "strength, not direction"
_MOST_SEED = 2**31 - 1
_FILLS = ("zero", "black", "white", "mean", "blur")


def _batch(default: int) -> Option:
    title = "most inputs in one pass, fewer where memory or a prompt stop ask for it"
    return Option("batch", title, Kind.INT, default, low=1, high=1024)


def _seed(what: str) -> Option:
    return Option("seed", f"which {what} is drawn", Kind.INT, 0, low=0, high=_MOST_SEED)


PIXEL: tuple[Method, ...] = (
    Method(
        slug="saliency",
        title="Saliency",
        family=Family.PIXEL,
        summary="Which pixels move the score most, in either direction: sharp, and noisy.",
        paper="Simonyan et al., 2014, arXiv:1312.6034",
        equation="max over channels of abs(dy/dx) (section 3.1)",
        needs=(Need.INPUT_GRADIENT,),
        class_dependent=True,
        signed=False,
        cost=BACKWARD,
        passes="1f 1b",
        function="engine.methods.pixels.gradients:saliency",
        layered=False,
        caution=_EITHER,
    ),
    Method(
        slug="grad-x-input",
        title="Gradient x input",
        family=Family.PIXEL,
        summary="What each pixel adds to the score, to a first approximation; signed.",
        paper="Shrikumar et al., 2016, arXiv:1605.01713",
        equation="sum over channels of x * dy/dx",
        needs=(Need.INPUT_GRADIENT,),
        class_dependent=True,
        signed=True,
        cost=BACKWARD,
        passes="1f 1b",
        function="engine.methods.pixels.gradients:grad_x_input",
        layered=False,
    ),
    Method(
        slug="smoothgrad",
        title="SmoothGrad",
        family=Family.PIXEL,
        summary="Saliency averaged over noisy copies of the image: the same with less noise.",
        paper="Smilkov et al., 2017, arXiv:1706.03825",
        equation="max over channels of abs(mean over n of dy/dx at x + noise)",
        needs=(Need.INPUT_PASSES,),
        class_dependent=True,
        signed=False,
        cost="n forward and n backward passes",
        passes="nf nb",
        function="engine.methods.pixels.gradients:smoothgrad",
        options=(
            Option("n", "how many noisy copies", Kind.INT, 25, low=1, high=10_000),
            Option(
                "sigma",
                "deviation of the noise, as a part of the input's range",
                Kind.FLOAT,
                0.15,
                low=0,
                high=10,
            ),
            _seed("noise"),
            _batch(8),
        ),
        layered=False,
        caution=_EITHER,
        counted=_MANY + "samples",
    ),
    Method(
        slug="integrated-gradients",
        title="Integrated Gradients",
        family=Family.PIXEL,
        summary="What each pixel adds to the score, on the way from an empty image; sums to it.",
        paper="Sundararajan et al., 2017, arXiv:1703.01365",
        equation="sum over channels of (x - x0) * mean over steps of dy/dx between x0 and x",
        needs=(Need.INPUT_PASSES,),
        class_dependent=True,
        signed=True,
        cost="a forward and a backward pass for each step, and a forward pass",
        passes="(steps+1)f (steps)b",
        function="engine.methods.pixels.gradients:integrated_gradients",
        options=(
            Option("steps", "how many steps from the baseline", Kind.INT, 32, low=1, high=10_000),
            Option("baseline", "the empty image", Kind.CHOICE, "zero", choices=_FILLS),
            _batch(8),
        ),
        layered=False,
        counted=_MANY + "steps",
    ),
    Method(
        slug="guided-backprop",
        title="Guided backpropagation",
        family=Family.PIXEL,
        summary="Sharp contours of what is seen; hardly depends on the class.",
        paper="Springenberg et al., 2015, arXiv:1412.6806",
        equation="sum over channels of dy/dx, with g * [g > 0] * [x > 0] at each ReLU",
        needs=(Need.GUIDED_GRADIENT,),
        class_dependent=True,
        signed=True,
        cost=BACKWARD,
        passes="1f 1b",
        function="engine.methods.pixels.gradients:guided_backprop",
        layered=False,
        caution=_EDGES,
    ),
    Method(
        slug="guided-grad-cam",
        title="Guided Grad-CAM",
        family=Family.PIXEL,
        summary="The contours within the patches that a layer's Grad-CAM marks.",
        paper="Selvaraju et al., 2017, arXiv:1610.02391",
        equation="guided-backprop * relu(grad-cam), enlarged linearly (section 3.2)",
        needs=(Need.GUIDED_GRADIENT, Need.GRADIENT),
        class_dependent=True,
        signed=True,
        cost="one forward and two backward passes",
        passes="1f 2b",
        function="engine.methods.pixels.gradients:guided_grad_cam",
        caution=_EDGES,
    ),
    Method(
        slug="occlusion",
        title="Occlusion",
        family=Family.PIXEL,
        summary="How far the score falls where a square hides the image; for any network.",
        paper="Zeiler and Fergus, 2014, arXiv:1311.2901",
        equation="mean over the windows on a pixel of y(x) - y(x with the window filled)",
        needs=(Need.INPUT_PASSES,),
        class_dependent=True,
        signed=True,
        cost="a forward pass for each window",
        passes="(windows)f",
        function="engine.methods.pixels.masking:occlusion",
        options=(
            Option(
                "window",
                "side of the square in pixels, 0 for an eighth of the shorter side",
                Kind.INT,
                0,
                low=0,
                high=100_000,
            ),
            Option(
                "stride",
                "pixels from one square to the next, 0 for half a square",
                Kind.INT,
                0,
                low=0,
                high=100_000,
            ),
            Option("fill", "what is in the square", Kind.CHOICE, "zero", choices=_FILLS),
            _batch(16),
        ),
        layered=False,
        counted=_MANY + "windows",
    ),
    Method(
        slug="rise",
        title="RISE",
        family=Family.PIXEL,
        summary="Where random masks leave the score high; for any network.",
        paper="Petsiuk et al., 2018, arXiv:1806.07421",
        equation="sum over masks m of (y(x * m) - mean) * m / (N p) (equation 6, centred)",
        needs=(Need.INPUT_PASSES,),
        class_dependent=True,
        signed=True,
        cost="a forward pass for each mask",
        passes="(masks)f",
        function="engine.methods.pixels.masking:rise",
        options=(
            Option("masks", "how many masks", Kind.INT, 1000, low=2, high=1_000_000),
            Option("probability", "of a cell to be visible", Kind.FLOAT, 0.5, low=0.01, high=0.99),
            Option("grid", "cells of a mask along each side", Kind.INT, 7, low=1, high=64),
            _seed("series of masks"),
            Option("fill", "what is masked by", Kind.CHOICE, "zero", choices=_FILLS),
            _batch(16),
        ),
        layered=False,
        counted=_MANY + "masks",
    ),
)
