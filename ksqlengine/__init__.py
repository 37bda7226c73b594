"""An embeddable, ksqlDB-compatible engine: SQL compiled to Kafka Streams topologies."""
