"""The server around the engine: ksqlDB's REST API, the command topic, persistent, pull and push queries."""
