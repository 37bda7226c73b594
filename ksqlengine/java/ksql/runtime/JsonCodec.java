package ksql.runtime;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * JSON. A declared column that nobody needs is read too, for a record is bad when any of its columns is; other fields are skipped.
 * {@link JsonScan} reads plain records, a tokenizer the rest.
 */
final class JsonCodec extends Codec {
  private static final JsonFactory FACTORY = JsonFactory.builder().enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER).build();
  private static final ThreadLocal<JsonOut> OUT = ThreadLocal.withInitial(JsonOut::new);

  private static final int SEEN_LIMIT = 1000;

  private final boolean wrap;
  private final Map<String, Integer> fields = new HashMap<>();
  /** Names met in records: a look-up each, where folding the case of each name would cost more than the rest. */
  private final Map<String, Integer> seen = new ConcurrentHashMap<>();
  private final byte[][] labels;
  /** None where a column's name has small letters: which of two fields counts is then for the tokenizer. */
  private final ThreadLocal<JsonScan> scans;

  JsonCodec(String id, String[] names, String[] types, int[] slots, int width, boolean wrap) {
    super(id, names, types, slots, width);
    this.wrap = wrap;
    this.labels = new byte[names.length][];
    boolean upper = true;
    for (int i = 0; i < names.length; i++) {
      fields.put(names[i], i);
      upper &= names[i].equals(names[i].toUpperCase(Locale.ROOT));
      JsonOut out = new JsonOut();
      out.raw(i == 0 ? '{' : ',');
      out.string(names[i]);
      out.raw(':');
      labels[i] = out.bytes();
    }
    this.scans = wrap && upper ? ThreadLocal.withInitial(() -> new JsonScan(this)) : null;
  }

  @Override public Object[] read(byte[] data) {
    if (data == null) {
      return null;
    }
    Object[] plain = scans == null ? null : scans.get().read(data);
    if (plain != null) {
      return plain;
    }
    try (JsonParser p = FACTORY.createParser(data)) {
      JsonToken token = p.nextToken();
      if (!wrap) {
        Object[] row = new Object[width];
        if (types.length == 1) {
          put(row, 0, value(p, token, types[0]));
        }
        return row;
      }
      if (token == null || token == JsonToken.VALUE_NULL) {
        return null;
      }
      if (token != JsonToken.START_OBJECT) {
        throw new IllegalArgumentException("Can't convert type. sourceType: " + token + ", requiredType: STRUCT");
      }
      Object[] row = new Object[width];
      boolean[] exact = null;
      while (p.nextToken() == JsonToken.FIELD_NAME) {
        int found = find(p.currentName());
        token = p.nextToken();
        int at = found >> 1;
        if (found < 0 || (found & 1) == 0 && exact != null && exact[at]) {
          p.skipChildren();
          continue;
        }
        if ((found & 1) != 0) {
          exact = exact == null ? new boolean[types.length] : exact;
          exact[at] = true;
        }
        put(row, at, value(p, token, types[at]));
      }
      return row;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void put(Object[] row, int column, Object value) {
    if (slots[column] >= 0) {
      row[slots[column]] = value;
    }
  }

  /** Give the column that a field goes to, -1 for none. */
  int column(String name) {
    int found = find(name);
    return found < 0 ? -1 : found >> 1;
  }

  /** Find a field by its name, or by its name in upper case: twice its column, one more when a quoted name fits as it stands. */
  private int find(String name) {
    Integer known = seen.get(name);
    if (known != null) {
      return known;
    }
    String upper = name.toUpperCase(Locale.ROOT);
    Integer at = fields.get(name);
    int found = -1;
    if (at != null) {
      found = 2 * at + (name.equals(upper) ? 0 : 1);
    } else if ((at = fields.get(upper)) != null) {
      found = 2 * at;
    }
    if (seen.size() < SEEN_LIMIT) {
      seen.put(name, found);
    }
    return found;
  }

  private static Object bad(JsonToken token, SqlType type) {
    throw new IllegalArgumentException("Can't convert type. sourceType: " + token + ", requiredType: " + type);
  }

  static Object value(JsonParser p, JsonToken token, SqlType type) throws IOException {
    if (token == null || token == JsonToken.VALUE_NULL) {
      return null;
    }
    boolean text = token == JsonToken.VALUE_STRING;
    boolean number = token.isNumeric();
    switch (type.base) {
      case BOOLEAN:
        return token.isBoolean() ? (Object) p.getBooleanValue() : bad(token, type);
      case INTEGER:
        return number ? (Object) (token == JsonToken.VALUE_NUMBER_INT ? p.getIntValue() : (int) p.getDoubleValue())
            : text ? Integer.valueOf(p.getText()) : bad(token, type);
      case BIGINT:
        return number ? (Object) (token == JsonToken.VALUE_NUMBER_INT ? p.getLongValue() : (long) p.getDoubleValue())
            : text ? Long.valueOf(p.getText()) : bad(token, type);
      case DOUBLE:
        return number ? (Object) p.getDoubleValue() : text ? Double.valueOf(p.getText()) : bad(token, type);
      case DECIMAL:
        return number || text ? Casts.fit(new BigDecimal(p.getText()), type.precision, type.scale) : bad(token, type);
      case STRING:
        return text || !token.isStructStart() ? p.getText() : tree(p, token);
      case BYTES:
        return text ? ByteBuffer.wrap(Base64.getDecoder().decode(p.getText())) : bad(token, type);
      case TIMESTAMP:
        return number ? Instant.ofEpochMilli(p.getLongValue()) : text ? Instant.ofEpochMilli(Long.parseLong(p.getText())) : bad(token, type);
      case DATE:
        return number ? LocalDate.ofEpochDay(p.getLongValue()) : bad(token, type);
      case TIME:
        return number ? LocalTime.ofNanoOfDay(p.getLongValue() * 1_000_000L) : bad(token, type);
      case ARRAY: {
        if (token != JsonToken.START_ARRAY) {
          return bad(token, type);
        }
        List<Object> list = new ArrayList<>();
        for (JsonToken t = p.nextToken(); t != JsonToken.END_ARRAY; t = p.nextToken()) {
          list.add(value(p, t, type.element));
        }
        return list;
      }
      case MAP: {
        if (token != JsonToken.START_OBJECT) {
          return bad(token, type);
        }
        Map<Object, Object> map = new LinkedHashMap<>();
        while (p.nextToken() == JsonToken.FIELD_NAME) {
          String key = p.currentName();
          map.put(key, value(p, p.nextToken(), type.element));
        }
        return map;
      }
      default: {
        if (token != JsonToken.START_OBJECT) {
          return bad(token, type);
        }
        Object[] values = new Object[type.names.length];
        while (p.nextToken() == JsonToken.FIELD_NAME) {
          String name = p.currentName();
          JsonToken t = p.nextToken();
          int at = type.index(name);
          if (at < 0) {
            at = type.index(name.toUpperCase(Locale.ROOT));
          }
          if (at < 0) {
            p.skipChildren();
          } else {
            values[at] = value(p, t, type.types[at]);
          }
        }
        return new Struct(type, values);
      }
    }
  }

  /** Copy an object or array as compact text. */
  private static String tree(JsonParser p, JsonToken token) throws IOException {
    JsonOut out = new JsonOut();
    copy(p, token, out);
    return out.text();
  }

  private static void copy(JsonParser p, JsonToken token, JsonOut out) throws IOException {
    boolean first = true;
    if (token == JsonToken.START_OBJECT) {
      out.raw('{');
      while (p.nextToken() == JsonToken.FIELD_NAME) {
        if (!first) {
          out.raw(',');
        }
        first = false;
        out.string(p.currentName());
        out.raw(':');
        copy(p, p.nextToken(), out);
      }
      out.raw('}');
    } else if (token == JsonToken.START_ARRAY) {
      out.raw('[');
      for (JsonToken t = p.nextToken(); t != JsonToken.END_ARRAY; t = p.nextToken()) {
        if (!first) {
          out.raw(',');
        }
        first = false;
        copy(p, t, out);
      }
      out.raw(']');
    } else if (token == JsonToken.VALUE_STRING) {
      out.string(p.getText());
    } else {
      out.raw(p.getText().getBytes(StandardCharsets.UTF_8));
    }
  }

  @Override public byte[] write(Object[] row) {
    if (row == null) {
      return null;
    }
    JsonOut out = OUT.get();
    out.reset();
    if (!wrap) {
      if (types.length == 0 || row[0] == null) {
        return null;
      }
      out.value(row[0]);
      return out.bytes();
    }
    for (int i = 0; i < labels.length; i++) {
      out.raw(labels[i]);
      out.value(row[i]);
    }
    if (labels.length == 0) {
      out.raw('{');
    }
    out.raw('}');
    return out.bytes();
  }
}
