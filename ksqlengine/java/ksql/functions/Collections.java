package ksql.functions;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import ksql.runtime.Casts;
import ksql.runtime.Lambda;
import ksql.runtime.Ops;
import ksql.runtime.SqlType;
import ksql.runtime.Struct;

/** Functions over arrays and maps. null in, null out, unless said otherwise. */
public final class Collections {
  private Collections() {
  }

  public static Integer length(List<?> list) {
    return list == null ? null : (Integer) list.size();
  }

  public static List<?> concat(List<?> a, List<?> b) {
    if (a == null || b == null) {
      return a == null ? b : a;
    }
    List<Object> out = new ArrayList<>(a);
    out.addAll(b);
    return out;
  }

  public static Boolean contains(List<?> list, Object v) {
    return list == null ? (Boolean) false : (Boolean) list.contains(v);
  }

  public static List<?> distinct(List<?> list) {
    return list == null ? null : new ArrayList<>(new LinkedHashSet<>(list));
  }

  public static List<?> except(List<?> a, List<?> b) {
    if (a == null || b == null) {
      return null;
    }
    Set<Object> out = new LinkedHashSet<>(a);
    b.forEach(out::remove);
    return new ArrayList<>(out);
  }

  public static List<?> intersect(List<?> a, List<?> b) {
    if (a == null || b == null) {
      return null;
    }
    Set<Object> out = new LinkedHashSet<>(a);
    out.retainAll(new LinkedHashSet<>(b));
    return new ArrayList<>(out);
  }

  public static List<?> union(List<?> a, List<?> b) {
    if (a == null || b == null) {
      return null;
    }
    Set<Object> out = new LinkedHashSet<>(a);
    out.addAll(b);
    return new ArrayList<>(out);
  }

  public static List<?> remove(List<?> list, Object v) {
    return list == null ? null : list.stream().filter(x -> !Objects.equals(x, v)).collect(Collectors.toList());
  }

  public static String join(List<?> list) {
    return join(list, ",");
  }

  /** A null separator counts as empty, a null element is the text null. */
  public static String join(List<?> list, String separator) {
    return list == null ? null : list.stream().map(Collections::plain).collect(Collectors.joining(separator == null ? "" : separator));
  }

  private static String plain(Object v) {
    String type = v instanceof List ? "ARRAY" : v instanceof Map ? "MAP" : v instanceof Struct ? "STRUCT" : v instanceof ByteBuffer ? "BYTES" : null;
    if (type != null) {
      throw new IllegalArgumentException("error: hit element of type " + type + " which is currently not supported");
    }
    return v == null ? "null" : Casts.string(v);
  }

  public static Object max(List<?> list) {
    return list == null ? null : list.stream().filter(Objects::nonNull).max(Ops::compare).orElse(null);
  }

  public static Object min(List<?> list) {
    return list == null ? null : list.stream().filter(Objects::nonNull).min(Ops::compare).orElse(null);
  }

  public static List<?> sort(List<?> list) {
    return sort(list, "ASC");
  }

  /** Nulls come last. A direction that is none gives null. */
  public static List<?> sort(List<?> list, String direction) {
    if (list == null || direction == null) {
      return null;
    }
    String d = direction.trim().toUpperCase(java.util.Locale.ROOT);
    boolean up = d.equals("ASC") || d.equals("ASCENDING");
    if (!up && !d.equals("DESC") && !d.equals("DESCENDING")) {
      return null;
    }
    Comparator<Object> order = up ? Ops::compare : (a, b) -> Ops.compare(b, a);
    List<Object> out = new ArrayList<>(list);
    out.sort(Comparator.nullsLast(order));
    return out;
  }

  /** Elements from one place to another, both counted from 1 and included. */
  public static List<?> slice(List<?> list, Integer from, Integer to) {
    if (list == null) {
      return null;
    }
    int a = from == null ? 0 : from - 1;
    int b = to == null ? list.size() : to;
    return a < 0 || b > list.size() || a > b ? null : new ArrayList<>(list.subList(a, b));
  }

  /** Pair keys with values; the shorter list decides. */
  public static Map<?, ?> asMap(List<?> keys, List<?> values) {
    if (keys == null || values == null) {
      return null;
    }
    Map<Object, Object> out = new LinkedHashMap<>();
    for (int i = 0; i < Math.min(keys.size(), values.size()); i++) {
      out.put(keys.get(i), values.get(i));
    }
    return out;
  }

  public static List<?> keys(Map<?, ?> map) {
    return map == null ? null : new ArrayList<>(map.keySet());
  }

  public static List<?> values(Map<?, ?> map) {
    return map == null ? null : new ArrayList<>(map.values());
  }

  /** Of equal keys the second map's stays; a null map counts as none. */
  public static Map<?, ?> union(Map<?, ?> a, Map<?, ?> b) {
    if (a == null || b == null) {
      return a == null ? b : a;
    }
    Map<Object, Object> out = new LinkedHashMap<>(a);
    out.putAll(b);
    return out;
  }

  /** The entries as structs of K and V, sorted by key when asked. */
  public static List<?> entries(Map<?, ?> map, Boolean sorted, SqlType type) {
    if (map == null) {
      return null;
    }
    List<Object> keys = new ArrayList<>(map.keySet());
    if (Boolean.TRUE.equals(sorted)) {
      keys.sort(Ops::compare);
    }
    List<Object> out = new ArrayList<>(keys.size());
    for (Object k : keys) {
      out.add(new Struct(type.element, new Object[] {k, map.get(k)}));
    }
    return out;
  }

  public static List<?> filter(List<?> list, Lambda keep) {
    if (list == null || keep == null) {
      return null;
    }
    List<Object> out = new ArrayList<>();
    for (Object v : list) {
      if (Ops.truth((Boolean) keep.call(new Object[] {v}))) {
        out.add(v);
      }
    }
    return out;
  }

  public static Map<?, ?> filter(Map<?, ?> map, Lambda keep) {
    if (map == null || keep == null) {
      return null;
    }
    Map<Object, Object> out = new LinkedHashMap<>();
    for (Map.Entry<?, ?> e : map.entrySet()) {
      if (Ops.truth((Boolean) keep.call(new Object[] {e.getKey(), e.getValue()}))) {
        out.put(e.getKey(), e.getValue());
      }
    }
    return out;
  }

  public static List<?> transform(List<?> list, Lambda f) {
    if (list == null || f == null) {
      return null;
    }
    List<Object> out = new ArrayList<>(list.size());
    for (Object v : list) {
      out.add(f.call(new Object[] {v}));
    }
    return out;
  }

  public static Map<?, ?> transform(Map<?, ?> map, Lambda key, Lambda value) {
    if (map == null || key == null || value == null) {
      return null;
    }
    Map<Object, Object> out = new LinkedHashMap<>();
    for (Map.Entry<?, ?> e : map.entrySet()) {
      Object k = key.call(new Object[] {e.getKey(), e.getValue()});
      if (out.containsKey(k)) {
        throw new IllegalArgumentException("Duplicate key " + k);
      }
      out.put(k, value.call(new Object[] {e.getKey(), e.getValue()}));
    }
    return out;
  }

  /** Without a list the start is the result. */
  public static Object reduce(List<?> list, Object start, Lambda f) {
    if (list == null || start == null) {
      return start;
    }
    Object state = start;
    for (Object v : list) {
      state = f.call(new Object[] {state, v});
    }
    return state;
  }

  public static Object reduce(Map<?, ?> map, Object start, Lambda f) {
    if (map == null || start == null) {
      return start;
    }
    Object state = start;
    for (Map.Entry<?, ?> e : map.entrySet()) {
      state = f.call(new Object[] {state, e.getKey(), e.getValue()});
    }
    return state;
  }

  /** A table function: all combinations of each element and null, in its place. */
  public static List<?> cube(List<?> list) {
    if (list == null) {
      return null;
    }
    int n = list.size();
    if (n > 20) {
      throw new IllegalArgumentException("CUBE_EXPLODE takes at most 20 columns, not " + n);
    }
    List<Object> out = new ArrayList<>();
    Set<Object> seen = new LinkedHashSet<>();
    for (int bits = 0; bits < 1 << n; bits++) {
      List<Object> row = new ArrayList<>(n);
      for (int i = 0; i < n; i++) {
        row.add((bits >> (n - 1 - i) & 1) == 1 ? list.get(i) : null);
      }
      if (seen.add(row)) {
        out.add(row);
      }
    }
    return out;
  }
}
