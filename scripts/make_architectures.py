"""Writes resources/architectures.json.gz: keys and shapes of every torchvision classifier.

    python scripts/make_architectures.py

To be run when the pinned torchvision changes. The same torchvision gives the same bytes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.formats.torchvision import architectures, models
from engine.lazy import torchvision


def main() -> None:
    started = time.perf_counter()
    version = torchvision.load().__version__.partition("+")[0]
    index = models.signatures()
    architectures.write_index(architectures.SHIPPED, version, index)
    size = architectures.SHIPPED.stat().st_size
    print(
        f"{len(index)} architectures of torchvision {version}: {size / 1000:.0f} kB, "
        f"{time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    main()
