"""Ridership with its weather, headway and delay, from the event topics: the job that spark-submit runs.

Wiring only. The queries are in ``headway/spark/queries.py``; ``docs/spark.md`` says what the job reads and writes.
"""

from __future__ import annotations

import sys

from headway.spark.driver import main

if __name__ == "__main__":
    sys.exit(main())
