package ksql.server;

import ksql.runtime.Key;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;

/** The end of a push query's topology: rows go to the reader's queue, a table's deletions with their key. */
public final class PushProcessor implements ProcessorSupplier<Object, Object[], Void, Void> {
  private static final int WINDOW_START = -2;
  private static final int WINDOW_END = -3;
  private final PushRows rows;
  private final int[] keySlots;
  private final boolean table;

  /** For each output column: which key column it is, -2 window start, -3 window end, -1 none of them. */
  public PushProcessor(PushRows rows, int[] keySlots, boolean table) {
    this.rows = rows;
    this.keySlots = keySlots;
    this.table = table;
  }

  @Override
  public Processor<Object, Object[], Void, Void> get() {
    return new ContextualProcessor<Object, Object[], Void, Void>() {
      @Override
      public void process(Record<Object, Object[]> record) {
        if (record.value() != null) {
          rows.put(record.value(), false);
        } else if (table) {
          rows.put(deleted(record.key()), true);
        }
      }
    };
  }

  private Object[] deleted(Object given) {
    Object[] row = new Object[keySlots.length];
    boolean windowed = given instanceof Windowed;
    Key key = (Key) (windowed ? ((Windowed<?>) given).key() : given);
    for (int i = 0; i < row.length; i++) {
      if (keySlots[i] >= 0) {
        row[i] = key.columns()[keySlots[i]];
      } else if (keySlots[i] == WINDOW_START) {
        row[i] = windowed ? ((Windowed<?>) given).window().start() : key.windowStart;
      } else if (keySlots[i] == WINDOW_END) {
        row[i] = windowed ? ((Windowed<?>) given).window().end() : key.windowEnd;
      }
    }
    return row;
  }
}
