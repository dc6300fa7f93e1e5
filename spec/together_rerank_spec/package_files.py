"""The files of the kit's packages, each read once."""

from functools import cache
from importlib.resources import files

_KINDS = (".j2", ".js", ".json", ".lua", ".yaml")


@cache
def content(package: str, name: str) -> bytes:
    """Return the content of the file *name* of *package*."""
    return files(package).joinpath(name).read_bytes()


def keep(package: str, place: str = "") -> None:
    """Read every data file of *package* below *place* now, because a fake file system may hide them later."""
    for entry in files(package).joinpath(place).iterdir():
        if entry.is_dir():
            keep(package, f"{place}{entry.name}/")
        elif entry.name.endswith(_KINDS):
            content(package, place + entry.name)
