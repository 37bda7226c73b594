package ksql.functions;

/** LATEST_BY_OFFSET. */
public final class Latest extends ByOffset {
  public Latest() {
    super(true, null, true);
  }

  public Latest(Boolean ignoreNulls) {
    super(true, null, ignoreNulls);
  }

  public Latest(Integer size) {
    super(true, size, true);
  }

  public Latest(Integer size, Boolean ignoreNulls) {
    super(true, size, ignoreNulls);
  }
}
