"""``python -m headway.cli``: what ``bin/headway`` runs."""

from headway.cli.app import main

main()
