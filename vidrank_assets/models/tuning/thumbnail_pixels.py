"""Thumbnails as an image encoder sees them: brought to its size once, kept in memory, and made ahead of their use."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.pictures import decoded

Pixels = NDArray[np.uint8]
Pictures = Sequence[int] | NDArray[np.int64]

#: What pictures at the model's size may take in memory, in MiB: 57,000 of 224 x 224. Beyond it they are decoded anew.
MEMORY_MIB = 8_192
_FLAT = (16, 9)


class ThumbnailPixels:
    """Pictures at the size of one model, (3, height, width) each, as its own image processor resizes and cuts them.

    The files' bytes stay in memory. Of the decoded pictures the first ones stay too, as many as `memory_mib` holds:
    training goes over all of them again and again, so what was used last is no more likely to be used next. A process
    that is given a copy decodes its own.
    """

    def __init__(self, contents: Sequence[bytes], model: Path, *, memory_mib: int = MEMORY_MIB) -> None:
        """contents: a JPEG, PNG or WebP each. model: the folder with its `preprocessor_config.json`."""
        self._contents, self._model, self._memory_mib = list(contents), model, memory_mib
        self._is_kept = np.zeros(len(self._contents), np.bool_)

    def __len__(self) -> int:
        return len(self._contents)

    def __getstate__(self) -> dict[str, Any]:
        """What another process is given: no decoded picture, and nothing that runs."""
        rebuilt = ("_kept", "_threads", "processor", "shape")
        state = {name: value for name, value in self.__dict__.items() if name not in rebuilt}
        return {**state, "_is_kept": np.zeros(len(self), np.bool_)}

    @cached_property
    def identity(self) -> str:
        """SHA-256 of all files, in their order."""
        digest = sha256()
        for content in self._contents:
            digest.update(sha256(content).digest())
        return digest.hexdigest()

    @cached_property
    def processor(self) -> Any:
        """The model's own image processor, of `transformers`."""
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        return CLIPImageProcessorPil.from_pretrained(self._model, local_files_only=True)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """3, height and width of every picture."""
        from PIL import Image

        channels, height, width = self._resized(Image.new("RGB", _FLAT)).shape
        return channels, height, width

    @cached_property
    def unreadable(self) -> Mapping[int, str]:
        """The reason, a few words, by picture; to know it every picture is decoded once, by all cores."""
        reasons = self._threads.map(self._reason, range(len(self)))
        return {i: reason for i, reason in enumerate(reasons) if reason}

    def of(self, pictures: Pictures) -> Pixels:
        """Some pictures, (n_pictures, 3, height, width), in their order.

        Raises InvalidInput: one of them is unreadable.
        """
        rows = np.empty((len(pictures), *self.shape), np.uint8)
        list(self._threads.map(lambda row: self._fill(rows, row, int(pictures[row])), range(len(pictures))))
        return rows

    def in_batches(self, pictures: Pictures, size: int) -> Iterator[Pixels]:
        """The same, `size` at a time; while one batch is used the next is made."""
        parts = (pictures[start : start + size] for start in range(0, len(pictures), size))
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as ahead:
            now = None
            for then in chain((ahead.submit(self.of, part) for part in parts), [None]):
                if now is not None:
                    yield now.result()
                now = then

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="pictures")

    @cached_property
    def _kept(self) -> Pixels:
        n_kept = min(len(self), (self._memory_mib << 20) // int(np.prod(self.shape)))
        return np.empty((n_kept, *self.shape), np.uint8)

    def _reason(self, picture: int) -> str | None:
        found = self._decoded(picture)
        return found if isinstance(found, str) else None

    def _fill(self, rows: Pixels, row: int, picture: int) -> None:
        found = self._kept[picture] if self._is_kept[picture] else self._decoded(picture)
        if isinstance(found, str):
            raise InvalidInput(
                f"pictures must be readable; number {picture} is {found}. Leave out the unreadable ones."
            )
        rows[row] = found

    def _decoded(self, picture: int) -> Pixels | str:
        """One picture, kept where there is room for it, or the reason why it cannot be read."""
        found = decoded(self._contents[picture])
        if isinstance(found, str):
            return found
        pixels = self._resized(found)
        if picture < len(self._kept):
            self._kept[picture] = pixels
            self._is_kept[picture] = True
        return pixels

    def _resized(self, picture: Any) -> Pixels:
        """(3, height, width); scaling by the mean and deviation of the model's pictures is left to the device."""
        whole = self.processor(images=[picture], return_tensors="np", do_rescale=False, do_normalize=False)
        pixels: Pixels = whole["pixel_values"][0]
        return pixels
