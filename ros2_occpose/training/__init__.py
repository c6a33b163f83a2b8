"""Motion, virtual cameras, detector-like 2D, occlusion; then one page a system."""
