"""What all services' settings have in common: one file, and the environment before it."""

from pathlib import Path
from typing import TypeVar

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from telemetry.document import Document, DocumentError, Problem

FILE = "caretaker.yaml"

_Settings = TypeVar("_Settings", bound="ServiceSettings")


class ServiceSettings(BaseSettings):
    """The sections that a service reads. Each may also come from the environment, as `CARETAKER_BROKER__HOST`."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="CARETAKER_", env_nested_delimiter="__", env_nested_max_split=1
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the file."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def read_settings(model: type[_Settings], config: Path) -> _Settings:
    """The settings in `config`/caretaker.yaml; no file: the defaults.

    Raises `DocumentError` with every problem, by file and line.
    """
    if not config.is_dir():
        raise DocumentError([Problem(str(config), 0, "", "no such folder", "a folder with sites.yaml and devices")])
    path = config / FILE
    return Document.open(path, FILE).validate(model) if path.exists() else model()
