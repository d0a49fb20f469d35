"""What a person writes about the store: `store:` in the deployment's settings."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, FilePath, PositiveFloat, SecretStr, field_validator, model_validator

from telemetry.document import Section
from telemetry.loopback import is_loopback
from telemetry.secret import check_secret, secret_of


class SqliteSettings(Section):
    """The embedded store: one file, nothing to install."""

    kind: Literal["sqlite"] = "sqlite"
    path: Path | None = None
    """The file. None: `store.db` in the data folder. Not on a network file system: SQLite's locks do not hold there."""
    retention_days: PositiveFloat | None = 400
    """How long values are kept, days; a site may have its own. None: for ever. 400: this month beside the same month
    of last year. Archive sites are kept for ever unless they say otherwise."""


class InfluxSettings(Section):
    """InfluxDB 1.8 or newer of 1.x, or 2.x."""

    # Errors must not show what stands in the fields beside the faulty one.
    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["influxdb"]
    url: str
    """As in `https://influx.example.org:8086`. Plain http only to this machine itself, see `insecure`."""
    bucket: str = "caretaker/autogen"
    """1.x: `database/retention-policy`; 2.x: the bucket's name. It is made at the start where it is missing and the
    credentials allow it."""
    org: str = ""
    """2.x: the organisation's name or id. Empty for 1.x, which has none."""
    token: SecretStr | None = None
    """2.x: an API token that may read and write the bucket. None: `token_file`, user and password, or neither."""
    token_file: FilePath | None = None
    """A file that holds nothing but the token."""
    username: str | None = None
    """1.x: the user, who may read and write the database. None: InfluxDB asks for none."""
    password: SecretStr | None = None
    """1.x: the user's password. None: it stands in `password_file`."""
    password_file: FilePath | None = None
    """A file that holds nothing but the password."""
    ca: Path | None = None
    """File with the certificate authorities to trust, PEM. None: the system's."""
    timeout_s: PositiveFloat = 10.0
    """How long one request may take, seconds. After it the readings are kept and tried again. 10: a busy InfluxDB
    answers a full batch within two."""
    retention_days: PositiveFloat | None = None
    """How long a bucket that Caretaker makes keeps values, days. None: for ever, because what is deleted does not come
    back. A bucket that exists is left as it is."""
    insecure: bool = False
    """True: allow plain http to another machine. Credentials and readings then cross the network in the clear."""

    def secret(self) -> str | None:
        """The token, or the password where there is a user, wherever it stands."""
        if self.username is not None:
            return secret_of(self.password, self.password_file)
        return secret_of(self.token, self.token_file)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if "@" in url:  # refused below, where the message shows no value
            return url
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("an address such as https://influx.example.org:8086")
        return url.rstrip("/")

    @field_validator("bucket")
    @classmethod
    def _names_a_database(cls, bucket: str) -> str:
        if not bucket.partition("/")[0]:
            raise ValueError("the name of a bucket (2.x) or database/retention-policy (1.x)")
        return bucket

    @model_validator(mode="after")
    def _is_consistent(self) -> "InfluxSettings":
        if "@" in self.url:
            raise ValueError("credentials in `token`, or in `username` and `password`, not in `url`")
        check_secret("token", self.token, self.token_file)
        check_secret("password", self.password, self.password_file)
        has_token = self.token is not None or self.token_file is not None
        has_password = self.password is not None or self.password_file is not None
        if has_token and self.username is not None:
            raise ValueError("either `token` (2.x) or `username` and `password` (1.x), not both")
        if (self.username is None) == has_password:
            raise ValueError("`username` and `password` (or `password_file`) together")
        if (
            urlsplit(self.url).scheme == "http"
            and not self.insecure
            and not is_loopback(urlsplit(self.url).hostname or "")
        ):
            raise ValueError(
                "https in `url`, because plain http to another machine sends credentials and readings in the clear; "
                "where the network itself is protected, `insecure: true`"
            )
        return self


StoreSettings = Annotated[SqliteSettings | InfluxSettings, Field(discriminator="kind")]
