import sys

import pytest

from vidrank_assets.assets.resources import FolderStore, store_resource
from vidrank_assets.errors import InvalidInput
from vidrank_assets.settings import Settings


def test_a_folder_is_a_store(tmp_path):
    store = store_resource(Settings(storage=str(tmp_path)))
    assert isinstance(store, FolderStore)
    store.open().write("a.json", b"{}")
    assert (tmp_path / "a.json").read_bytes() == b"{}"


def test_a_bucket_without_its_packages_says_how_to_install_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "vidrank_assets.assets.s3", None)
    with pytest.raises(InvalidInput, match=r"needs the s3 packages.*pip install 'vidrank-assets\[s3\]'"):
        store_resource(Settings(storage="s3://bucket/team"))
