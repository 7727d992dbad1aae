"""The environment variables of the processes that this package starts from its own modules."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["process_environment"]

PASSED_ON = {
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP",
    "VIRTUAL_ENV",     "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_HOST_CONF", "GCONV_PATH",
    "GLIBC_TUNABLES",
}  # fmt: skip
PASSED_ON_PREFIXES = (
    "LC_", "LD_", "DYLD_", "PYTHON", "XDG_", "MALLOC_", "ASAN_", "UBSAN_", "COV", "SSL_CERT_", "OPENSSL_",
    "FAKETIME",
)  # fmt: skip


def process_environment() -> dict[str, str]:
    """Variables of the interpreter and of system libraries, with this ``bot`` on the path of modules.

    All other variables are left out. Passwords and keys from the user's environment reach a process through
    its pipe only, as far as it needs them.
    """
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}
