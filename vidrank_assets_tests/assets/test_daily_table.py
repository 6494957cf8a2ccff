import dagster as dg

from vidrank_assets.assets.daily_table import daily_table
from vidrank_assets.assets.partitions import by_day
from vidrank_assets.tables import THUMBNAILS


def test_an_asset_of_a_table_is_called_as_it_and_shows_its_columns():
    @daily_table(THUMBNAILS, pool="capture")
    def pictures():
        """Any pictures."""

    spec = pictures.get_asset_spec()
    assert spec.key == dg.AssetKey(THUMBNAILS.name)
    shown = [column.name for column in spec.metadata["dagster/column_schema"].columns]
    assert shown == THUMBNAILS.schema.names()
    assert pictures.partitions_def == by_day
    assert pictures.op.pool == "capture"
    assert [check.name for check in pictures.check_specs] == ["schema_and_key"]
