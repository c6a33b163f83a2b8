"""Recorded movement: files of all kinds to joint rotations of the smpl24 tree."""
