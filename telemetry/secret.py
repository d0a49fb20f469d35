"""A secret that stands in the settings, or in a file that holds nothing else."""

from pathlib import Path

from pydantic import SecretStr


def secret_of(given: SecretStr | None, file: Path | None) -> str | None:
    """The secret, wherever it stands; None: there is none. A line end after it in the file does not belong to it.

    Raises `OSError` on a file that can't be read any more.
    """
    if given is not None:
        return given.get_secret_value()
    return None if file is None else file.read_text(encoding="utf-8").rstrip("\r\n")


def check_secret(name: str, given: SecretStr | None, file: Path | None) -> None:
    """For the validator of a model with the fields `name` and `name`_file.

    Raises `ValueError` where both are given, where the file can't be read, and where the secret is empty: whoever
    sends none would then have the right one.
    """
    if given is not None and file is not None:
        raise ValueError(f"one of `{name}` and `{name}_file`, not both")
    try:
        empty = secret_of(given, file) == ""
    except OSError as error:
        raise ValueError(f"a `{name}_file` that this user may read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"a `{name}_file` that holds text") from error
    if empty:
        raise ValueError(f"a {name} in `{name if file is None else f'{name}_file'}`: it is empty")
