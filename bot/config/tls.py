"""Settings of TLS (RFC 3261 section 26.3), and the checks of the certificate files."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from bot.config.validation import SettingError, empty_is_none

__all__ = ["TlsConfig"]


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of TLS (RFC 3261 section 26.3)."""

    ca: str | None = None
    """File with the CA certificates that verify peers, PEM; default: the CAs of the system."""
    cert: str | None = None
    """File with the certificate of this endpoint, PEM; needed to accept TLS connections."""
    key: str | None = None
    """File with the private key of ``cert``, PEM, without a passphrase."""
    insecure: bool = False
    """Whether any certificate of a peer is accepted."""
    verify_client: bool = False
    """Whether peers that connect must present a certificate."""

    def __post_init__(self) -> None:
        """Validate the settings; raises SettingError."""
        empty_is_none(self, "ca", "cert", "key")
        if self.cert and not self.key:
            raise SettingError("cert", "needs a private key; set key too")
        if self.key and not self.cert:
            raise SettingError("key", "needs a certificate; set cert too")

    def in_folder(self, folder: str | os.PathLike[str]) -> TlsConfig:
        """The settings with relative paths resolved in ``folder``."""
        paths = {
            name: os.path.join(folder, os.path.expanduser(path))
            for name, path in (("ca", self.ca), ("cert", self.cert), ("key", self.key))
            if path
        }
        return msgspec.structs.replace(self, **paths)

    def check_files(self) -> None:
        """Raise ConfigError unless the files are readable and the private key fits the certificate."""
        for name, path in (("ca", self.ca), ("cert", self.cert), ("key", self.key)):
            if path:
                _check_readable(f"tls.{name}", path)
        if not (self.ca or self.cert):
            return
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name, path in (("ca", self.ca), ("cert", self.cert)):
            try:
                if path:
                    context.load_verify_locations(cafile=path)
            except ssl.SSLError:
                raise SettingError(f"tls.{name}", f"{path} contains no certificate in PEM format") from None
        if self.cert and self.key:
            _check_key(context, self.cert, self.key)


def _check_readable(key: str, path: str) -> None:
    try:
        with open(path, "rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise SettingError(key, f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise SettingError(
            key, f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None


def _check_key(context: Any, cert: str, key: str) -> None:
    import ssl

    def refuse() -> str:
        raise SettingError("tls.key", f"{key} has a passphrase; export the key without a passphrase")

    try:
        context.load_cert_chain(cert, key, password=refuse)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingError("tls.key", f"{key} is not the private key of the certificate {cert}") from None
        raise SettingError("tls.key", f"{key} contains no private key in PEM format") from None
