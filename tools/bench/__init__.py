"""Performance of the local stack, as ratios within one run. Figures of stand-ins, never of Google Cloud."""
