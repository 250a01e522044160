from pathlib import Path

import pytest

from runtime.settings import BadSetting, Settings, load_settings


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.upper().startswith("BATON_"):
            monkeypatch.delenv(name)


def fault_of(**variables: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with pytest.raises(BadSetting) as caught:
            load_settings()
    return str(caught.value)


def test_everything_has_a_default_below_one_folder() -> None:
    settings = load_settings()
    assert settings.store_url == "sqlite:///var/baton.db"
    assert settings.outbox_dir == Path("var/outbox")
    assert settings.channel == "outbox"
    assert settings.api_url == "http://127.0.0.1:8040"


def test_the_store_and_the_outbox_follow_the_var_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BATON_VAR_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.store_url == f"sqlite:///{tmp_path}/baton.db"
    assert settings.outbox_dir == tmp_path / "outbox"


def test_what_a_command_chooses_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_API_PORT", "9001")
    assert load_settings(api_port=9002).api_port == 9002
    assert load_settings(api_port=None).api_port == 9001


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_METRICS_PORT", "")
    monkeypatch.setenv("BATON_API_PORT", "")
    settings = load_settings()
    assert settings.metrics_port is None
    assert settings.api_port == 8040


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        load_settings().api_port = 1  # pyright: ignore[reportAttributeAccessIssue]  that is what is tested


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_wrong_value_is_refused_with_its_variable_its_value_and_what_to_do() -> None:
    words = fault_of(BATON_API_PORT="eighty")
    assert words.startswith("BATON_API_PORT=eighty: ")
    assert "port on which the API listens" in words
    assert "it is 8040" in words


def test_every_wrong_setting_is_named_at_once() -> None:
    words = fault_of(BATON_API_PORT="0", BATON_CHANNEL="pigeon", BATON_STORE_URL="mysql://host/baton")
    assert [line.partition("=")[0] for line in words.splitlines()] == [
        "BATON_STORE_URL",
        "BATON_CHANNEL",
        "BATON_API_PORT",
    ]


def test_a_lease_must_outlast_an_attempt_to_send() -> None:
    words = fault_of(BATON_LEASE_SECONDS="60")
    assert "BATON_LEASE_SECONDS=60" in words
    assert "BATON_SEND_TIMEOUT_SECONDS (60)" in words


@pytest.mark.parametrize(
    ("channel", "missing"),
    [("smtp", "BATON_SMTP_HOST"), ("http", "BATON_HTTP_PROVIDER_URL"), ("SMTP", "BATON_SMTP_HOST")],
)
def test_a_channel_asks_for_what_it_needs(channel: str, missing: str) -> None:
    assert fault_of(BATON_CHANNEL=channel).startswith(f"{missing}: missing")


def test_two_servers_cannot_share_a_port() -> None:
    assert "already the value of BATON_TEMPORAL_PORT" in fault_of(BATON_UI_PORT="7233")


def test_a_misspelt_variable_is_refused_with_the_right_name() -> None:
    assert fault_of(BATON_CHANEL="smtp") == "BATON_CHANEL: no such setting. Did you mean BATON_CHANNEL?"


def test_a_foreign_variable_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_SERVICE_HOST", "10.0.0.1")  # as Kubernetes sets for a service called baton
    monkeypatch.setenv("BATON_TEMPORAL_BIN", "/somewhere/temporal")
    load_settings()


@pytest.mark.parametrize(
    "variables",
    [
        {"BATON_STORE_URL": "mysql://baton:s3cret@host/baton"},
        {"BATON_SMTP_PASSWORD": "s3cret"},
        {"BATON_API_PORT": "x", "BATON_STORE_URL": "postgresql://baton:s3cret@host/baton"},
    ],
)
def test_secrets_never_stand_in_a_refusal(variables: dict[str, str]) -> None:
    assert "s3cret" not in fault_of(**variables)


def test_secrets_never_stand_in_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_STORE_URL", "postgresql://baton:s3cret@host/baton")
    monkeypatch.setenv("BATON_SMTP_USER", "baton")
    monkeypatch.setenv("BATON_SMTP_PASSWORD", "s3cret")
    settings = load_settings()
    assert "s3cret" not in repr(settings)
    assert settings.shown_store_url == "postgresql://baton:***@host/baton"
    assert settings.smtp_password is not None
    assert settings.smtp_password.get_secret_value() == "s3cret"


def test_an_api_that_listens_everywhere_is_reached_on_loopback() -> None:
    assert load_settings(api_host="0.0.0.0", api_port=9000).api_url == "http://127.0.0.1:9000"
    assert load_settings(api_host="::1").api_url == "http://[::1]:8040"
