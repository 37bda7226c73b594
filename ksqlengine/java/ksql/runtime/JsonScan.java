package ksql.runtime;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads a plain JSON object by its bytes: ASCII text without escapes, short numbers, no nested value in a column. That is most
 * records of most topics, and costs less than a tokenizer. Whatever else it meets it leaves to {@link JsonCodec}'s parser, which
 * decides alone what is wrong: {@code read} then gives {@code null} and nothing has happened.
 */
final class JsonScan {
  private static final int NESTED_LIMIT = 64;
  private static final int FIELD_LIMIT = 256;
  private static final double[] TENS = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  private static final Object NOT_PLAIN = new Object();

  private final JsonCodec codec;
  /** The field names of the record before, in their order: the next record's are mostly the same. */
  private byte[][] names = new byte[16][];
  private int[] columns = new int[16];

  private byte[] data;
  private int at;
  /** What {@link #number} read: digits without the point, how many of them, how many after the point. */
  private long digits;
  private int length;
  private int scale;

  JsonScan(JsonCodec codec) {
    this.codec = codec;
  }

  /** Read a record into a row, or give null where it is not plain. */
  Object[] read(byte[] bytes) {
    data = bytes;
    at = 0;
    try {
      return object();
    } catch (ArrayIndexOutOfBoundsException e) {
      return null; // the text ends early
    } finally {
      data = null;
    }
  }

  private Object[] object() {
    if (next() != '{') {
      return null;
    }
    Object[] row = new Object[codec.width];
    byte b = next();
    if (b == '}') {
      return row;
    }
    for (int field = 0; ; field++) {
      int from = at;
      if (b != '"' || !text()) {
        return null;
      }
      int column = column(field, from, at - 1);
      if (next() != ':') {
        return null;
      }
      b = next();
      if (column < 0) {
        if (!skip(b, 0)) {
          return null;
        }
      } else {
        Object value = value(b, codec.types[column]);
        if (value == NOT_PLAIN) {
          return null;
        }
        int slot = codec.slots[column];
        if (slot >= 0) {
          row[slot] = value;
        }
      }
      b = next();
      if (b == '}') {
        return row;
      }
      if (b != ',') {
        return null;
      }
      b = next();
    }
  }

  private byte next() {
    byte b = data[at++];
    while (b == ' ' || b == '\n' || b == '\r' || b == '\t') {
      b = data[at++];
    }
    return b;
  }

  /** Pass a string whose first quote has been read; false where it has an escape or is not ASCII. */
  private boolean text() {
    byte[] d = data;
    int i = at;
    byte b = d[i++];
    while (b != '"') {
      if (b < 0x20 || b == '\\') {
        return false;
      }
      b = d[i++];
    }
    at = i;
    return true;
  }

  private int column(int field, int from, int to) {
    if (field < names.length) {
      byte[] known = names[field];
      if (known != null && Arrays.equals(known, 0, known.length, data, from, to)) {
        return columns[field];
      }
    }
    int column = codec.column(new String(data, from, to - from, StandardCharsets.ISO_8859_1));
    if (field < FIELD_LIMIT) {
      if (field >= names.length) {
        names = Arrays.copyOf(names, names.length * 2);
        columns = Arrays.copyOf(columns, names.length);
      }
      names[field] = Arrays.copyOfRange(data, from, to);
      columns[field] = column;
    }
    return column;
  }

  private Object value(byte b, SqlType type) {
    if (b == '"') {
      int from = at;
      if (type.base != SqlType.Base.STRING || !text()) {
        return NOT_PLAIN;
      }
      return new String(data, from, at - 1 - from, StandardCharsets.ISO_8859_1);
    }
    if (b == 'n') {
      return literal("ull") ? null : NOT_PLAIN;
    }
    if (type.base == SqlType.Base.BOOLEAN) {
      return b == 't' && literal("rue") ? Boolean.TRUE : b == 'f' && literal("alse") ? Boolean.FALSE : NOT_PLAIN;
    }
    if (b != '-' && (b < '0' || b > '9') || !number(b)) {
      return NOT_PLAIN;
    }
    switch (type.base) {
      case INTEGER:
        return scale < 0 && length <= 9 ? (Object) (int) digits : NOT_PLAIN;
      case BIGINT:
        return scale < 0 && length <= 18 ? (Object) digits : NOT_PLAIN;
      case DOUBLE: // both are exact in a double, so their quotient is rounded once, as it should be
        return length <= 15 && (digits != 0 || b != '-') ? (Object) (digits / TENS[Math.max(scale, 0)]) : NOT_PLAIN;
      case TIMESTAMP:
        return scale < 0 ? (Object) java.time.Instant.ofEpochMilli(digits) : NOT_PLAIN;
      default:
        return NOT_PLAIN;
    }
  }

  private boolean literal(String rest) {
    for (int i = 0; i < rest.length(); i++) {
      if (data[at++] != rest.charAt(i)) {
        return false;
      }
    }
    return ended();
  }

  private boolean ended() {
    byte b = data[at];
    return b == ',' || b == '}' || b == ']' || b == ' ' || b == '\n' || b == '\r' || b == '\t';
  }

  /** Read a number whose first byte has been read; false where it is long or has an exponent. */
  private boolean number(byte first) {
    byte[] d = data;
    int i = first == '-' ? at : at - 1;
    int from = i;
    long v = 0;
    byte b = d[i];
    for (; b >= '0' && b <= '9'; b = d[++i]) {
      v = v * 10 + (b - '0');
    }
    int n = i - from;
    if (n == 0 || n > 18 || n > 1 && d[from] == '0') {
      return false;
    }
    scale = -1;
    if (b == '.') {
      from = ++i;
      for (b = d[i]; b >= '0' && b <= '9'; b = d[++i]) {
        v = v * 10 + (b - '0');
      }
      scale = i - from;
      n += scale;
      if (scale == 0 || n > 18) {
        return false;
      }
    }
    digits = first == '-' ? -v : v;
    length = n;
    at = i;
    return ended();
  }

  /** Pass a value that no column takes. */
  private boolean skip(byte b, int depth) {
    switch (b) {
      case '"':
        return text();
      case 't':
        return literal("rue");
      case 'f':
        return literal("alse");
      case 'n':
        return literal("ull");
      case '[':
      case '{':
        return depth < NESTED_LIMIT && skipNested(b, depth + 1);
      default:
        return (b == '-' || b >= '0' && b <= '9') && number(b);
    }
  }

  private boolean skipNested(byte open, int depth) {
    byte close = (byte) (open == '[' ? ']' : '}');
    byte b = next();
    if (b == close) {
      return true;
    }
    while (true) {
      if (open == '{') {
        if (b != '"' || !text() || next() != ':') {
          return false;
        }
        b = next();
      }
      if (!skip(b, depth)) {
        return false;
      }
      b = next();
      if (b == close) {
        return true;
      }
      if (b != ',') {
        return false;
      }
      b = next();
    }
  }
}
