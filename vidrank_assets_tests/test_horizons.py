from datetime import timedelta

from vidrank_assets.horizons import HORIZONS


def test_the_horizons_are_seven_fourteen_twenty_one_and_thirty_days_under_their_names():
    assert {name: horizon.age for name, horizon in HORIZONS.items()} == {
        "7d": timedelta(days=7),
        "14d": timedelta(days=14),
        "21d": timedelta(days=21),
        "30d": timedelta(days=30),
    }
    assert all(horizon.name == name for name, horizon in HORIZONS.items())


def test_a_label_is_observed_within_twelve_hours_and_bracketed_within_seventy_two():
    for horizon in HORIZONS.values():
        assert (horizon.tolerance, horizon.bracket) == (timedelta(hours=12), timedelta(hours=72))


def test_fourteen_and_twenty_one_days_are_required_for_the_delta_task():
    assert [name for name, horizon in HORIZONS.items() if horizon.required] == ["14d", "21d"]
