"""Titles, by their words and letter groups, hashed: no vocabulary, so nothing is learned from other titles."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from vidrank_assets.catalog import Modality
from vidrank_assets.features.encoders.base import Encoded, Encoder
from vidrank_assets.features.vectors import Matrix

#: Chinese and Japanese are written without spaces, so there each sign counts as a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = rf"(?u)[{_UNSPACED}]|[^\W{_UNSPACED}]+"


class TitleNgrams(Encoder[str]):
    """384 numbers of a title, at unit length: 256 of its words and word pairs, 128 of its groups of 3 and 4 letters.

    Each word or group adds 1 or -1 to one place, both by its hash, which keeps inner products in expectation.
    Source: Weinberger et al. 2009, "Feature hashing for large scale multitask learning".
    """

    name: ClassVar[str] = "title_ngrams"
    modality: ClassVar[Modality] = "text"
    items_per_shard: ClassVar[int] = 8192

    _D_WORDS: ClassVar[int] = 256
    _D_LETTERS: ClassVar[int] = 128

    def __init__(self) -> None:
        self.revision = "1"
        self.dim = self._D_WORDS + self._D_LETTERS

    @cached_property
    def _hashers(self) -> tuple[Any, Any]:
        from sklearn.feature_extraction.text import HashingVectorizer

        words = HashingVectorizer(n_features=self._D_WORDS, token_pattern=_WORD, ngram_range=(1, 2), dtype=np.float32)
        letters = HashingVectorizer(
            n_features=self._D_LETTERS, analyzer="char_wb", ngram_range=(3, 4), dtype=np.float32
        )
        return words, letters

    def _encode(self, items: Sequence[str]) -> Encoded:
        blank = {i: "blank" for i, title in enumerate(items) if not title.strip()}
        blocks = [hasher.transform(items).toarray() for hasher in self._hashers]
        matrix: Matrix = np.concatenate(blocks, axis=1)
        lengths = np.sqrt(np.square(matrix, dtype=np.float64).sum(axis=1, keepdims=True))
        # A title whose every sign cancels out is a row of zeros, and stays one.
        return Encoded((matrix / np.where(lengths > 0, lengths, 1)).astype(np.float32), blank)
