"""The faster forms of a model's network: one for each layer at which a graph starts, and size of
batch."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from engine.inspection.facts import Inspection
from engine.passes.hooks import NETWORK_ERRORS, Call
from engine.progress import CancelToken
from engine.rewriting.apart import Apart, apart, copies_of
from engine.rewriting.dataflow import Dataflow, dataflow_of
from engine.rewriting.given_up import Memory
from engine.rewriting.one_row import OneRow, is_large
from engine.rewriting.other_gradient import OtherGradient
from engine.rewriting.packed import Absorbed, Packed, available, packed
from engine.rewriting.packed_gradient import PackedGradient, pays
from engine.rewriting.plan import Chain, before, chains_of, is_plain
from engine.rewriting.twin import twin

_log = logging.getLogger(__name__)

_MOST_FORMS = 2
_CLOSE = 1e-5
_TIES = 1e-3
# So many doubtful passes, one in so many, and a form is not tried again.
_DOUBTS = 2
_OFTEN = 4
# Of the memory that a pass may hold, the rewritten weights take at most one part in so many.
_SHARE = 4


@dataclass(slots=True, eq=False)
class Form:
    """A network whose modules before some call are rewritten; the others are its own.

    layers: what was rewritten. released: the calls whose output is not overwritten, as it is in the
    network itself. checked: it has been compared with the network itself for an image.
    """

    module: nn.Module
    layers: frozenset[Chain] = frozenset()
    released: frozenset[Call] = frozenset()
    checked: bool = False

    def check(self, found: Seen, own: Seen) -> None:
        """Compare what both computed for the same images.

        Raises ArithmeticError if anything differs by more than 1e-5 of its peak: in a network that
        amplifies rounding, the maps would differ by more than they may. One number in a thousand of
        the gradient may: where two cells are the largest of their window but for rounding, the
        gradient of a maximum goes to either.
        """
        compare(found.output, own.output)
        compare(found.gradient, own.gradient, _TIES)
        compare(found.logits, own.logits)
        self.checked = True


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a pass computed: a layer's output, the gradient with respect to it, all logits."""

    output: Tensor
    gradient: Tensor
    logits: Tensor


def compare(ours: Tensor, theirs: Tensor, ties: float = 0.0) -> None:
    """Raises ArithmeticError if more than this part differs by more than 1e-5 of the peak."""
    peak = float(theirs.abs().max())
    apart = (ours - theirs).abs()
    # Not a number is not close, either.
    far = ~(apart <= _CLOSE * peak)
    if float(far.float().mean()) > ties:
        by = float(apart.max()) / (peak or 1)
        raise ArithmeticError(f"rounding changes what the network computes by {by:.0e}")


def is_often(doubts: int, passes: int) -> bool:
    """Whether so many doubtful passes, of all, are too many for another try to pay."""
    return doubts >= _DOUBTS and doubts * _OFTEN >= passes


@dataclass(slots=True, eq=False)
class Faster:
    """What a model keeps of them. Nothing is rewritten until it is asked for.

    memory: of what was given up earlier. why_not: why nothing is rewritten; '' while it may be.
    """

    module: nn.Module
    facts: Inspection
    device: torch.device
    memory: Memory = field(default_factory=Memory)
    why_not: str = ""
    _chains: tuple[Chain, ...] | None = None
    _layers: dict[Chain, Packed] = field(default_factory=dict)
    _forms: dict[tuple[Call, int], Form | None] = field(default_factory=dict)
    _near: dict[tuple[Call, str], tuple[int, int]] = field(default_factory=dict)
    _refused: set[tuple[Call, str]] = field(default_factory=set)
    _apart: Apart | None = None
    _gradients: tuple[PackedGradient, ...] = ()
    _asked: int = 0

    def __post_init__(self) -> None:
        known = self.memory.known
        self.why_not = self.why_not or known.reason
        self._refused |= {(start, "") for start in known.starts}
        if known.reason:
            _log.info("nothing is rewritten, as was found before: %s", known.reason)

    @property
    def bytes(self) -> int:
        """Memory that the rewritten layers take."""
        ordered = sum(layer.bytes for layer in self._layers.values())
        return ordered + sum(layer.bytes for layer in self._gradients)

    def before(
        self, start: Call, allowed: int, images: int = 1, cancel: CancelToken | None = None
    ) -> Form | None:
        """The network with rewritten modules before the call; None if it is not to be used.

        allowed: bytes that a pass may hold. images: of a batch. The first request for a call
        returns None: rewriting pays from the next image, or batch, on. Raises Cancelled; what was
        rewritten until then is of use the next time.
        """
        if self.why_not or self.refuses(start):
            return None
        key = start, images
        if key not in self._forms:
            self._forms[key] = None
            while len(self._forms) > _MOST_FORMS:
                del self._forms[next(iter(self._forms))]
            return None
        form = self._forms[key] or self._made(start, allowed, images, cancel)
        if not self.why_not:
            del self._forms[key]
            self._forms[key] = form
            self._forget()
        return form

    def doubted(self, start: Call, *, near: bool, method: str = "") -> bool:
        """Whether a pass is not to be used, because it came near to a kink after the start.

        Where that happens often, as before most ReLUs of a network, the start is given up. method:
        the slug of one of whose maps rounding decides; the start is then given up for it alone.
        """
        key = start, method
        passes, doubts = self._near.get(key, (0, 0))
        self._near[key] = passes, doubts = passes + 1, doubts + near
        if is_often(doubts, passes) and key not in self._refused:
            self._refused.add(key)
            if method:
                _log.info("by %s, %s is explained by the network's own passes", method, start[0])
            else:
                _log.info("what lies before %s is not rewritten: kinks are near", start[0])
                self.memory.refuse(start)
                self._forms = {key: form for key, form in self._forms.items() if key[0] != start}
                self._forget()
        return near

    def refuses(self, start: Call, method: str = "") -> bool:
        """Whether a start was given up, for all methods or for one."""
        return (start, method) in self._refused

    def apart(self, allowed: int, cancel: CancelToken | None = None) -> Apart | None:
        """The network for passes that keep outputs: its activations overwrite nothing, and some
        layers have another way to their gradient; None while it is not known or of no use. It
        computes the same numbers, but for the rounding of gradients.

        allowed: as for before. Finding it takes as long as a few passes, which pays from the second
        request on. Raises Cancelled.
        """
        self._asked += 1
        if self._chains is None and self._asked > 1:
            self._chains = self._planned(allowed, cancel)
        return self._apart

    def _forget(self) -> None:
        """Free the layers that no form has any more."""
        used = {chain for form in self._forms.values() if form is not None for chain in form.layers}
        for chain in self._layers.keys() - used:
            del self._layers[chain]

    def give_up(self, reason: str) -> None:
        """Rewrite nothing from now on, also when the file is opened again, and free what was."""
        self._stop(reason)
        self.memory.give_up(reason)

    def _stop(self, reason: str) -> None:
        _log.info("the passes before the layer are not rewritten: %s", reason)
        self.why_not = reason
        self._layers.clear()
        self._forms.clear()

    def _made(
        self, start: Call, allowed: int, images: int, cancel: CancelToken | None
    ) -> Form | None:
        if self._chains is None:
            self._chains = self._planned(allowed, cancel)
        done = before(self.facts.calls, start)
        cuts = [_cut(chain, done) for chain in self._chains]
        used = [_for_batch(chain, images) for chain in cuts if chain.names]
        new = sum(self._size(chain.names) for chain in used if chain not in self._layers)
        if not used or self.bytes + new > allowed // _SHARE:
            return None
        modules: dict[str, nn.Module] = {}
        with torch.inference_mode(False), torch.no_grad():
            for chain in used:
                if cancel is not None:
                    cancel.raise_if_cancelled()
                layer = self._layer(chain)
                modules[chain.names[0]] = layer
                for name in chain.names[1:]:
                    modules[name] = Absorbed(self.module.get_submodule(name), layer)
        _log.info("%d layers before %s are rewritten", len(used), start[0])
        base = self._apart or Apart(self.module, frozenset())
        return Form(twin(base.module, modules), frozenset(used), base.released)

    def _size(self, names: tuple[str, ...]) -> int:
        weight = self.module.get_submodule(names[0]).weight
        assert isinstance(weight, Tensor)
        return weight.numel() * weight.element_size()

    def _layer(self, chain: Chain) -> Packed:
        if chain not in self._layers:
            first, *rest = (self.module.get_submodule(name) for name in chain.names)
            self._layers[chain] = packed(first, rest, chain.input_shape)
        return self._layers[chain]

    def _planned(self, allowed: int, cancel: CancelToken | None) -> tuple[Chain, ...]:
        reason = self._reason()
        if not reason:
            copies = copies_of(self.module)
            try:
                flow = dataflow_of(twin(self.module, copies), self.facts.input_shape, cancel)
            except NETWORK_ERRORS as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                if flow.outputs.keys() == self.facts.calls.keys():
                    self._apart = apart(self.module, copies, flow, self.facts.overwritten())
                self._apart = self._with_gradients(flow, allowed // _SHARE)
                return chains_of(self.module, flow, self.facts.counts)
        self._stop(reason)
        return ()

    def _with_gradients(self, flow: Dataflow, share: int) -> Apart | None:
        """What is found already, with the layers that have another way to their gradient; share:
        bytes that these may take."""
        found: dict[str, OtherGradient] = {}
        for name, shape in flow.inputs.items():
            layer = self.module.get_submodule(name)
            if not is_plain(layer):
                continue
            if is_large(layer, shape):
                found[name] = OneRow(layer)
            elif pays(layer, shape) and self.bytes + self._size((name,)) <= share:
                found[name] = ordered = PackedGradient(layer, shape)
                self._gradients += (ordered,)
        if not found:
            return self._apart
        base = self._apart or Apart(self.module, frozenset())
        return Apart(twin(base.module, found), base.released, other_gradients=True)

    def _reason(self) -> str:
        if self.device.type != "cpu" or not available():
            return f"nothing is known to be faster on {self.device.type}"
        if self.facts.real or self.facts.cut:
            return "the network cannot be followed without data, or blocks gradients"
        return ""


def _for_batch(chain: Chain, images: int) -> Chain:
    first, *rest = chain.input_shape or (1,)
    return replace(chain, input_shape=(first * images, *rest))


def _cut(chain: Chain, done: frozenset[str]) -> Chain:
    """The part of the chain that lies before the start."""
    names: list[str] = []
    for name in chain.names:
        if name not in done:
            break
        names.append(name)
    return replace(chain, names=tuple(names))
