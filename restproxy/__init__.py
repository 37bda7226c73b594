"""A small Kafka REST proxy that speaks Confluent's API v2: produce (JSON and binary), topics, brokers, health.

It is its own package: it knows nothing about transit and imports nothing of Headway. Start it with
``python -m restproxy --port 8082 --bootstrap-servers localhost:9092 [--config client.properties]``.
"""
