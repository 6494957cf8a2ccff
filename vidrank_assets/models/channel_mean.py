"""The channel's as-of empirical-Bayes mean."""

from vidrank_assets.models.channel_column import ChannelColumn


class ChannelMean(ChannelColumn):
    """The mean target of the channel's earlier videos, shrunk to its category's the more the fewer there are.

    Source of the shrinkage: Efron & Morris 1975, Data analysis using Stein's estimator and its generalizations.
    """

    name = "channel_mean"
    column = "channel_target_mean"
