import pytest

from vidrank_assets.catalog import ENCODERS, FAMILIES, FUSIONS, SOURCES, Catalog, Entry
from vidrank_assets.errors import UnknownName

LISTED = [(catalog, name) for catalog in (SOURCES, ENCODERS, FUSIONS, FAMILIES) for name in catalog.entries]


@pytest.mark.parametrize(("catalog", "name"), LISTED, ids=[name for _, name in LISTED])
def test_every_entry_loads(catalog, name):
    assert callable(catalog.load(name))


@pytest.mark.parametrize("catalog", [ENCODERS, FUSIONS, FAMILIES], ids=lambda catalog: catalog.kind)
def test_a_plug_in_lives_in_the_file_of_its_own_name(catalog):
    for name, entry in catalog.entries.items():
        assert entry.target.split(":")[0].endswith(f".{name}")


def test_every_encoder_says_what_it_reads():
    assert {entry.modality for entry in ENCODERS.entries.values()} == {"image", "text", "audio", "video"}


def test_an_unknown_name_is_refused_with_the_names_there_are():
    fruit = Catalog("fruit", {"pear": Entry("math:pi", "Green."), "apple": Entry("math:e", "Red.")})
    with pytest.raises(UnknownName, match="fruit must be one of: apple, pear; got 'aple'"):
        fruit.load("aple")
