import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.FileReader;
import java.time.Duration;
import java.time.Instant;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.TimestampExtractor;

/**
 * What a Java programmer would write by hand for each statement of benchmarks/ksql.py: Kafka Streams' DSL, data classes
 * bound by Jackson, the same topics, keys and event times. Usage: Programs NAME STREAMS.properties INPUT OUTPUT [TABLE]
 */
public final class Programs {
  private static final ObjectMapper JSON = new ObjectMapper();

  @JsonIgnoreProperties(ignoreUnknown = true)
  public static final class Entry {
    public String event_id;
    public String event_time;
    public Integer station_id;
    public String station_name;
    public String line;
    public Integer num_entries;
  }

  @JsonIgnoreProperties(ignoreUnknown = true)
  public static final class Station {
    public String name;
    public String branch;
  }

  public static final class Total {
    public long NUM_RECORDS;
    public long TOTAL_ENTRIES;

    Total add(Entry entry) {
      Total next = new Total();
      next.NUM_RECORDS = NUM_RECORDS + 1;
      next.TOTAL_ENTRIES = TOTAL_ENTRIES + (entry.num_entries == null ? 0 : entry.num_entries);
      return next;
    }
  }

  public static final class Projected {
    public Integer STATION_ID;
    public String LINE;
    public Integer DOUBLED;
  }

  public static final class Joined2 {
    public Integer STATION_ID;
    public Integer NUM_ENTRIES;
    public String NAME;
    public String BRANCH;
  }

  static <T> Serde<T> json(Class<T> type) {
    ObjectReader reader = JSON.readerFor(type);
    ObjectWriter writer = JSON.writerFor(type);
    Deserializer<T> read = (topic, data) -> {
      try {
        return data == null ? null : reader.readValue(data);
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    };
    return Serdes.serdeFrom((topic, value) -> {
      try {
        return value == null ? null : writer.writeValueAsBytes(value);
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }, read);
  }

  public static final class EventTime implements TimestampExtractor {
    @Override
    public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
      return record.value() instanceof Entry ? Instant.parse(((Entry) record.value()).event_time).toEpochMilli() : record.timestamp();
    }
  }

  static Topology topology(String name, Properties properties, String in, String out, String table) {
    StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(properties)));
    var entries = builder.stream(in, Consumed.with(Serdes.String(), json(Entry.class)).withTimestampExtractor(new EventTime()));
    var grouped = Grouped.with(Serdes.String(), json(Entry.class));
    switch (name) {
      case "summary":
        entries.groupByKey(grouped)
            .aggregate(Total::new, (key, entry, total) -> total.add(entry), Materialized.with(Serdes.String(), json(Total.class)))
            .toStream().to(out, Produced.with(Serdes.String(), json(Total.class)));
        break;
      case "filter":
        entries.filter((key, entry) -> entry.num_entries != null && entry.num_entries > 10)
            .mapValues(entry -> {
              Projected p = new Projected();
              p.STATION_ID = entry.station_id;
              p.LINE = entry.line;
              p.DOUBLED = entry.num_entries * 2;
              return p;
            }).to(out, Produced.with(Serdes.String(), json(Projected.class)));
        break;
      case "tumbling":
        entries.groupByKey(grouped)
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofHours(1), Duration.ofDays(3650)))
            .aggregate(Total::new, (key, entry, total) -> total.add(entry),
                Materialized.<String, Total, org.apache.kafka.streams.state.WindowStore<Bytes, byte[]>>with(Serdes.String(), json(Total.class))
                    .withRetention(Duration.ofDays(3651)))
            .toStream().to(out, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 3_600_000L), json(Total.class)));
        break;
      case "join":
        KTable<String, Station> stations = builder.table(table, Consumed.with(Serdes.String(), json(Station.class)));
        entries.join(stations, (entry, station) -> {
          Joined2 j = new Joined2();
          j.STATION_ID = entry.station_id;
          j.NUM_ENTRIES = entry.num_entries;
          j.NAME = station.name;
          j.BRANCH = station.branch;
          return j;
        }, Joined.with(Serdes.String(), json(Entry.class), json(Station.class))).to(out, Produced.with(Serdes.String(), json(Joined2.class)));
        break;
      default:
        throw new IllegalArgumentException(name);
    }
    return builder.build();
  }

  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    try (FileReader reader = new FileReader(args[1])) {
      properties.load(reader);
    }
    Topology topology = topology(args[0], properties, args[2], args[3], args.length > 4 ? args[4] : null);
    KafkaStreams streams = new KafkaStreams(topology, properties);
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      streams.close(Duration.ofSeconds(10));
      stopped.countDown();
    }));
    streams.start();
    stopped.await();
  }
}
