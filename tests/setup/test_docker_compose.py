"""docker-compose.yml as far as it can be checked where no Docker engine is: parsed, and compared with what it names."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from runtime.settings import Settings, load_settings, variable_of
from workflows import names

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<default>:-(?P<value>[^}]*))?\}")
OUR_SERVICES = ("migrate", "api", "worker")
OF_THE_SDK = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
RUN_ONCE = {"temporal-schema", "temporal-init", "migrate"}


def filled_in(text: str) -> str:
    """The text with every ${VARIABLE:-default} at its default."""
    return VARIABLE.sub(lambda found: found["value"] or "", text).replace("$$", "$")


COMPOSE: dict[str, Any] = yaml.safe_load(filled_in(TEXT))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def environment_of(service: str) -> Mapping[str, str]:
    return SERVICES[service]["environment"]


def each(key: str) -> Iterator[tuple[str, Any]]:
    """Service and entry, for each entry of a list (or the keys of a map) that services have under `key`."""
    for name, service in SERVICES.items():
        for entry in service.get(key, ()):
            yield name, entry


def commands_of_the_cli() -> Mapping[str, Any]:
    import cli  # the whole command, and all it needs

    group = typer.main.get_command(cli.app)
    return getattr(group, "commands", {})


def test_every_part_of_the_house_is_there() -> None:
    assert set(SERVICES) == {
        *("temporal-database", "temporal-schema", "temporal", "temporal-init", "temporal-ui"),
        *("store", "mail", "migrate", "api", "worker"),
    }


def test_every_variable_has_a_default() -> None:
    assert [found["name"] for found in VARIABLE.finditer(TEXT) if found["default"] is None] == []


def test_no_value_is_something_that_yaml_would_change() -> None:
    """Compose takes strings and numbers; a bare yes, no, on or a colon pair would arrive as something else."""
    wrong = [
        f"{service}: {name}"
        for service in SERVICES
        for name, value in SERVICES[service].get("environment", {}).items()
        if not (value is None or (isinstance(value, str | int) and not isinstance(value, bool)))
    ]
    assert wrong == []


@pytest.mark.parametrize("service", OUR_SERVICES)
def test_every_variable_of_ours_is_a_setting_and_all_are_accepted(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = environment_of(service)
    known = {variable_of(field) for field in Settings.model_fields} | OF_THE_SDK
    assert set(variables) - known == set()
    for name in list(os.environ):
        if name.startswith(("BATON_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value or ""))
    settings = load_settings()
    assert settings.channel == "smtp"
    assert settings.log_format == "json"


def test_no_two_settings_of_one_meaning_disagree() -> None:
    """What all three share is the same for all three."""
    own = {"BATON_API_HOST", "BATON_API_PORT", "BATON_API_URL"} | {
        *("BATON_METRICS_HOST", "BATON_METRICS_PORT", "BATON_SHUTDOWN_SECONDS")
    }
    shared = [{k: v for k, v in environment_of(service).items() if k not in own} for service in OUR_SERVICES]
    assert shared[0] == shared[1] == shared[2]


def test_the_settings_name_services_and_their_ports() -> None:
    ours = environment_of("worker")
    assert ours["TEMPORAL_ADDRESS"] == "temporal:7233"
    store = environment_of("store")
    password, database = store["POSTGRES_PASSWORD"], store["POSTGRES_DB"]
    assert ours["BATON_STORE_URL"] == f"postgresql://{store['POSTGRES_USER']}:{password}@store:5432/{database}"
    assert (ours["BATON_SMTP_HOST"], ours["BATON_SMTP_PORT"]) == ("mail", 1025)
    assert environment_of("temporal")["POSTGRES_SEEDS"] == "temporal-database"
    assert environment_of("temporal-schema")["POSTGRES_SEEDS"] == "temporal-database"
    passwords = {
        environment_of("temporal")["POSTGRES_PWD"],
        environment_of("temporal-schema")["SQL_PASSWORD"],
        environment_of("temporal-database")["POSTGRES_PASSWORD"],
    }
    assert len(passwords) == 1


def test_the_ports_are_those_that_the_programs_listen_on() -> None:
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:8040:{environment_of('api')['BATON_API_PORT']}"]
    assert f":{environment_of('api')['BATON_API_PORT']}/" in str(SERVICES["api"]["healthcheck"])
    assert f":{environment_of('worker')['BATON_METRICS_PORT']}/" in str(SERVICES["worker"]["healthcheck"])
    inside = {service: entry.rpartition(":")[2] for service, entry in each("ports")}
    assert inside == {"temporal": "7233", "temporal-ui": "8080", "mail": "8025", "api": "8040"}


def test_nothing_is_published_beyond_loopback() -> None:
    assert [entry for _, entry in each("ports") if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", entry)] == []
    published = [entry.split(":")[1] for _, entry in each("ports")]
    assert len(published) == len(set(published))


@pytest.mark.parametrize("service", OUR_SERVICES)
def test_every_command_of_ours_exists(service: str) -> None:
    assert SERVICES[service]["command"] == [service]
    assert service in commands_of_the_cli()
    assert 'ENTRYPOINT ["baton"]' in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_api_answers_where_its_health_is_asked() -> None:
    path = re.search(r":8040(/[\w/]*)'", str(SERVICES["api"]["healthcheck"]))
    assert path is not None
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "api").rglob("*.py"))
    assert f'"{path[1]}"' in sources


def test_no_image_floats_and_parts_that_belong_together_have_one_version() -> None:
    images = {name: service["image"] for name, service in SERVICES.items()}
    tags = {name: image.rpartition(":")[2] for name, image in images.items()}
    assert all(":" in image for image in images.values())
    assert "latest" not in tags.values()
    outside = {name: tag for name, tag in tags.items() if name not in OUR_SERVICES}
    assert [name for name, tag in outside.items() if not re.match(r"v?\d+\.\d+", tag)] == []
    assert tags["temporal"] == tags["temporal-schema"] == tags["temporal-init"]
    assert images["store"] == images["temporal-database"]
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert bases
    assert all(re.search(r":3\.\d+", base) for base in bases)


def test_what_a_service_waits_for_exists_and_can_come_true() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}"
            condition = how["condition"]
            assert condition in CONDITIONS
            if condition == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}, which has no check"
            if condition == "service_completed_successfully":
                assert other in RUN_ONCE, f"{name} waits for the end of {other}, which runs for good"


def test_what_runs_for_good_comes_back_and_what_runs_once_does_not() -> None:
    restarts = {name: service["restart"] for name, service in SERVICES.items()}
    assert {name for name, restart in restarts.items() if restart.startswith("on-failure")} == RUN_ONCE
    assert set(restarts.values()) == {"unless-stopped", "on-failure:6"}


def test_the_worker_can_be_scaled() -> None:
    worker = SERVICES["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker
    grace = int(worker["stop_grace_period"].removesuffix("s"))
    assert grace > float(environment_of("worker")["BATON_SHUTDOWN_SECONDS"])


def test_every_volume_and_every_mounted_file_is_there() -> None:
    named: set[str] = set()
    for service, entry in each("volumes"):
        source, target, *_ = entry.split(":")
        assert target.startswith("/"), service
        if source.startswith("./"):
            assert (ROOT / source).is_file(), f"{service} mounts {source}"
        else:
            named.add(source)
    assert named == set(COMPOSE["volumes"])
    assert "/var/lib/postgresql/data" in str(SERVICES["store"]["volumes"])


@pytest.mark.parametrize("service", ["temporal-schema", "temporal-init"])
def test_a_script_is_mounted_where_it_is_called_and_gets_what_it_takes(service: str) -> None:
    (called,) = SERVICES[service]["command"]
    (mounted,) = SERVICES[service]["volumes"]
    source, target, _ = mounted.split(":")
    assert target == called
    script = (ROOT / source).read_text(encoding="utf-8")
    assert script.startswith("#!/bin/sh\n")
    taken = set(re.findall(r"\$\{?([A-Z_]{2,})", script))
    assert taken - set(environment_of(service)) == set()
    shell = shutil.which("sh")
    assert shell is not None
    subprocess.run([shell, "-n", str(ROOT / source)], check=True)


def test_the_search_attributes_are_those_of_the_workflows() -> None:
    listed = dict(pair.split("=") for pair in environment_of("temporal-init")["SEARCH_ATTRIBUTES"].split())
    types = {"KEYWORD": "Keyword", "DOUBLE": "Double", "DATETIME": "Datetime", "INT": "Int", "TEXT": "Text"}
    assert listed == {key.name: types[key.indexed_value_type.name] for key in names.SEARCH_ATTRIBUTES}


def test_the_schemas_keys_of_a_compose_file_are_the_ones_that_compose_knows() -> None:
    known = {
        *("image", "build", "restart", "command", "entrypoint", "environment", "depends_on", "volumes", "ports"),
        *("healthcheck", "stop_grace_period"),
    }
    assert {key for service in SERVICES.values() for key in service} - known == set()
    for service in SERVICES.values():
        assert set(service.get("healthcheck", {})) <= {"test", "interval", "timeout", "retries", "start_period"}


def test_all_that_the_image_copies_is_let_through_to_it() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    modules = {file.name for file in ROOT.glob("*.py")}
    assert let_through == packages | modules | {"pyproject.toml", "README.md", "deploy/requirements.lock"}
