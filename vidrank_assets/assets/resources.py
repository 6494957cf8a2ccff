"""The store as a Dagster resource: a folder here, a bucket in `s3.py`."""

import dagster as dg

from vidrank_assets.errors import InvalidInput
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage


class FolderStore(dg.ConfigurableResource[Storage]):
    """The store in a folder."""

    root: str

    def open(self) -> Storage:
        """The store at `root`."""
        return Storage(self.root)


def store_resource(settings: Settings) -> FolderStore:
    """The store that the settings name.

    Raises InvalidInput: it is on S3 and the packages for that are not installed.
    """
    if not settings.storage.startswith("s3://"):
        return FolderStore(root=settings.storage)
    try:
        from vidrank_assets.assets.s3 import s3_store
    except ImportError as absent:
        raise InvalidInput(
            f"VIDRANK_STORAGE={settings.storage} needs the s3 packages; {absent.name} is not installed. "
            "Install them: pip install 'vidrank-assets[s3]'."
        ) from None
    return s3_store(settings)
