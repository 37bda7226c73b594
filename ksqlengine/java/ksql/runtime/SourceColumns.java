package ksql.runtime;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/** Fill the slots of a row that do not come from the value: key columns, pseudo columns, headers. */
public final class SourceColumns implements FixedKeyProcessorSupplier<Key, Object[], Object[]> {
  static final SqlType HEADER = SqlType.of("STRUCT<`KEY` STRING, `VALUE` BYTES>");
  private final int[] keyColumns;
  private final int[] keySlots;
  private final int rowtime;
  private final int partition;
  private final int offset;
  private final int windowStart;
  private final int windowEnd;
  private final String[] headerKeys;
  private final int[] headerSlots;
  private final boolean keepNull;

  /** Slots are -1 where nobody asks; a header key "" stands for all headers. */
  public SourceColumns(int[] keyColumns, int[] keySlots, int[] pseudo, String[] headerKeys, int[] headerSlots, boolean keepNull) {
    this.keyColumns = keyColumns;
    this.keySlots = keySlots;
    this.rowtime = pseudo[0];
    this.partition = pseudo[1];
    this.offset = pseudo[2];
    this.windowStart = pseudo[3];
    this.windowEnd = pseudo[4];
    this.headerKeys = headerKeys;
    this.headerSlots = headerSlots;
    this.keepNull = keepNull;
  }

  @Override public FixedKeyProcessor<Key, Object[], Object[]> get() {
    return new ContextualFixedKeyProcessor<Key, Object[], Object[]>() {
      @Override public void process(FixedKeyRecord<Key, Object[]> record) {
        Object[] row = record.value();
        if (row == null) {
          if (keepNull) {
            context().forward(record);
          }
          return;
        }
        Key key = record.key();
        if (key != null) {
          for (int i = 0; i < keyColumns.length; i++) {
            Object[] columns = key.columns();
            row[keySlots[i]] = columns == null ? null : columns[keyColumns[i]];
          }
          if (windowStart >= 0) {
            row[windowStart] = key.windowStart;
          }
          if (windowEnd >= 0) {
            row[windowEnd] = key.windowEnd;
          }
        }
        if (rowtime >= 0) {
          row[rowtime] = record.timestamp();
        }
        if (partition >= 0 || offset >= 0) {
          RecordMetadata m = context().recordMetadata().orElse(null);
          if (m != null && partition >= 0) {
            row[partition] = m.partition();
          }
          if (m != null && offset >= 0) {
            row[offset] = m.offset();
          }
        }
        for (int i = 0; i < headerKeys.length; i++) {
          row[headerSlots[i]] = headers(record, headerKeys[i]);
        }
        context().forward(record);
      }
    };
  }

  private static Object headers(FixedKeyRecord<Key, Object[]> record, String key) {
    if (key.isEmpty()) {
      List<Object> all = new ArrayList<>();
      for (Header h : record.headers()) {
        all.add(new Struct(HEADER, new Object[] {h.key(), h.value() == null ? null : ByteBuffer.wrap(h.value())}));
      }
      return all;
    }
    Header last = record.headers().lastHeader(key);
    return last == null || last.value() == null ? null : ByteBuffer.wrap(last.value());
  }
}
