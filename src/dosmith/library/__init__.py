"""Stores of materials with their densities of states: Parquet shards on disk, and an in-memory twin."""

from dosmith.library.blocks import SpectraBlock
from dosmith.library.joined import JoinedLibrary
from dosmith.library.store import Library, MemoryLibrary, ParquetLibrary, write_library

__all__ = ["JoinedLibrary", "Library", "MemoryLibrary", "ParquetLibrary", "SpectraBlock", "write_library"]
