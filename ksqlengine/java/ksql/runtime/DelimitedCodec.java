package ksql.runtime;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Delimited text: one line, quotes where a field holds the delimiter, a quote or a line end. */
final class DelimitedCodec extends Codec {
  private final char delimiter;

  DelimitedCodec(String id, String[] names, String[] types, int[] slots, int width, char delimiter) {
    super(id, names, types, slots, width);
    this.delimiter = delimiter;
  }

  @Override public Object[] read(byte[] data) {
    if (data == null) {
      return null;
    }
    List<String> fields = split(new String(data, StandardCharsets.UTF_8));
    if (fields.isEmpty()) {
      throw new IllegalArgumentException("No fields in record");
    }
    if (fields.size() != types.length) {
      throw new IllegalArgumentException("Unexpected field count, csvFields:" + fields.size() + " schemaFields:" + types.length);
    }
    Object[] row = new Object[width];
    for (int i = 0; i < types.length; i++) {
      String text = fields.get(i);
      Object value = text.isEmpty() ? null : decode(text, types[i]); // also where nobody asks: a bad field makes a bad record
      if (slots[i] >= 0) {
        row[slots[i]] = value;
      }
    }
    return row;
  }

  private static Object decode(String text, SqlType type) {
    switch (type.base) {
      case BOOLEAN:
        return Boolean.valueOf(text);
      case INTEGER:
        return Integer.valueOf(text.trim());
      case BIGINT:
        return Long.valueOf(text.trim());
      case DOUBLE:
        return Double.valueOf(text.trim());
      case DECIMAL:
        return Casts.fit(new BigDecimal(text.trim()), type.precision, type.scale);
      case TIMESTAMP:
        return Instant.ofEpochMilli(Long.parseLong(text.trim()));
      case DATE:
        return LocalDate.ofEpochDay(Long.parseLong(text.trim()));
      case TIME:
        return LocalTime.ofNanoOfDay(Long.parseLong(text.trim()) * 1_000_000L);
      case BYTES:
        return ByteBuffer.wrap(Base64.getDecoder().decode(text));
      default:
        return text;
    }
  }

  /** Read the first line that is not empty. */
  private List<String> split(String line) {
    List<String> fields = new ArrayList<>(types.length);
    int n = line.length();
    int i = 0;
    while (i < n && lineEnd(line.charAt(i))) {
      i++;
    }
    if (i == n) {
      return fields;
    }
    StringBuilder b = new StringBuilder();
    while (true) {
      b.setLength(0);
      if (i < n && line.charAt(i) == '"' && delimiter != '"') {
        i = quoted(line, i + 1, b);
      } else {
        while (i < n && line.charAt(i) != delimiter && !lineEnd(line.charAt(i))) {
          b.append(line.charAt(i++));
        }
      }
      fields.add(b.toString());
      if (i < n && line.charAt(i) == delimiter) {
        i++;
      } else {
        return fields;
      }
    }
  }

  /** Read up to the end of a quoted field; a quote in it is written twice, and only blanks may follow it. */
  private int quoted(String line, int from, StringBuilder b) {
    int n = line.length();
    int i = from;
    while (true) {
      if (i == n) {
        throw new IllegalArgumentException("EOF reached before encapsulated token finished");
      }
      char c = line.charAt(i++);
      if (c != '"') {
        b.append(c);
      } else if (i < n && line.charAt(i) == '"') {
        b.append(c);
        i++;
      } else {
        break;
      }
    }
    while (i < n && line.charAt(i) != delimiter && !lineEnd(line.charAt(i))) {
      if (!Character.isWhitespace(line.charAt(i++))) {
        throw new IllegalArgumentException("invalid char between encapsulated token and delimiter");
      }
    }
    return i;
  }

  private static boolean lineEnd(char c) {
    return c == '\n' || c == '\r';
  }

  @Override public byte[] write(Object[] row) {
    if (row == null) {
      return null;
    }
    if (types.length == 1 && row[0] == null) {
      return null;
    }
    StringBuilder b = new StringBuilder();
    for (int i = 0; i < types.length; i++) {
      if (i > 0) {
        b.append(delimiter);
      }
      if (row[i] != null) {
        quote(b, text(row[i]), i == 0);
      } 
    }
    return b.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static String text(Object value) {
    if (value instanceof BigDecimal) {
      return ((BigDecimal) value).toPlainString();
    }
    if (value instanceof Instant) {
      return Long.toString(((Instant) value).toEpochMilli());
    }
    if (value instanceof LocalDate) {
      return Long.toString(((LocalDate) value).toEpochDay());
    }
    if (value instanceof LocalTime) {
      return Long.toString(((LocalTime) value).toNanoOfDay() / 1_000_000L);
    }
    if (value instanceof ByteBuffer) {
      return StandardCharsets.US_ASCII.decode(Base64.getEncoder().encode(((ByteBuffer) value).duplicate())).toString();
    }
    return value.toString();
  }

  private void quote(StringBuilder b, String text, boolean first) {
    boolean quote = text.isEmpty() && first;
    for (int i = 0; i < text.length() && !quote; i++) {
      char c = text.charAt(i);
      quote = c == delimiter || c == '"' || c == '\n' || c == '\r';
    }
    if (!text.isEmpty() && !quote) {
      char c = text.charAt(0);
      boolean plain = c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z';
      quote = first && !plain || c <= '#' || text.charAt(text.length() - 1) <= ' ';
    }
    if (quote) {
      b.append('"').append(text.replace("\"", "\"\"")).append('"');
    } else {
      b.append(text);
    }
  }
}
