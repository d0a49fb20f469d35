"""Names by which this machine is reached, as they stand in certificates and addresses."""

import re
from ipaddress import ip_address

LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
NAME_MOST = 253
EXPECTED = "a host name such as caretaker.example.org, or an address such as 192.0.2.7"


def check_host(text: str) -> str:
    """The name in small letters, or the address. Raises `ValueError` on what is neither.

    No port, no address that only means "here" or "anywhere", nor the name of a network card of this machine's in it:
    others must be able to use it.
    """
    try:
        address = ip_address(text)
    except ValueError:
        name = text.lower().removesuffix(".")
        labels = name.split(".")
        # A name that ends in a number is taken for an address by browsers.
        if len(name) > NAME_MOST or not all(map(LABEL.fullmatch, labels)) or labels[-1].isdecimal():
            raise ValueError(EXPECTED) from None
        return name
    if address.is_unspecified or address.is_multicast or "%" in text:
        raise ValueError(EXPECTED)
    return str(address)
