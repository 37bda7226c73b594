package ksql.functions;

/** EARLIEST_BY_OFFSET. */
public final class Earliest extends ByOffset {
  public Earliest() {
    super(false, null, true);
  }

  public Earliest(Boolean ignoreNulls) {
    super(false, null, ignoreNulls);
  }

  public Earliest(Integer size) {
    super(false, size, true);
  }

  public Earliest(Integer size, Boolean ignoreNulls) {
    super(false, size, ignoreNulls);
  }
}
