"""Every error this package raises on purpose.

* VidrankError
  + InvalidInput        (also a ValueError)         the caller's data, file or argument
    - UnknownName       (also a LookupError)        a name that no catalog lists
    - InvalidTable                                  a table that breaks its declared schema
    - NoRows                                        a step that was left with nothing to work on
    - NoPairs                                       no two videos that can be compared
    - SplitTooSmall                                 too few videos for train, val and test
  + LeakageError                                    a column that was not known at the moment of prediction
  + NotFitted           (also a RuntimeError)       `predict` or `save` came before `fit`
  + ArtifactMissing     (also a FileNotFoundError)  nothing is stored under that key
  + AlreadyStored       (also a FileExistsError)    a second write to a place that is written once
  + ChecksumMismatch                                stored bytes are not the bytes that were written
  + SourceRefused                                   a source does not answer us: the key, a right or the past
  + SourceUnavailable                               a source did not answer, however often it was asked
  + QuotaSpent                                      no more may be asked of a source before its quota is reset
  + EncoderUnavailable                              an encoder's weights or packages cannot be loaded
  + TooManyUnreadable                               more than the tolerated share of items could not be read

A message is one sentence or two: what must hold, what was found, what to do.
`"a split needs at least 12 videos; horizon 30d has 5. Capture for longer, or choose a shorter horizon."`
"""


class VidrankError(Exception):
    """Base class of the errors above."""


class InvalidInput(VidrankError, ValueError):
    """The caller's data, file or argument is wrong."""


class UnknownName(InvalidInput, LookupError):
    """A name that the catalog does not list."""


class InvalidTable(InvalidInput):
    """A table lacks a declared column, has it in another type, or repeats its key."""


class NoRows(InvalidInput):
    """A step was left with no rows: an empty store, filter or join."""


class NoPairs(InvalidInput):
    """No channel has two videos with different targets."""


class SplitTooSmall(InvalidInput):
    """There are too few videos for the three parts of a split."""


class LeakageError(VidrankError):
    """A feature column was not known at the moment for which a prediction is asked."""


class NotFitted(VidrankError, RuntimeError):
    """A model was used before `fit`."""


class ArtifactMissing(VidrankError, FileNotFoundError):
    """Nothing is stored under the key that was asked for."""


class AlreadyStored(VidrankError, FileExistsError):
    """Something is stored under a key that is written once."""


class ChecksumMismatch(VidrankError):
    """The stored bytes differ from those that were written."""


class SourceRefused(VidrankError):
    """A source refuses what it is asked for, and would refuse it again: a bad key, a missing right, a past day."""


class SourceUnavailable(VidrankError):
    """A source did not answer within the attempts that it is given."""


class QuotaSpent(VidrankError):
    """A source must not be asked again before its quota is reset; what it answered until then is kept."""


class EncoderUnavailable(VidrankError):
    """An encoder's weights or packages cannot be loaded."""


class TooManyUnreadable(VidrankError):
    """More items than tolerated could not be read."""
