package ksql.runtime;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What stands between a store and its table: the projections and filters that Kafka Streams applies after the store. */
public final class StoreView {
  private interface Step {
    Object[] apply(Key key, long start, long end, Object[] row);
  }

  private final List<Step> steps = new ArrayList<>();

  public void map(RowFunction f) {
    steps.add((key, start, end, row) -> f.apply(row));
  }

  public void filter(RowPredicate p) {
    steps.add((key, start, end, row) -> p.test(row) ? row : null);
  }

  /** Put the window's bounds into two slots of the row. */
  public void bounds(int startSlot, int endSlot) {
    steps.add((key, start, end, row) -> {
      Object[] r = row.clone();
      r[startSlot] = start;
      r[endSlot] = end;
      return r;
    });
  }

  /** Put the key's column into a slot of the row, which may lie behind what is stored. */
  public void keyInto(int slot) {
    steps.add((key, start, end, row) -> {
      Object[] r = Arrays.copyOf(row, Math.max(row.length, slot + 1));
      r[slot] = key.columns()[0];
      return r;
    });
  }

  /** The table's row, or null when a filter hides it. */
  public Object[] apply(Key key, long start, long end, Object[] row) {
    for (int i = 0; i < steps.size() && row != null; i++) {
      row = steps.get(i).apply(key, start, end, row);
    }
    return row;
  }
}
