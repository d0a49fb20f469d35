"""How to reach the broker."""

import ssl
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, model_validator

from telemetry.loopback import is_loopback


class BrokerSettings(BaseModel):
    """One MQTT broker, and who we are to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=1884, ge=1, le=65535)
    """An MQTT 5 listener. 1884 is the embedded broker's; other brokers speak 5 on 1883, or 8883 with TLS."""
    username: str | None = None
    password: SecretStr | None = None
    """Better from the environment (`CARETAKER_BROKER__PASSWORD`) or from `password_file`."""
    password_file: FilePath | None = None
    """A file that holds nothing but the password."""
    tls: bool = False
    """Encrypt. Implied by `ca` and `certificate`; required for anything but loopback."""
    ca: FilePath | None = None
    """PEM file of the authority that signed the broker's certificate; None: the system's authorities."""
    certificate: FilePath | None = None
    """PEM file of our own certificate, for brokers that ask for one."""
    key: FilePath | None = None
    """PEM file of its key; None: it stands in the certificate's file."""
    insecure: bool = False
    """Allow an unencrypted connection beyond this machine. For networks that are protected in another way."""

    @property
    def encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.tls or self.ca is not None or self.certificate is not None

    def secret(self) -> str | None:
        """The password, wherever it stands."""
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        return None

    def ssl_context(self) -> ssl.SSLContext | None:
        """What a TLS connection needs; None for a plain one. Raises `ssl.SSLError` or `OSError` on unreadable files."""
        if not self.encrypted:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("`key` is given without `certificate`")
        if self.password is not None and self.password_file is not None:
            raise ValueError("one of `password` and `password_file`, not both")
        if not (self.encrypted or self.insecure or is_loopback(self.host)):
            raise ValueError(
                f"{self.host} is not this machine and the connection is not encrypted: set `tls: true` or `ca`, "
                "or, where the network is protected in another way, `insecure: true`"
            )
        return self
