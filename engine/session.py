"""One model and one image: forward once, explain many.

The first explanation runs the network once, its graph starting at the wanted layer only. A second
class is a partial backward pass over that graph. Asking for a second layer, or for a sweep, runs
the network once more with the graph from the input on and every layer's output kept; from then on
any click is a partial backward pass, and after a sweep it is nothing at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from engine import device as devices
from engine import memory
from engine.errors import DeviceError, LayerError, ModelError
from engine.layers import parse_layer, reason_against
from engine.methods import METHODS
from engine.model import Model
from engine.passes import ForwardPass, RawMap, run_forward
from engine.preprocess import prepare
from engine.progress import CancelToken, Report, ignore_progress
from engine.records import Explanation, LayerNode, Layout, LoadedImage, Prediction, Seconds, Verdict
from engine.tap import NETWORK_ERRORS, Call
from engine.targets import find_class, predictions

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

# After memory ran out, no more than this part of the whole graph is kept at once.
_FRUGAL = 4


class Session:
    """Explains one image to one model. Use it in a with statement, from one thread.

    budget: bytes that may be kept between calls; None takes half of the memory that is free.
    Nothing of the model is changed, and no hook outlives a call. Leaving the with block frees
    the graph; the session cannot be used afterwards.
    """

    def __init__(self, model: Model, image: LoadedImage, *, budget: int | None = None) -> None:
        self.model = model
        self.image = image
        self._budget = budget
        # A tensor made in a caller's inference mode could never be part of a graph.
        with torch.inference_mode(False):
            self._prepared = prepare(image, model.preprocessing)
            self._input = self._prepared.tensor.to(model.device, model.dtype)
        self._clones = model.facts.overwritten()
        self._sources = {call for call, f in model.facts.calls.items() if f.source == call}
        self._names = tuple(node.name for node in model.layers)
        self._tail: ForwardPass | None = None
        self._full: ForwardPass | None = None
        self._logits: NDArray[np.float64] | None = None
        self._forward_seconds = 0.0
        self._maps: dict[tuple[Call, int, str], RawMap] = {}
        self._notices: list[str] = []
        self._frugal = False
        self._untrainable = False
        self._closed = False

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the graph and everything kept; safe to call twice."""
        self._release()
        self._maps.clear()
        self._closed = True

    @property
    def layers(self) -> tuple[LayerNode, ...]:
        """The named modules of the network in tree order."""
        return self.model.layers

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of this session so far (a fallback to less memory, say)."""
        return tuple(self._notices)

    def predictions(self, k: int = 5, cancel: CancelToken | None = None) -> tuple[Prediction, ...]:
        """The k classes of highest logit, highest first; all of them when k exceeds their number.

        Logits are the network's own output for this image, probabilities their softmax.
        Raises ValueError when k is below 1.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        logits = self._known_logits(cancel)
        order = np.argsort(-logits, kind="stable")[:k]
        return predictions(logits, self.model.classes, [int(i) for i in order])

    def explain(
        self,
        layer: str | None = None,
        target: int | str | None = None,
        *,
        method: str = "grad-cam",
        cancel: CancelToken | None = None,
    ) -> Explanation:
        """The class activation map of one layer for one class.

        layer: 'NAME' for the last call of that module, 'NAME#k' for its call k; None for the
            model's default layer. target: index or label; None for the class of highest logit.
        Returns an Explanation whose map is signed float32 (h, w) on the layer's own grid
        (Selvaraju et al. 2017, equations 1 and 2, without the ReLU and without scaling).

        Raises LayerError (unknown, not explainable, or a map that is not finite), TargetError,
        ModelError when the network itself fails, DeviceError when memory does not suffice even
        with the least kept, and Cancelled.
        """
        _check_method(method)
        name = layer if layer is not None else self._default_layer()
        call = parse_layer(name, self.model.facts, self._names)
        facts = self.model.facts.calls[call]
        assert facts.axes is not None  # parse_layer lets only spatial outputs through
        layout = facts.axes.layout
        index = None if target is None else find_class(target, self.model.classes)

        def work() -> tuple[RawMap, int]:
            chosen = self._top() if index is None and self._logits is not None else index
            if chosen is not None:
                known = self._maps.get((facts.source, chosen, method))
                if known is not None:
                    return known, chosen
            done = self._pass_with(facts.source, cancel)
            chosen = self._top() if chosen is None else chosen
            raw = done.explain(facts.source, chosen, method, layout, cancel)
            self._maps[facts.source, chosen, method] = raw
            return raw, chosen

        raw, chosen = self._guarded(work)
        return self._explanation(name, call, chosen, method, raw)

    def sweep(
        self,
        target: int | str | None = None,
        *,
        method: str = "grad-cam",
        cancel: CancelToken | None = None,
        progress: Report = ignore_progress,
    ) -> dict[str, Explanation]:
        """The maps of every explainable layer for one class, in tree order, keyed by layer name.

        One backward pass finds them all; each map equals what explain returns. Where the graph
        does not fit the budget, several passes share the work, and layers that fit none are
        left out and named in `notices`. So are layers whose map is not finite.
        Raises as explain does.
        """
        _check_method(method)
        index = None if target is None else find_class(target, self.model.classes)
        chosen = self._guarded(lambda: self._sweep_maps(index, method, cancel, progress))
        result: dict[str, Explanation] = {}
        missing: list[str] = []
        for node in self.layers:
            if not node.explainable:
                continue
            call = (node.name, node.calls - 1)
            source = self.model.facts.calls[call].source
            raw = self._maps.get((source, chosen, method))
            if raw is None or not np.isfinite(raw.map).all():
                missing.append(node.name)
            else:
                result[node.name] = self._explanation(node.name, call, chosen, method, raw)
        if missing:
            self._notify(f"{len(missing)} layers were left out of the sweep ({missing[0]}, ...)")
        return result

    def _sweep_maps(
        self, index: int | None, method: str, cancel: CancelToken | None, progress: Report
    ) -> int:
        """Fill the maps of every explainable call for one class; returns the class."""
        facts = self.model.facts
        layouts: dict[Call, Layout] = {
            call: output.axes.layout
            for call, output in facts.calls.items()
            if output.source == call and output.axes is not None and not reason_against(output)
        }
        remaining = set(layouts)
        total = max(1, len(remaining))
        if index is not None or self._logits is not None:
            chosen = self._top() if index is None else index
            remaining -= {call for call, k, m in self._maps if k == chosen and m == method}
        # What a full pass that is there holds is not free any more, and need not be.
        whole = self._full is not None or memory.estimate(facts, None) <= self._allowed()
        while remaining:
            if whole:
                done = self._full_pass(cancel)
            else:
                first = memory.first_that_fits(facts, remaining, self._allowed())
                if first is None:
                    break
                self._release()
                done = self._run(first.call, remaining, cancel)
                remaining.discard(first.call)
            chosen = self._top() if index is None else index
            report = _reporter(progress, total - len(remaining), total)
            todo = {call: layouts[call] for call in done.kept if call in layouts}
            maps = done.sweep(todo, chosen, method, cancel, report)
            self._maps.update({(call, chosen, method): raw for call, raw in maps.items()})
            remaining -= maps.keys()
            if whole:
                break
        return self._top() if index is None else index

    def _explanation(
        self, name: str, call: Call, target: int, method: str, raw: RawMap
    ) -> Explanation:
        if not np.isfinite(raw.map).all():
            raise LayerError(
                f"the map of layer '{name}' is not finite (NaN or infinity); "
                "check the weights and the preprocessing, or choose another layer"
            )
        facts = self.model.facts.calls[call]
        assert facts.axes is not None
        assert self._logits is not None
        verdict, notice = _judge(raw)
        raw.map.flags.writeable = False
        return Explanation(
            layer=name,
            target=predictions(self._logits, self.model.classes, [target])[0],
            map=raw.map,
            shape=facts.shape[1:],
            layout=facts.axes.layout,
            region=self._prepared.region,
            image=self.image.name,
            image_size=(self.image.width, self.image.height),
            model=self.model.source,
            device=str(self.model.device),
            seconds=Seconds(self._forward_seconds, raw.seconds),
            method=method,
            verdict=verdict,
            notices=(*self._notices, *notice),
        )

    def _default_layer(self) -> str:
        name = next((node.name for node in self.layers if node.default), None)
        if name is None:
            raise LayerError(
                f"{self.model.source}: none of its layers can be explained; "
                "the list of layers says why for each"
            )
        return name

    def _top(self) -> int:
        assert self._logits is not None
        return int(np.argmax(self._logits))

    def _known_logits(self, cancel: CancelToken | None) -> NDArray[np.float64]:
        def work() -> None:
            if self._logits is None:
                default = next((node.name for node in self.layers if node.default), None)
                call = parse_layer(default, self.model.facts, self._names) if default else None
                source = self.model.facts.calls[call].source if call else ("", -1)
                self._pass_with(source, cancel)

        self._guarded(work)
        assert self._logits is not None
        return self._logits

    def _pass_with(self, source: Call, cancel: CancelToken | None) -> ForwardPass:
        """A pass that kept the call's output: one that is there, or else a new one."""
        for known in (self._full, self._tail):
            if known is not None and source in known.kept:
                return known
        fits = memory.estimate(self.model.facts, None) <= self._allowed()
        if self._tail is not None and fits:
            return self._full_pass(cancel)
        self._release()
        self._tail = self._run(source, (), cancel)
        return self._tail

    def _full_pass(self, cancel: CancelToken | None) -> ForwardPass:
        if self._full is None:
            self._full = self._run(None, self._sources, cancel)
            self._tail = None
        return self._full

    def _run(
        self, start: Call | None, wanted: set[Call] | tuple[()], cancel: CancelToken | None
    ) -> ForwardPass:
        if self._untrainable:
            wanted = self._sources
        done, self._clones = run_forward(
            self.model.module,
            self._input,
            start,
            wanted,
            self._clones,
            cancel,
            cut=self.model.facts.cut,
        )
        self._forward_seconds = done.seconds
        if self._logits is None:
            self._logits = done.logits.detach()[0].double().cpu().numpy()
        return done

    def _allowed(self) -> int:
        allowed = self._budget
        if allowed is None:
            allowed = devices.memory_budget(self.model.device)
        if self._frugal:
            # Less than the whole graph for certain: what was free when it was kept did not do.
            allowed = min(allowed, memory.estimate(self.model.facts, None)) // _FRUGAL
        return allowed

    def _release(self) -> None:
        self._tail = self._full = None
        devices.release_cache(self.model.device)

    def _notify(self, text: str) -> None:
        _log.warning("%s", text)
        if text not in self._notices:
            self._notices.append(text)

    def _guarded(self, work: Callable[[], _T]) -> _T:
        """Do the work; when memory runs out, again with less kept, then on the CPU."""
        if self._closed:
            raise ModelError("the session is closed; open a new one for this image")
        if self._input.device.type != self.model.device.type:
            # Another session of this model ran out of memory and moved it.
            self._release()
            self._input = self._input.to(self.model.device)
        while True:
            try:
                return work()
            except (*NETWORK_ERRORS, MemoryError) as error:
                if _overwrites_what_its_gradient_needs(error) and not self._untrainable:
                    self._untrainable = True
                    self._release()
                    continue
                if not devices.is_out_of_memory(error):
                    text = str(error).strip().partition("\n")[0]
                    raise ModelError(f"{self.model.source}: the network failed: {text}") from error
                _log.warning("out of memory on %s: %s", self.model.device, error)
            # Outside the except block, where the traceback no longer holds the graph.
            self._retreat()

    def _retreat(self) -> None:
        self._release()
        device = self.model.device
        if not self._frugal:
            self._frugal = True
            self._notify(
                f"{device} ran out of memory; going on with less kept, so clicks are slower"
            )
            return
        if device.type == "cpu":
            raise DeviceError("there is not enough memory for this layer; choose a later layer")
        text = f"{device} ran out of memory; going on with the CPU"
        self.model.move(torch.device("cpu"), text)
        self._input = self._input.cpu()
        self._frugal = False
        self._notify(text)
        devices.release_cache(device)


def _overwrites_what_its_gradient_needs(error: BaseException) -> bool:
    """Whether autograd found a saved tensor changed by an in-place operation.

    Such a network runs and cannot be trained. Where modules hand clones on, it has gradients.
    """
    return isinstance(error, RuntimeError) and "modified by an inplace operation" in str(error)


def _reporter(progress: Report, before: int, total: int) -> Callable[[int], None]:
    return lambda count: progress(min(1.0, (before + count) / total), "explaining every layer")


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise LayerError(f"there is no method '{method}'; choose {', '.join(METHODS)}")


def _judge(raw: RawMap) -> tuple[Verdict, tuple[str, ...]]:
    if not raw.any_weight:
        text = "The gradient is zero: the layer does not change this class here."
        return Verdict.ZERO_GRADIENT, (text,)
    if raw.map.max() <= 0:
        text = "Nothing positive: look at the negative side, or choose another layer or class."
        return Verdict.NOTHING_POSITIVE, (text,)
    return Verdict.OK, ()
