"""Errors as Confluent's API v2 states them: an HTTP status, an error code, a message."""

from __future__ import annotations

from confluent_kafka import KafkaError

# https://docs.confluent.io/platform/current/kafka-rest/api.html (API v2, errors)
TOPIC_NOT_FOUND = 40401
PARTITION_NOT_FOUND = 40402
CONVERSION_FAILED = 42203
KAFKA_ERROR = 50002
KAFKA_RETRIABLE_ERROR = 50003
KAFKA_AUTHENTICATION_ERROR = 40101
KAFKA_AUTHORIZATION_ERROR = 40301

_AUTHORIZATION = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
_AUTHENTICATION = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}
# what librdkafka gives up on after the delivery timeout could succeed later
_RETRIABLE = {
    KafkaError._MSG_TIMED_OUT,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._QUEUE_FULL,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


class ProxyError(Exception):
    """Carry what the client is told: HTTP status, error code, message, extra response headers."""

    def __init__(self, status: int, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}

    def body(self) -> dict[str, object]:
        """Give the error body."""
        return {"error_code": self.code, "message": self.message}


def topic_not_found(topic: str) -> ProxyError:
    """Say that a topic does not exist."""
    return ProxyError(404, TOPIC_NOT_FOUND, f"Topic {topic} not found.")


def partition_not_found(topic: str, partition: object) -> ProxyError:
    """Say that a topic has no such partition."""
    return ProxyError(404, PARTITION_NOT_FOUND, f"Partition {partition} of topic {topic} not found.")


def kafka_away(detail: str) -> ProxyError:
    """Say that the brokers do not answer."""
    return ProxyError(503, KAFKA_RETRIABLE_ERROR, f"Kafka does not answer: {detail}", {"Retry-After": "1"})


def record_error_code(error: KafkaError) -> int:
    """Give the error code of one record that was not delivered."""
    code = error.code()
    if code in _AUTHENTICATION:
        return KAFKA_AUTHENTICATION_ERROR
    if code in _AUTHORIZATION:
        return KAFKA_AUTHORIZATION_ERROR
    return KAFKA_RETRIABLE_ERROR if code in _RETRIABLE or error.retriable() else KAFKA_ERROR
