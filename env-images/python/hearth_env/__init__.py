"""Loader of Hearth's Python environment; see ../README.md for the contract it speaks."""
