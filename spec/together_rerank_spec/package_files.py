"""The files of the kit's packages, each read once."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_KINDS = (".json", ".yaml")


@cache
def content(package: str, name: str) -> bytes:
    """Return the content of the file *name* of *package*."""
    return files(package).joinpath(name).read_bytes()


def keep(package: str) -> None:
    """Read every JSON and YAML file of *package* now, because a fake file system may hide them later."""
    _keep(package, files(package), "")


def _keep(package: str, folder: Traversable, place: str) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _keep(package, entry, f"{place}{entry.name}/")
        elif entry.name.endswith(_KINDS):
            content(package, place + entry.name)
