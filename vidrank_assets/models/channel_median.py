"""The channel's as-of median: what its videos usually reach."""

from vidrank_assets.models.channel_column import ChannelColumn


class ChannelMedian(ChannelColumn):
    """The median target of the channel's earlier videos whose label was known at publication."""

    name = "channel_median"
    column = "channel_target_median"
