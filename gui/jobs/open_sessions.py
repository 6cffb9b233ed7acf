"""The models and sessions that the engine lane keeps open, within the memory budget.

A session is kept for a model, an image with its edits, and a way to compute. As many are kept as
there are panes, and one more for the original of an edited image; those used longest ago are closed
first, and where they hold more than half of the memory that would be free without them, sooner. A
model is open as long as it is the current one, the one opened last, or a session of it is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError
from engine.records.edits import NO_EDITS, Edits
from engine.records.images import LoadedImage
from engine.records.models import Prediction
from engine.records.sources import ModelSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.explain.session import Session
    from engine.model import Model
    from gui.state.records import Request

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class OpenSession:
    """A session under its image's key. edits: those that were done to the image.

    predicted: its top classes, and all probabilities. shown: the request that it answered last.
    """

    model: str
    image: str
    session: Session
    predicted: tuple[tuple[Prediction, ...], NDArray[np.float64]] | None = None
    shown: Request | None = None
    edits: Edits = NO_EDITS


class OpenSessions:
    """Used on the engine lane only. free: bytes that are free on a device; None asks the device."""

    def __init__(self, free: Callable[[object], int] | None = None) -> None:
        self._free = free
        self._models: dict[str, tuple[Model, ModelSource]] = {}
        # The one used longest ago comes first.
        self._sessions: list[OpenSession] = []
        self.current: str | None = None

    # --- models ----------------------------------------------------------------------------------

    def opened(self) -> tuple[Model, ModelSource]:
        """The current model. Raises ModelError if there is none."""
        if self.current is None or self.current not in self._models:
            raise ModelError("no model is open; open one first")
        return self._models[self.current]

    def model(self, key: str) -> Model | None:
        """The open model with this key."""
        known = self._models.get(key)
        return known[0] if known is not None else None

    def add_model(self, model: Model, source: ModelSource, *, beside: bool = False) -> None:
        """Keep a model in place of the one with the same key. beside: the current one stays so."""
        self.close_sessions(lambda kept: kept.model == source.key)
        self._models.pop(source.key, None)
        self._models[source.key] = model, source
        if not beside or self.current is None:
            self.current = source.key
            self.close_models(0)

    def close_models(self, keep: int) -> None:
        """Close the models that nothing needs any more. keep: how many of those last opened stay
        as well."""
        needed = {self.current, *(kept.model for kept in self._sessions)}
        recent = list(self._models)[-keep:] if keep else []
        for key in [key for key in self._models if key not in needed and key not in recent]:
            _log.debug("model closed: %s", key)
            del self._models[key]

    @property
    def models(self) -> tuple[str, ...]:
        """The keys of the open models."""
        return tuple(self._models)

    # --- sessions --------------------------------------------------------------------------------

    def find(
        self, model: str, key: str, image: LoadedImage, edits: Edits = NO_EDITS, *, exact: bool
    ) -> OpenSession | None:
        """The kept session for this, which counts as used now; one for an image of the same key
        and edits that has changed since is closed."""
        for kept in list(self._sessions):
            if (kept.model, kept.image, kept.edits) != (model, key, edits):
                continue
            if kept.session.exact == exact and kept.session.image.is_same_input(image):
                self._sessions.remove(kept)
                self._sessions.append(kept)
                return kept
            self._close(kept)
        return None

    def touch(self, model: str | None, image: str | None) -> None:
        """Count the session for these as used now, if there is one."""
        self._sessions.sort(key=lambda kept: (kept.model, kept.image) == (model, image))

    def add(self, kept: OpenSession) -> OpenSession:
        """Keep a session, which counts as used now."""
        self._sessions.append(kept)
        return kept

    def make_room(self, most: int) -> None:
        """Close the sessions used longest ago, until one more can be kept besides at most
        most - 1 others, within the budget."""
        while self._sessions and (len(self._sessions) >= most or self._over_budget()):
            self._close(self._sessions[0])
        self.close_models(1 if most > 1 else 0)

    def shrink(self, most: int) -> None:
        """Close the sessions used longest ago, but for the last one, while there are too many or
        they hold too much."""
        while len(self._sessions) > 1 and (len(self._sessions) > most or self._over_budget()):
            self._close(self._sessions[0])
        self.close_models(1 if most > 1 else 0)

    def _over_budget(self) -> bool:
        from engine.passes.memory.budget import memory_budget

        held: dict[Any, int] = {}
        for kept in self._sessions:
            device = kept.session.model.device
            held[device] = held.get(device, 0) + kept.session.held_bytes
        for device, size in held.items():
            free = self._free(device) if self._free else 2 * memory_budget(device)
            # Half of what would be free without them.
            if size > free:
                return True
        return False

    def close_sessions(self, which: Callable[[OpenSession], bool]) -> None:
        """Close these sessions."""
        for kept in [kept for kept in self._sessions if which(kept)]:
            self._close(kept)

    def _close(self, kept: OpenSession) -> None:
        kept.session.close()
        self._sessions.remove(kept)

    @property
    def sessions(self) -> tuple[OpenSession, ...]:
        """The kept sessions, the one used longest ago first."""
        return tuple(self._sessions)

    def close(self) -> None:
        """Close everything."""
        self.close_sessions(lambda _kept: True)
        self._models.clear()
        self.current = None
