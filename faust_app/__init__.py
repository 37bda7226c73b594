"""The Faust application: one row a station, from the rows of ``transit.stations.v1`` (one a line, branch, direction).

Entry point: ``python -m faust_app worker --web-port 6166 --datadir DIR``. What it computes is in :mod:`faust_app.merge`
and :mod:`faust_app.models`, which need no Faust.
"""
