"""A rendered world: people in a furnished room, seen by a moving camera, with exact truth."""
