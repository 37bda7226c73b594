package ksql.functions;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import ksql.runtime.Struct;
import ksql.runtime.Times;

/** Functions over text that holds JSON. null in, null out, unless said otherwise; text that is no JSON gives null. */
public final class Jsons {
  private static final ObjectMapper MAPPER = new ObjectMapper()
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
      .setNodeFactory(JsonNodeFactory.withExactBigDecimals(true));
  private static final ObjectMapper STRICT = MAPPER.copy().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
  private static final int KEPT = 256;
  private static final Map<String, List<Object>> PATHS = new ConcurrentHashMap<>();

  private Jsons() {
  }

  private static JsonNode read(String s) {
    try {
      JsonNode node = s == null ? null : MAPPER.readTree(s);
      return node == null || node.isMissingNode() ? null : node;
    } catch (JsonProcessingException e) {
      return null;
    }
  }

  private static String text(JsonNode node) {
    return node == null || node.isNull() || node.isMissingNode() ? null : node.isValueNode() ? node.asText() : node.toString();
  }

  /** The value at a path such as $.a['b'][0], as text. */
  public static String extract(String s, String path) {
    if (s == null || path == null) {
      return null;
    }
    List<Object> steps = PATHS.get(path);
    if (steps == null) {
      steps = steps(path);
      if (PATHS.size() < KEPT) {
        PATHS.put(path, steps);
      }
    }
    JsonNode node = read(s);
    for (Object step : steps) {
      if (node == null) {
        return null;
      }
      node = step instanceof Integer ? node.get((Integer) step) : node.get((String) step);
    }
    return text(node);
  }

  private static List<Object> steps(String path) {
    if (!path.startsWith("$")) {
      throw new IllegalArgumentException("Invalid JSON path '" + path + "': it must begin with $");
    }
    List<Object> out = new ArrayList<>();
    int i = 1;
    while (i < path.length()) {
      int from = i + 1;
      if (path.charAt(i) == '.') {
        i = from;
        while (i < path.length() && path.charAt(i) != '.' && path.charAt(i) != '[') {
          i++;
        }
        out.add(path.substring(from, i));
      } else if (path.charAt(i) == '[' && path.indexOf(']', from) > 0) {
        i = path.indexOf(']', from);
        String inner = path.substring(from, i++).trim();
        boolean quoted = inner.length() > 1 && "'\"".indexOf(inner.charAt(0)) >= 0;
        out.add(quoted ? (Object) inner.substring(1, inner.length() - 1) : (Object) Integer.valueOf(inner));
      } else {
        throw new IllegalArgumentException("Invalid JSON path '" + path + "' at " + i);
      }
    }
    return out;
  }

  public static Boolean isJson(String s) {
    if (s == null) {
      return false;
    }
    try {
      return !STRICT.readTree(s).isMissingNode();
    } catch (JsonProcessingException e) {
      return false;
    }
  }

  public static Integer arrayLength(String s) {
    JsonNode node = read(s);
    return node == null || !node.isArray() ? null : (Integer) node.size();
  }

  public static Boolean arrayContains(String s, Object v) {
    JsonNode node = read(s);
    if (node == null || !node.isArray()) {
      return false;
    }
    JsonNode wanted = tree(v);
    for (JsonNode item : node) {
      boolean numbers = item.isNumber() && wanted.isNumber() && item.isIntegralNumber() == wanted.isIntegralNumber();
      if (numbers ? item.decimalValue().compareTo(wanted.decimalValue()) == 0 : item.equals(wanted)) {
        return true;
      }
    }
    return false;
  }

  public static List<String> keys(String s) {
    JsonNode node = read(s);
    if (node == null || !node.isObject()) {
      return null;
    }
    List<String> out = new ArrayList<>();
    node.fieldNames().forEachRemaining(out::add);
    return out;
  }

  public static Map<String, String> records(String s) {
    JsonNode node = read(s);
    if (node == null || !node.isObject()) {
      return null;
    }
    Map<String, String> out = new LinkedHashMap<>();
    node.fields().forEachRemaining(e -> out.put(e.getKey(), e.getValue().isTextual() ? e.getValue().textValue() : e.getValue().toString()));
    return out;
  }

  public static List<String> items(String s) {
    JsonNode node = read(s);
    if (node == null || !node.isArray()) {
      return null;
    }
    List<String> out = new ArrayList<>();
    node.forEach(item -> out.add(item.toString()));
    return out;
  }

  /** Objects are merged, the later key stays; else the parts become one array. */
  public static String concat(String[] parts) {
    List<JsonNode> nodes = new ArrayList<>();
    boolean objects = true;
    for (String s : parts) {
      JsonNode node = read(s);
      if (node == null) {
        return null;
      }
      nodes.add(node);
      objects &= node.isObject();
    }
    if (nodes.isEmpty()) {
      return null;
    }
    if (objects) {
      ObjectNode out = MAPPER.createObjectNode();
      nodes.forEach(n -> out.setAll((ObjectNode) n));
      return out.toString();
    }
    ArrayNode out = MAPPER.createArrayNode();
    for (JsonNode n : nodes) {
      if (n.isArray()) {
        out.addAll((ArrayNode) n);
      } else {
        out.add(n);
      }
    }
    return out.toString();
  }

  /** Any value as JSON; null is the text null. */
  public static String toJson(Object v) {
    return tree(v).toString();
  }

  private static JsonNode tree(Object v) {
    JsonNodeFactory f = MAPPER.getNodeFactory();
    if (v == null) {
      return f.nullNode();
    } else if (v instanceof Boolean) {
      return f.booleanNode((Boolean) v);
    } else if (v instanceof Integer) {
      return f.numberNode((Integer) v);
    } else if (v instanceof Long) {
      return f.numberNode((Long) v);
    } else if (v instanceof Double) {
      return f.numberNode((Double) v);
    } else if (v instanceof BigDecimal) {
      return f.numberNode((BigDecimal) v);
    } else if (v instanceof ByteBuffer) {
      return f.textNode(Base64.getEncoder().encodeToString(Bytes.array((ByteBuffer) v)));
    } else if (v instanceof Instant) {
      return f.textNode(Times.text((Instant) v));
    } else if (v instanceof LocalDate || v instanceof LocalTime || v instanceof String) {
      return f.textNode(v.toString());
    } else if (v instanceof List) {
      ArrayNode out = f.arrayNode();
      ((List<?>) v).forEach(item -> out.add(tree(item)));
      return out;
    } else if (v instanceof Map) {
      ObjectNode out = f.objectNode();
      ((Map<?, ?>) v).forEach((k, item) -> out.set(String.valueOf(k), tree(item)));
      return out;
    } else if (v instanceof Struct) {
      ObjectNode out = f.objectNode();
      Struct s = (Struct) v;
      for (int i = 0; i < s.values.length; i++) {
        out.set(s.type.names[i], tree(s.values[i]));
      }
      return out;
    }
    throw new IllegalArgumentException("no JSON for " + v.getClass());
  }
}
