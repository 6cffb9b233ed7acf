"""Methods that look at the attention of a whole network."""

from __future__ import annotations

from engine.methods.method import FORWARD, Family, Method, Need
from engine.methods.options import Kind, Option
from engine.methods.rows.shared import UNLAYERED

ATTENTION: tuple[Method, ...] = (
    Method(
        slug="attention-rollout",
        title="Attention rollout",
        family=Family.ATTENTION,
        summary="Where a vision transformer's attention flows, over all blocks, for any class.",
        paper="Abnar and Zuidema, 2020, arXiv:2005.00928",
        equation="class token's row of the product over blocks of (mean over heads of A + I) / 2",
        needs=(Need.ATTENTION,),
        class_dependent=False,
        signed=False,
        cost=FORWARD,
        passes="1f",
        function="engine.methods.attention:rollout",
        layered=False,
        refuses=UNLAYERED,
    ),
    Method(
        slug="legrad",
        title="LeGrad",
        family=Family.ATTENTION,
        summary="Which cells a vision transformer's attention would have to favour for the class.",
        paper="Bousselham et al., 2024, arXiv:2404.03214",
        equation="mean over blocks, heads and queries of relu(ds/dA) (equations 6 to 8)",
        needs=(Need.ATTENTION_GRADIENT,),
        class_dependent=True,
        signed=False,
        cost="two forward passes, and a backward pass through each block",
        passes="2f 1b",
        function="engine.methods.attention:legrad",
        options=(
            Option(
                "score",
                "of the mean of each block's own tokens, or of the network",
                Kind.CHOICE,
                "block",
                choices=("block", "network"),
            ),
        ),
        layered=False,
        refuses=UNLAYERED,
    ),
)
