"""Every error that a user can meet, as one tree.

    CartoonColorError           one sentence: what failed, what was given, what is allowed, what to do
    |-- InputError              a source that is missing, not a film, broken, or of an unsupported kind
    |   `-- TruncatedError      a film that breaks off before its end (``--keep-going`` colors up to there)
    |-- OutputError             a result that can't be written, or that would overwrite something
    |-- SettingsError           a setting, a manifest or a configuration file with wrong content
    |-- WeightsError            a checkpoint that is missing, damaged, or of another network
    `-- MissingExtraError       a command needs a part of the installation that is left out by default

The command line prints the sentence and exits with 1. Anything else that escapes is a bug and keeps its
traceback. Errors of other libraries (PyAV, OpenCV, safetensors, ...) are translated where they arise.
"""


class CartoonColorError(Exception):
    """Base of the tree; never raised itself."""


class InputError(CartoonColorError):
    """A source can't be used."""


class TruncatedError(InputError):
    """A film can be decoded only up to some frame."""


class OutputError(CartoonColorError):
    """A result can't be written."""


class SettingsError(CartoonColorError):
    """Settings are wrong; the message lists every problem found, not only the first."""


class WeightsError(CartoonColorError):
    """A checkpoint can't be used."""


class MissingExtraError(CartoonColorError):
    """An optional dependency is not installed."""
