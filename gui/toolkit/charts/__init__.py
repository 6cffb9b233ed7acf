"""Charts in the theme's colours: axes, histograms, curves, copied and saved from a menu."""
