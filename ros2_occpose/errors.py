"""What can go wrong, in words that say what to do next."""


def in_one_line(error: Exception) -> str:
    """What another library says, without its line breaks, codes and the name of the file."""
    said = getattr(error, 'strerror', None) or str(error)
    return ' '.join(said.split()).rstrip('.')


class OccposeError(Exception):
    """Base of every error a user can cause or cure."""


class ConfigError(OccposeError):
    """A parameter or an option has a value that cannot work."""


class ShapeError(OccposeError):
    """An array has not the promised shape."""


class CameraError(OccposeError):
    """A camera model is missing, unusable or unknown."""


class InputError(OccposeError):
    """An image, video, bag or keypoint file cannot be used."""


class ModelError(OccposeError):
    """A model file is missing, damaged or does not fit the pipeline."""


class DataError(OccposeError):
    """Training or evaluation data is missing or damaged."""
