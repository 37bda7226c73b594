"""A query that runs on Kafka: its KafkaStreams and what the server asks of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import jpype

from ksqlengine.engine import BuiltTopology
from ksqlengine.jvm import java
from ksqlengine.server.backend import NotReadyError, QueryError
from ksqlengine.topology.serving import broker_names, parts, source_topics, topics_read

if TYPE_CHECKING:
    from ksqlengine.server.kafka import KafkaBackend

LOG = logging.getLogger(__name__)
_CLOSE_S = 60


class StreamsQuery:
    """A KafkaStreams and what the server asks of it."""

    def __init__(
        self,
        backend: KafkaBackend,
        application_id: str,
        built: BuiltTopology,
        props: Any,
        *,
        query_id: str,
        transient: bool,
        paused: bool = False,
    ) -> None:
        self.backend, self.application_id, self.built, self.transient = backend, application_id, built, transient
        self._paused = False
        self._targets: dict[tuple[str, int], int] | None = None
        self._store_topics: dict[str, frozenset[str]] = {}
        self._watch = java("ksql.server.QueryWatch")(0 if transient else 5, query_id)
        clients = java("ksql.server.StableClients")("" if transient else backend.config.instance_id())
        self._streams = java("org.apache.kafka.streams.KafkaStreams")(built.topology, props, clients)
        self._streams.setUncaughtExceptionHandler(self._watch)
        if paused:
            self.pause()  # before it can take a record
        self._streams.start()

    # -- state -------------------------------------------------------------------------------------------------------
    def state(self) -> str:
        """Give Kafka Streams' state, or PAUSED."""
        state = str(self._streams.state())
        return "PAUSED" if self._paused and state in {"RUNNING", "REBALANCING"} else state

    def errors(self) -> list[QueryError]:
        """Give the uncaught exceptions so far, oldest first."""
        return [QueryError(int(e[0]), str(e[1]), str(e[2])) for e in self._watch.errors()]

    def pause(self) -> None:
        """Stop processing, keep the state."""
        self._streams.pause()
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._streams.resume()
        self._paused = False

    def close(self) -> None:
        """Stop for good and leave the group, so that other servers take over at once; a transient one is forgotten."""
        options = java("org.apache.kafka.streams.KafkaStreams$CloseOptions")()
        options = options.timeout(java("java.time.Duration").ofSeconds(_CLOSE_S)).leaveGroup(True)
        if not self._streams.close(options):
            LOG.warning("the query %s did not end in %d s, it is left to itself", self.application_id, _CLOSE_S)
        if self.transient:
            self.forget()

    def forget(self) -> None:
        """Remove what a terminated query leaves at the broker and on disk."""
        try:
            self._streams.cleanUp()
        except jpype.JException as error:  # it has not ended in time
            LOG.warning("what %s keeps on disk stays: %s", self.application_id, error.getMessage())
        self.backend.forget_application(self.application_id)

    # -- stores ------------------------------------------------------------------------------------------------------
    def store(self, name: str, kind: str, partition: int | None = None) -> Any:
        """Give the queryable store (Java), of one partition or of all here, or raise :class:`NotReadyError`."""
        types = java("org.apache.kafka.streams.state.QueryableStoreTypes")
        chosen = {
            "keyvalue": types.timestampedKeyValueStore,
            "window": types.timestampedWindowStore,
            "session": types.sessionStore,
        }[kind]()
        parameters = java("org.apache.kafka.streams.StoreQueryParameters").fromNameAndType(name, chosen)
        if partition is not None:
            parameters = parameters.withPartition(java("java.lang.Integer").valueOf(partition))
        try:
            return self._streams.store(parameters)
        except jpype.JException as error:
            raise NotReadyError(str(error.getMessage())) from None

    def owners(self, store: str) -> dict[str, list[int]]:
        """Give, for each server that runs parts of this query, the partitions of a store that it has.

        This is what the last rebalance settled; a server that has just died is still among them. Raises
        :class:`NotReadyError` before the first one.
        """
        topics = self._topics_of(store)
        here, out = self.backend.config.address, dict[str, list[int]]()
        for client in self._clients():
            parts = {int(p.partition()) for p in client.topicPartitions() if str(p.topic()) in topics}
            if parts:
                out[f"{client.host()}:{client.port()}"] = sorted(parts)
        if not out:
            raise NotReadyError("no partition is assigned to a server yet")
        return {host: out[host] for host in sorted(out, key=lambda h: (h != here, h))}

    def _topics_of(self, store: str) -> frozenset[str]:
        """Give the topics whose partitions a store is split by: the sources of its part of the topology."""
        if store not in self._store_topics:
            for nodes in parts(self.built.topology):
                stores = {str(s) for node in nodes if hasattr(node, "stores") for s in node.stores()}
                if store in stores:
                    self._store_topics[store] = frozenset(broker_names(topics_read(nodes), self.application_id))
        return self._store_topics.get(store, frozenset())

    def placement(self) -> dict[str, dict[str, Any]]:
        """Give, for each server, the stores and partitions that it has of this query, as /clusterStatus shows them."""
        return {
            f"{client.host()}:{client.port()}": {
                "activeStores": sorted(map(str, client.stateStoreNames())),
                "activePartitions": _partitions(client.topicPartitions()),
                "standByStores": sorted(map(str, client.standbyStateStoreNames())),
                "standByPartitions": _partitions(client.standbyTopicPartitions()),
            }
            for client in self._streams.metadataForAllStreamsClients()
        }

    def lags(self) -> dict[str, dict[str, dict[str, int]]]:
        """Give, for each store here and each of its partitions, how far it is behind its changelog."""
        out: dict[str, dict[str, dict[str, int]]] = {}
        for store in (every := self._streams.allLocalStorePartitionLags()).keySet():
            parts = every.get(store)
            out[str(store)] = {
                str(part): {
                    "currentOffsetPosition": int(parts.get(part).currentOffsetPosition()),
                    "endOffsetPosition": int(parts.get(part).endOffsetPosition()),
                    "offsetLag": int(parts.get(part).offsetLag()),
                }
                for part in parts.keySet()
            }
        return out

    def other_hosts(self) -> list[str]:
        """Give host:port of the other servers that run parts of this query."""
        hosts = set()
        for client in self._clients():
            hosts.add(f"{client.host()}:{client.port()}")
        return sorted(hosts - {self.backend.config.address})

    def _clients(self) -> list[Any]:
        """Give the metadata of all that run parts of this query; a query that has ended knows of none."""
        try:
            return list(self._streams.metadataForAllStreamsClients())
        except jpype.JException as error:
            if isinstance(error, java("java.lang.IllegalStateException")):
                return []
            raise

    # -- progress ----------------------------------------------------------------------------------------------------
    def drained(self) -> bool:
        """Say whether everything that was in its source topics when it was first asked has been processed."""
        if self.state() != "RUNNING":
            return False
        if self._targets is None:
            self._targets = self.backend.after_last_records(source_topics(self.built.topology, self.application_id))
        for thread in self._streams.metadataForLocalThreads():
            for task in thread.activeTasks():
                done = task.committedOffsets()
                for part in done.keySet():
                    key = (str(part.topic()), int(part.partition()))
                    if int(done.get(part)) >= self._targets.get(key, 0):
                        self._targets.pop(key, None)
        return not self._targets


def _partitions(parts: Any) -> list[dict[str, Any]]:
    found = sorted((str(p.topic()), int(p.partition())) for p in parts)
    return [{"topic": topic, "partition": partition} for topic, partition in found]
