"""Readers for data sets that we may not ship, for those who hold them: see docs/datasets.md.

All give the `Motion` of `training/mocap/motion.py`; those with real 2D and camera truth give
`RealClip`s for evaluation too.
"""
from .clip import RealClip
from .find import find, find_clips

__all__ = ['RealClip', 'find', 'find_clips']
