"""Which places pictures may be fetched from: an allow list, compared exactly.

A URL only chooses among the listed origins. The host and port of a connection are those of the list, never those of the
URL, so however a URL is written it cannot lead anywhere else.
"""

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from typing import NamedTuple

from vidrank_assets.errors import InvalidInput

_PORTS = {"https": 443, "http": 80}
#: ASCII only, and nothing that programs read differently: no user info, backslash, percent-encoded host or fragment.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?(?P<target>/[!-\[\]-~]{0,2000})?",
    re.IGNORECASE | re.ASCII,
)


class Origin(NamedTuple):
    """Scheme, host in lower case, and port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def listed_origins(origins: Iterable[str]) -> frozenset[Origin]:
    """The origins of an allow list, each written as `https://host` or `https://host:port`.

    Raises InvalidInput: one is written otherwise, or is `http` of anything but a loopback address.
    """
    return frozenset(map(_listed, origins))


def _listed(written: str) -> Origin:
    split = _split(written)
    if split is None or split[1] != "/" or not _is_trusted(split[0]):
        raise InvalidInput(
            "an origin of thumbnails must be https://host or https://host:port, or http:// with a loopback address for "
            f"a stand-in; found {written!r}. Correct VIDRANK_THUMBNAIL_ORIGINS."
        )
    return split[0]


def located(url: str, among: Collection[Origin]) -> tuple[Origin, str] | None:
    """The listed origin that a URL is of, and what to ask it for; None when it is of none, or is written oddly."""
    split = _split(url)
    return split if split and split[0] in among else None


def _split(url: str) -> tuple[Origin, str] | None:
    if (found := _URL.fullmatch(url)) is None or "#" in url:
        return None
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    return Origin(scheme, found["host"].lower(), port), found["target"] or "/"


def _is_trusted(origin: Origin) -> bool:
    if origin.scheme == "https":
        return True
    try:
        return ip_address(origin.host.strip("[]")).is_loopback
    except ValueError:
        return False  # a name may lead anywhere
