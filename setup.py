"""The packages of the wheel. Other projects have a folder ``configs`` too, so here it is ``bot/configs``."""

from setuptools import find_namespace_packages, setup

PACKAGES = ("bot", "media", "srtpbot_pytest")
CONFIGS = "configs"


def found(*names: str) -> list[str]:
    """These folders and the folders in them; a new one needs no word here."""
    return find_namespace_packages(
        include=[pattern for name in names for pattern in (name, f"{name}.*")], exclude=["*.__pycache__"]
    )


setup(
    packages=[*found(*PACKAGES), *(f"bot.{folder}" for folder in found(CONFIGS))],
    package_dir={f"bot.{CONFIGS}": CONFIGS},
)
