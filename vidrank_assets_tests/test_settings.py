from datetime import date
from typing import get_args

import pytest

from vidrank_assets.catalog import ENCODERS, Modality
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.settings import RankMetric, Settings


def test_one_variable_moves_the_store(monkeypatch):
    monkeypatch.setenv("VIDRANK_STORAGE", "s3://bucket/team")
    assert Settings().storage == "s3://bucket/team"


def test_by_default_the_store_lies_in_the_instance_home(monkeypatch, tmp_path):
    monkeypatch.delenv("VIDRANK_STORAGE", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert Settings().storage == str(tmp_path / "vidrank")


def test_the_first_day_is_a_setting(monkeypatch):
    monkeypatch.setenv("VIDRANK_FIRST_DAY", "2017-11-14")
    assert Settings().first_day == date(2017, 11, 14)


def test_a_credential_is_masked_wherever_settings_are_shown(monkeypatch):
    monkeypatch.setenv("VIDRANK_YOUTUBE_API_KEY", "a-key-nobody-may-see")
    settings = Settings()
    assert settings.youtube_api_key.get_secret_value() == "a-key-nobody-may-see"
    assert "nobody" not in repr(settings) + str(settings.shown()) + settings.model_dump_json()


def test_every_setting_that_could_hold_a_credential_is_a_secret():
    named = [name for name in Settings.model_fields if any(word in name for word in ("key", "secret", "password"))]
    assert named == ["youtube_api_key"]
    assert "SecretStr" in str(Settings.model_fields["youtube_api_key"].annotation)


def test_every_setting_says_what_it_means():
    assert all(field.description for field in Settings.model_fields.values())


def test_every_modality_has_an_encoder_that_needs_no_download():
    defaults = Settings().encoders
    assert list(defaults) == list(get_args(Modality))
    assert {ENCODERS.entries[name].modality for name in defaults.values()} == set(defaults)
    assert {ENCODERS.entries[name].device for name in defaults.values()} == {"cpu"}


def test_the_encoder_of_a_modality_is_a_setting(monkeypatch):
    monkeypatch.setenv("VIDRANK_AUDIO_ENCODER", "clap")
    assert Settings().encoders["audio"] == "clap"


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        ("https://objects.example:9000", "https://objects.example:9000"),
        ("https://reader:pl4nted@objects.example/", "https://***@objects.example/"),
        ("https://reader:pl4/n+t@ed@objects.example", "https://***@objects.example"),
        ("https://objects.example/x?token=pl4nted", "https://objects.example/x?***"),
    ],
)
def test_no_secret_within_a_url_is_shown(monkeypatch, endpoint, shown):
    monkeypatch.setenv("VIDRANK_S3_ENDPOINT", endpoint)
    assert Settings().shown()["s3_endpoint"] == shown


def test_rows_can_be_ranked_by_every_metric_and_by_nothing_else():
    assert get_args(RankMetric) == tuple(METRICS)
