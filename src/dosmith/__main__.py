"""`python -m dosmith`."""

from dosmith.cli import main

main()
