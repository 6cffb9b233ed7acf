"""What charts paint, looked at as pixels."""

from __future__ import annotations

import numpy as np
from pytestqt.qtbot import QtBot

from gui.toolkit import theme
from gui.toolkit.charts.charts import Histogram


def test_a_bar_is_seen_beside_one_a_thousand_times_as_high(qtbot: QtBot) -> None:
    chart = Histogram("Loss", "loss", "images")
    qtbot.addWidget(chart)
    chart.resize(600, 120)
    chart.set_values(np.concatenate([np.zeros(5_000), [0.5, 1.0]]), bins=20)
    assert np.flatnonzero(chart.counts).tolist() == [0, 10, 19]
    pixels = chart.grab().toImage()
    accent = theme.current().accent.lower()
    columns = {
        x
        for x in range(pixels.width())
        for y in range(pixels.height())
        if pixels.pixelColor(x, y).name() == accent
    }
    # Three bars, with room between them.
    runs = np.split(sorted(columns), np.flatnonzero(np.diff(sorted(columns)) > 1) + 1)
    assert len(runs) == 3
