"""Whether an address is this machine itself: the line beyond which encryption and passwords are asked for."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine. Asks no name server: a name that is not `localhost` may be anything."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
