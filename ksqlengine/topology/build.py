"""Turn a plan's steps into a Kafka Streams topology."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jpype

from ksqlengine import jvm
from ksqlengine.catalog import FormatInfo, Source
from ksqlengine.engine import BuiltTopology, Plan, StoreInfo
from ksqlengine.topology.serving import push_end, store_view

_DAY_MS = 86_400_000
_DELIMITERS = {"TAB": "\t", "SPACE": " "}


def load(code: str) -> Any:
    """Compile generated classes; returns their class loader. The JVM is started when needed."""
    jvm.start()
    compiler = jvm.java("org.codehaus.janino.SimpleCompiler")()
    compiler.setParentClassLoader(jvm.java("ksql.runtime.Dsl").class_.getClassLoader())
    compiler.cook(code)
    return compiler.getClassLoader()


def instance(loader: Any, name: str) -> Any:
    """Return an instance of a generated class."""
    return loader.loadClass(name).getDeclaredConstructor().newInstance()


@dataclass
class Node:
    """Hold a KStream or KTable with what its keys are."""

    dsl: Any
    key_codec: Any
    key_window: str = ""  # TIME | SESSION: keys carry window bytes (windowed sources)
    window_size: int = -1
    aggregated: str = ""  # TIME | SESSION: keys are Kafka Streams' Windowed
    store: StoreInfo | None = None
    value_codec: Any = None


def codec(fmt: FormatInfo, columns: list[list[str]], slots: list[int] | None = None, width: int | None = None,
          key: bool = False) -> Any:  # fmt: skip
    """Return the Java codec for columns ([name, type]) in a format."""
    names, types = [c[0] for c in columns], [c[1] for c in columns]
    if key and not columns:
        fmt = FormatInfo("NONE")
    wrap = len(columns) != 1 if key else (len(columns) != 1 or fmt.wrap is not False)
    delimiter = fmt.get("delimiter") or ","
    name = fmt.name
    if (key and name == "KAFKA" and len(columns) > 1) or (key and name == "NONE" and columns):
        name = "JSON"
    if key and len(names) == 1:
        names = ["K"]
    string_array, ints = jpype.JArray(jpype.JString), jpype.JArray(jpype.JInt)
    return jvm.java("ksql.runtime.Codec").of(
        name, string_array(names), string_array(types), ints(slots if slots is not None else list(range(len(names)))),
        width if width is not None else len(names), wrap, _DELIMITERS.get(delimiter, delimiter),
    )  # fmt: skip


class TopologyBuilder:
    """Build one query's topology."""

    def __init__(self, plan: Plan, streams_config: dict[str, Any], rows: Any = None) -> None:
        assert plan.steps is not None  # noqa: S101 - the caller builds queries only
        self.plan = plan
        self.rows = rows  # where a push query ends
        self.steps = plan.steps
        self.properties = jvm.java("java.util.Properties")()
        for name, value in streams_config.items():
            self.properties.put(name, str(value))
        config = jvm.java("org.apache.kafka.streams.StreamsConfig")(self.properties)
        topology_config = jvm.java("org.apache.kafka.streams.TopologyConfig")(config)
        self.builder = jvm.java("org.apache.kafka.streams.StreamsBuilder")(topology_config)
        self.dsl = jvm.java("ksql.runtime.Dsl")
        self.serdes = jvm.java("ksql.runtime.Serdes")
        self.internal = self.serdes.internal()
        self.loader = load(self.steps["code"])
        self.sources = _sources(self.steps["root"])
        self.raw: dict[str, Any] = {}  # streams of bytes, of topics that several sources share
        self.throw_on_invalid = self.flag("ksql.timestamp.throw.on.invalid")

    def flag(self, name: str) -> bool:
        """Tell whether the query's properties switch something on."""
        return str(self.plan.properties.get(name, "false")).lower() == "true"

    def generated(self, name: str) -> Any:
        """Return an instance of a generated class."""
        return instance(self.loader, name)

    def build(self) -> BuiltTopology:
        """Build everything and return the topology."""
        node = self.node(self.steps["root"])
        if self.rows is not None:
            push_end(self.plan, self.steps["kind"], node.dsl, self.rows)
        else:
            self.sink(node)
        store = node.store
        if store is not None:
            store = replace(store, view=store_view(self.steps["root"], self.generated))
        return BuiltTopology(self.builder.build(self.properties), self.properties, store)

    def node(self, step: dict[str, Any]) -> Node:
        """Build a step and all before it."""
        built: Node = getattr(self, "_" + step["op"])(step)
        return built

    def key_serde(self, node: Node, eager: bool = False) -> Any:
        """Return the serde of a node's keys."""
        return self.serdes.keys(node.key_codec, node.key_window, node.window_size, eager)

    def materialized(self, name: str, node: Node) -> Any:
        """Return a store's description."""
        materialized = jvm.java("org.apache.kafka.streams.kstream.Materialized")
        return materialized.as_(name).withKeySerde(self.key_serde(node)).withValueSerde(self.internal)

    # ---- steps
    def _source(self, step: dict[str, Any]) -> Node:
        source = Source.from_json(step["source"])
        places = step["places"]
        values = [[c.name, str(c.type)] for c in source.schema.value]
        slots = [places["values"].get(str(i), -1) for i in range(len(values))]
        value_codec = codec(source.value_format, values, slots, places["width"])
        key_codec = codec(source.key_format, [[c.name, str(c.type)] for c in source.schema.key], key=True)
        window, size = "", -1
        if source.window:
            window = "SESSION" if source.window.kind == "SESSION" else "TIME"
            size = source.window.size_ms if source.window.size_ms is not None else -1
        node = Node(None, key_codec, window, size)
        consumed = jvm.java("org.apache.kafka.streams.kstream.Consumed")
        # text and bytes can always be read, so such a key may wait until somebody asks for it
        lazy = source.key_format.name == "KAFKA" and all(c.type.base in ("STRING", "BYTES") for c in source.schema.key)
        serde = self.key_serde(node, eager=bool(source.schema.key) and not lazy)
        extractor = None
        if "timestamp_slot" in places or "timestamp_key" in places:
            in_key = "timestamp_key" in places
            extractor = jvm.java("ksql.runtime.ColumnTimestamp")(
                places["timestamp_key"] if in_key else places["timestamp_slot"], in_key, source.timestamp_format,
                self.throw_on_invalid, self.plan.query_id or "",
            )  # fmt: skip
        sharing = [s for s in self.sources if s.topic == source.topic]
        if len(sharing) > 1:
            stream = self._shared(sharing, source, serde, value_codec, extractor)
        else:
            with_ = consumed.with_(serde, self.serdes.rows(value_codec))
            if extractor is not None:
                with_ = with_.withTimestampExtractor(extractor)
            # a table is all of its topic, whatever auto.offset.reset says of streams; who watches one may ask for less
            if source.is_table and not (self.rows is not None and len(self.sources) == 1):
                with_ = with_.withOffsetResetPolicy(jvm.java("org.apache.kafka.streams.AutoOffsetReset").earliest())
            stream = self.builder.stream(source.topic, with_)
        ints, strings = jpype.JArray(jpype.JInt), jpype.JArray(jpype.JString)
        if places["keys"] or places["pseudo"] or places["headers"]:
            pseudo = [
                places["pseudo"].get(n, -1)
                for n in ("ROWTIME", "ROWPARTITION", "ROWOFFSET", "WINDOWSTART", "WINDOWEND")
            ]
            stream = stream.processValues(
                jvm.java("ksql.runtime.SourceColumns")(
                    ints([k for k, _ in places["keys"]]), ints([s for _, s in places["keys"]]), ints(pseudo),
                    strings([h for h, _ in places["headers"]]), ints([s for _, s in places["headers"]]), True,
                )
            )  # fmt: skip
        if source.is_table:
            stream = stream.toTable(self.materialized(step["store"], node))
            node.store = StoreInfo(
                step["store"], "keyvalue", self.plan.sink.schema if self.plan.sink else source.schema
            )
        return replace(node, dsl=stream)

    def _shared(self, sharing: list[Source], source: Source, serde: Any, value_codec: Any, extractor: Any) -> Any:
        """Return one of several sources over a topic: Kafka Streams reads a topic once, as bytes here."""
        keys = {(s.key_format, s.window, tuple(str(c) for c in s.schema.key)) for s in sharing}
        raw = jvm.java("org.apache.kafka.common.serialization.Serdes").ByteArray()
        reader = jvm.java("ksql.runtime.SharedTopic")(self.plan.query_id or "", source.topic, value_codec, extractor)
        stream = self.raw.get(source.topic)
        if stream is None:
            consumed = jvm.java("org.apache.kafka.streams.kstream.Consumed").with_(
                serde if len(keys) == 1 else raw, raw
            )
            if any(s.is_table for s in sharing):
                earliest = jvm.java("org.apache.kafka.streams.AutoOffsetReset").earliest()
                consumed = consumed.withOffsetResetPolicy(earliest)
            stream = self.raw[source.topic] = self.builder.stream(source.topic, consumed)
        unnamed = jpype.JArray(jpype.JString)([])
        if len(keys) == 1:
            return stream.processValues(reader.values(), unnamed)
        return stream.process(reader.records(serde), unnamed)

    def _filter(self, step: dict[str, Any]) -> Node:
        node = self.node(step["in"])
        predicate = self.dsl.predicate(self.generated(step["predicate"]))
        return replace(node, dsl=node.dsl.filter(predicate))

    def _project(self, step: dict[str, Any]) -> Node:
        node = self.node(step["in"])
        return replace(node, dsl=node.dsl.mapValues(self.dsl.map(self.generated(step["function"]))))

    def _flat_map(self, step: dict[str, Any]) -> Node:
        node = self.node(step["in"])
        stream = node.dsl.filter(self.dsl.notNull()).flatMapValues(self.dsl.expand(self.generated(step["function"])))
        return replace(node, dsl=stream)

    def _select_key(self, step: dict[str, Any]) -> Node:
        node = self.node(step["in"])
        ints, old = jpype.JArray(jpype.JInt), step.get("old_keys", [])
        function = self.generated(step["function"])
        stream = node.dsl if "old_keys" in step else node.dsl.filter(self.dsl.notNull())
        mapper = self.dsl.key(function, ints([k for k, _ in old]), ints([s for _, s in old]), step.get("width", 0))
        stream = stream.selectKey(mapper)
        fmt = FormatInfo.from_json(step["key_format"]) if "key_format" in step else self.key_format()
        return Node(stream, codec(fmt, step["types"], key=True))

    def _reformat(self, step: dict[str, Any]) -> Node:
        node = self.node(step["in"])
        fmt = FormatInfo.from_json(step["key_format"])
        keyed = replace(node, key_codec=codec(fmt, step["types"], key=True))
        stream = node.dsl if step["kind"] == "STREAM" else node.dsl.toStream()
        stream = stream.selectKey(self.dsl.sameKey())
        if step["kind"] == "STREAM":
            return replace(keyed, dsl=stream)
        repartitioned = jvm.java("org.apache.kafka.streams.kstream.Repartitioned")
        with_ = repartitioned.with_(self.key_serde(keyed), self.internal).withName(f"{step['name']}-SelectKey")
        table = stream.repartition(with_).toTable(self.materialized(f"{step['name']}-Materialize", keyed))
        return replace(keyed, dsl=table)

    def _drop_key(self, step: dict[str, Any]) -> Node:
        node = self.node(step["in"])
        return Node(node.dsl.selectKey(self.dsl.noKey()), codec(FormatInfo("NONE"), [], key=True))

    def key_format(self) -> FormatInfo:
        """Return the format of keys that the query makes."""
        fmt = FormatInfo.from_json(self.steps["key_format"])
        return fmt if fmt.name != "NONE" else FormatInfo("JSON")

    def _aggregate(self, step: dict[str, Any]) -> Node:
        node = self.node(step["in"])
        aggregation = self.generated(step["aggregation"])
        grouped_class = jvm.java("org.apache.kafka.streams.kstream.Grouped")
        keyed = Node(None, codec(self.key_format(), step["types"], key=True))
        window = step["window"]
        if "group_key" not in step:
            keyed.key_codec = node.key_codec
        grouped = grouped_class.with_("Aggregate-GroupBy", self.key_serde(keyed), self.internal)
        init, add = self.dsl.init(aggregation), self.dsl.add(aggregation)
        if step["kind"] == "TABLE":
            pair = self.dsl.groupPair(self.generated(step["group_key"]))
            table = node.dsl.filter(self.dsl.notNull()).groupBy(pair, grouped).aggregate(
                init, add, self.dsl.undo(aggregation), self.materialized(step["store"], keyed)
            )  # fmt: skip
        else:
            stream = node.dsl.filter(self.dsl.notNull())
            if "group_key" in step:
                stream = stream.groupBy(self.dsl.groupKey(self.generated(step["group_key"])), grouped)
            else:
                stream = stream.groupByKey(grouped)
            if window is None:
                table = stream.aggregate(init, add, self.materialized(step["store"], keyed))
            else:
                table = self._windowed(stream, step, aggregation, keyed)
                keyed.aggregated = "SESSION" if window["kind"] == "SESSION" else "TIME"
        if step.get("bounds"):
            table = table.mapValues(self.dsl.mapWindowed(None, *step["bounds"]))
        kind = {"": "keyvalue", "TIME": "window", "SESSION": "session"}[keyed.aggregated]
        store = StoreInfo(step["store"], kind, self.plan.sink.schema if self.plan.sink else None,
                          window["size_ms"] if window else None)  # fmt: skip
        return replace(keyed, dsl=table, store=store)

    def _windowed(self, stream: Any, step: dict[str, Any], aggregation: Any, keyed: Node) -> Any:
        window = step["window"]
        millis = jvm.java("java.time.Duration").ofMillis
        size, grace = window["size_ms"], window["grace_ms"]
        if grace is None:
            grace = 0 if step["emit_final"] else max(_DAY_MS - size, 0)
        materialized = self.materialized(step["store"], keyed)
        materialized = materialized.withRetention(millis(max(window["retention_ms"] or 0, size + grace)))
        # ksqlDB emits closed windows by looking them up in RocksDB. One that ended long before the record that closes
        # it is gone by then; which ones are depends on that store. `ksql.suppress.enabled` buffers them: none is lost.
        buffered = step["emit_final"] and self.flag("ksql.suppress.enabled")
        if step["emit_final"] and not buffered:
            rocks = jvm.java("org.apache.kafka.streams.kstream.Materialized$StoreType").ROCKS_DB
            materialized = materialized.withStoreType(rocks)
        emit = jvm.java("org.apache.kafka.streams.kstream.EmitStrategy")
        strategy = emit.onWindowClose() if step["emit_final"] and not buffered else emit.onWindowUpdate()
        init, add = self.dsl.init(aggregation), self.dsl.add(aggregation)
        if window["kind"] == "SESSION":
            windows = jvm.java("org.apache.kafka.streams.kstream.SessionWindows").ofInactivityGapAndGrace(
                millis(size), millis(grace)
            )
            table = stream.windowedBy(windows).emitStrategy(strategy).aggregate(
                init, add, self.dsl.merge(aggregation), materialized
            )  # fmt: skip
        else:
            time_windows = jvm.java("org.apache.kafka.streams.kstream.TimeWindows")
            windows = time_windows.ofSizeAndGrace(millis(size), millis(grace))
            if window["advance_ms"]:
                windows = windows.advanceBy(millis(window["advance_ms"]))
            table = stream.windowedBy(windows).emitStrategy(strategy).aggregate(init, add, materialized)
        if not buffered:
            return table
        suppressed = jvm.java("org.apache.kafka.streams.kstream.Suppressed")
        unbounded = jvm.java("org.apache.kafka.streams.kstream.Suppressed$BufferConfig").unbounded()
        return table.suppress(suppressed.untilWindowCloses(unbounded).withName("Suppress"))

    def _join(self, step: dict[str, Any]) -> Node:
        left, right = self.node(step["left"]), self.node(step["right"])
        joiner = self.dsl.join(step["left_width"], step["right_width"])
        out = replace(left, store=None)
        kind = {"INNER": "join", "LEFT": "leftJoin", "OUTER": "outerJoin", "RIGHT": "leftJoin"}[step["join"]]
        if step["join"] == "RIGHT":
            left, right = right, left
            joiner = self.dsl.joinSwapped(step["left_width"], step["right_width"])
        if step["type"] == "stream-stream":
            dsl = self._stream_stream(step, left, right, joiner, kind)
        elif step["type"] == "stream-table":
            joined = jvm.java("org.apache.kafka.streams.kstream.Joined")
            with_ = joined.with_(self.key_serde(left), self.internal, self.internal, step["name"])
            dsl = getattr(left.dsl.filter(self.dsl.notNull()), kind)(right.dsl, joiner, with_)
        elif step["type"] == "foreign-key":
            extractor = self.dsl.foreignKey(self.generated(step["function"]))
            dsl = getattr(left.dsl, kind)(right.dsl, extractor, joiner, self.materialized(step["store"], left))
        else:
            dsl = getattr(left.dsl, kind)(right.dsl, joiner, self.materialized(step["store"], out))
        if "key_slot" in step:
            dsl = dsl.mapValues(self.dsl.keyInto(step["key_slot"]))
        if step["type"] in ("foreign-key", "table-table"):
            out.store = StoreInfo(step["store"], "keyvalue", self.plan.sink.schema if self.plan.sink else None)
        return replace(out, dsl=dsl)

    def _stream_stream(self, step: dict[str, Any], left: Node, right: Node, joiner: Any, kind: str) -> Any:
        millis = jvm.java("java.time.Duration").ofMillis
        windows_class = jvm.java("org.apache.kafka.streams.kstream.JoinWindows")
        before, after = step["before_ms"], step["after_ms"]
        if step["join"] == "RIGHT":
            before, after = after, before
        if step["grace_ms"] is not None:
            windows = windows_class.ofTimeDifferenceAndGrace(millis(0), millis(step["grace_ms"]))
            windows = windows.before(millis(before)).after(millis(after))
        else:
            windows = windows_class.of(millis(0)).before(millis(before)).after(millis(after))
        joined = jvm.java("org.apache.kafka.streams.kstream.StreamJoined")
        with_ = joined.with_(self.key_serde(left), self.internal, self.internal).withName(step["name"])
        if step["join"] == "RIGHT":
            left.dsl = left.dsl.filter(self.dsl.notNull())
        return getattr(left.dsl, kind)(right.dsl, joiner, windows, with_)

    # ---- the end
    def sink(self, node: Node) -> None:
        """Write the result into the sink's topic."""
        sink = self.plan.sink
        if sink is None:
            if self.rows is not None:
                push_end(self.plan, self.steps["kind"], node.dsl, self.rows)
            return
        stream = node.dsl.toStream() if self.steps["kind"] == "TABLE" else node.dsl
        keys = [[c.name, str(c.type)] for c in sink.schema.key]
        key_codec = codec(sink.key_format, keys, key=True)
        value_codec = codec(sink.value_format, [[c.name, str(c.type)] for c in sink.schema.value])
        produced = jvm.java("org.apache.kafka.streams.kstream.Produced")
        if node.aggregated:
            serde = self.serdes.windowedKeys(key_codec, node.aggregated == "SESSION")
        else:
            serde = self.serdes.keys(key_codec, node.key_window, node.window_size, False)
        with_ = produced.with_(serde, self.serdes.rows(value_codec))
        if node.aggregated or node.key_window:
            with_ = with_.withStreamPartitioner(self.serdes.byInnerKey(key_codec))
        if sink.timestamp_column:
            names = [c.name for c in sink.schema.value]
            key_names = [c.name for c in sink.schema.key]
            in_key = sink.timestamp_column in key_names
            slot = (key_names if in_key else names).index(sink.timestamp_column)
            stream = stream.process(
                jvm.java("ksql.runtime.SinkTimestamp")(slot, in_key, sink.timestamp_format, self.plan.query_id or ""),
                jpype.JArray(jpype.JString)([]),
            )
        stream.to(sink.topic, with_)


def _sources(step: dict[str, Any]) -> list[Source]:
    """Return the sources that a step reads, each as often as it does."""
    if step["op"] == "source":
        return [Source.from_json(step["source"])]
    return [s for name in ("in", "left", "right") if isinstance(step.get(name), dict) for s in _sources(step[name])]


def build(plan: Plan, streams_config: dict[str, Any] | None = None, rows: Any = None) -> BuiltTopology:
    """Build a plan's topology; the JVM is started when needed."""
    jvm.start()
    base: dict[str, Any] = {
        "application.id": f"ksql-{plan.query_id}",
        "bootstrap.servers": "localhost:9092",
        "default.dsl.store": "in_memory",
        "statestore.cache.max.bytes": 0,
        "deserialization.exception.handler": "ksql.runtime.SkipBadRecords",
        "processing.exception.handler": "ksql.runtime.SkipUnprocessable",
        "production.exception.handler": "ksql.runtime.SkipUnwritable",
        "topology.optimization": "none",
    }
    return TopologyBuilder(plan, {**base, **(streams_config or {})}, rows).build()
