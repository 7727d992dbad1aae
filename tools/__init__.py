"""Programs that make files of this project from its code; no part of the package."""
