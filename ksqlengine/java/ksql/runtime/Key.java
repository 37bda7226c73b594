package ksql.runtime;

import java.util.Arrays;

/** A record's key: its columns, read only when asked for, and the bytes it came as, to be written again unchanged. */
public final class Key {
  public static final long NO_WINDOW = Long.MIN_VALUE;

  private Object[] columns;
  final byte[] bytes;
  final Codec codec;
  public final long windowStart;
  public final long windowEnd;

  public Key(Object[] columns) {
    this(columns, NO_WINDOW, NO_WINDOW);
  }

  public Key(Object[] columns, long windowStart, long windowEnd) {
    this.columns = columns;
    this.bytes = null;
    this.codec = null;
    this.windowStart = windowStart;
    this.windowEnd = windowEnd;
  }

  Key(byte[] bytes, Codec codec, long windowStart, long windowEnd) {
    this.bytes = bytes;
    this.codec = codec;
    this.windowStart = windowStart;
    this.windowEnd = windowEnd;
  }

  public Object[] columns() {
    if (columns == null) {
      columns = codec.read(bytes);
    }
    return columns;
  }

  byte[] bytes(Codec wanted) {
    return bytes != null && wanted.canonical() && (codec == wanted || codec.sameAs(wanted)) ? bytes : wanted.write(columns());
  }

  @Override public boolean equals(Object o) {
    return o instanceof Key && windowStart == ((Key) o).windowStart && Arrays.equals(columns(), ((Key) o).columns());
  }

  @Override public int hashCode() {
    return Arrays.hashCode(columns());
  }

  @Override public String toString() {
    return Arrays.toString(columns());
  }
}
