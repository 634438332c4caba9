"""The demonstration: one trial from first scan to endpoint package, on synthetic subjects, through the real doors."""
