"""Methods that look at what the score becomes when the image or the layer is changed."""

from __future__ import annotations

from engine.methods.method import Family, Method, Need
from engine.methods.options import Kind, Option
from engine.methods.rows.shared import batch, seed
from engine.records.asked import Score

_MASKED = (Need.ACTIVATION, Need.INPUT_PASSES)
_MANY = "engine.methods.layers.expected:"
_BATCH = 32
_SOFTMAX = Option("softmax", "weights as the softmax over channels", Kind.BOOL, False)

PERTURBATION: tuple[Method, ...] = (
    Method(
        slug="score-cam",
        title="Score-CAM",
        family=Family.PERTURBATION,
        summary="Channels weighed by how well the class shows through them; no gradient.",
        paper="Wang et al., 2020, arXiv:1910.01279",
        equation="sum_k w_k * A_k, w_k = probability of x masked by A_k (as in the authors' code)",
        needs=_MASKED,
        class_dependent=True,
        signed=True,
        cost="a forward pass for each channel",
        passes="Cf",
        function="engine.methods.layers.masked:score_cam",
        options=(_SOFTMAX, batch(_BATCH)),
        counted=_MANY + "channels",
        score=Score.PROBABILITY,
        linear=True,
        linear_at=("softmax",),
    ),
    Method(
        slug="ss-cam",
        title="SS-CAM",
        family=Family.PERTURBATION,
        summary="Score-CAM averaged over noisy masks: smoother, and slower.",
        paper="Wang et al., 2020, arXiv:2006.14255",
        equation="sum_k w_k * A_k, w_k = mean over n of the probability of x under a noisy A_k",
        needs=_MASKED,
        class_dependent=True,
        signed=True,
        cost="n forward passes for each channel",
        passes="nCf",
        function="engine.methods.layers.masked:ss_cam",
        options=(
            Option("n", "how many noisy masks of a channel", Kind.INT, 10, low=1, high=1000),
            Option(
                "sigma",
                "deviation of the noise, as a part of the mask's range",
                Kind.FLOAT,
                0.2,
                low=0,
                high=10,
            ),
            seed("noise"),
            _SOFTMAX,
            batch(_BATCH),
        ),
        counted=_MANY + "samples_of_channels",
        score=Score.PROBABILITY,
        linear=True,
        linear_at=("softmax",),
    ),
    Method(
        slug="is-cam",
        title="IS-CAM",
        family=Family.PERTURBATION,
        summary="Score-CAM averaged on the way from an empty image to the masked one.",
        paper="Naidu et al., 2020, arXiv:2010.03023",
        equation="sum_k w_k * A_k, w_k = mean over i of the probability of x under A_k * i / n",
        needs=_MASKED,
        class_dependent=True,
        signed=True,
        cost="n forward passes for each channel",
        passes="nCf",
        function="engine.methods.layers.masked:is_cam",
        options=(
            Option("n", "how many steps of the ramp", Kind.INT, 10, low=1, high=1000),
            _SOFTMAX,
            batch(_BATCH),
        ),
        counted=_MANY + "samples_of_channels",
        score=Score.PROBABILITY,
        linear=True,
        linear_at=("softmax",),
    ),
    Method(
        slug="ablation-cam",
        title="Ablation-CAM",
        family=Family.PERTURBATION,
        summary="Channels weighed by what the score loses without them; no gradient.",
        paper="Desai and Ramaswamy, 2020, WACV, doi:10.1109/WACV45572.2020.9093360",
        equation="sum_k w_k * A_k, w_k = y - y(A_k = 0), not divided by y",
        needs=(Need.ACTIVATION, Need.LAYER_PASSES),
        class_dependent=True,
        signed=True,
        cost="a pass from the layer on for each channel",
        passes="C passes from the layer on",
        function="engine.methods.layers.masked:ablation_cam",
        options=(batch(_BATCH),),
        counted=_MANY + "channels",
        linear=True,
    ),
)
