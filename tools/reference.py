"""Makes the files that repeat the code: ``make reference``, which ``make docs`` runs first."""

from __future__ import annotations

from tools import settings_module

__all__ = ["main"]


def main() -> None:
    """Write every file whose text has changed."""
    settings_module.PATH.write_text(settings_module.made())


if __name__ == "__main__":
    main()
