import subprocess
import sys
from pathlib import Path

import pytest

from runtime.binaries import BinaryMissing, find_binary


def an_executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATON_TEMPORAL_BIN", raising=False)
    monkeypatch.delenv("BATON_TEMPORAL_TEST_SERVER_BIN", raising=False)


def test_the_servers_come_with_our_packages() -> None:
    said = subprocess.run([find_binary("temporal"), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("temporal version")
    assert Path(find_binary("temporal-test-server")).is_file()


def test_the_variable_goes_before_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = an_executable(tmp_path / "temporal")
    monkeypatch.setenv("BATON_TEMPORAL_BIN", str(chosen))
    assert find_binary("temporal") == str(chosen)


def test_a_variable_that_names_nothing_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BATON_TEMPORAL_BIN", str(tmp_path / "nothing"))
    with pytest.raises(BinaryMissing, match="BATON_TEMPORAL_BIN"):
        find_binary("temporal")


def test_beside_this_python_goes_before_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beside, elsewhere = an_executable(tmp_path / "here" / "temporal"), an_executable(tmp_path / "there" / "temporal")
    monkeypatch.setattr(sys, "executable", str(beside.with_name("python")))
    monkeypatch.setenv("PATH", str(elsewhere.parent))
    assert find_binary("temporal") == str(beside)
    beside.unlink()
    assert find_binary("temporal") == str(elsewhere)


def test_where_there_is_none_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinaryMissing, match="temporal-test-server-bin"):
        find_binary("temporal-test-server")
