package ksql.server;

import ksql.runtime.JsonOut;

/** Write a row as the JSON array that the REST API gives: dates and times as text, decimals as numbers. */
public final class RowText {
  private static final ThreadLocal<JsonOut> OUT = ThreadLocal.withInitial(() -> new JsonOut(true));

  private RowText() {}

  public static String of(Object[] values) {
    JsonOut out = OUT.get();
    out.reset();
    for (int i = 0; i < values.length; i++) {
      out.raw(i == 0 ? '[' : ',');
      out.value(values[i]);
    }
    if (values.length == 0) {
      out.raw('[');
    }
    out.raw(']');
    return out.text();
  }
}
