package ksql.runtime;

import java.util.Arrays;

/** A struct's values in the order of its type's fields. */
public final class Struct {
  public final SqlType type;
  public final Object[] values;

  public Struct(SqlType type, Object[] values) {
    this.type = type;
    this.values = values;
  }

  public Object get(String name) {
    int i = type.index(name);
    return i < 0 ? null : values[i];
  }

  @Override public boolean equals(Object o) {
    return o instanceof Struct && Arrays.equals(values, ((Struct) o).values) && Arrays.equals(type.names, ((Struct) o).type.names);
  }

  @Override public int hashCode() {
    return Arrays.hashCode(values);
  }

  @Override public String toString() {
    StringBuilder b = new StringBuilder("Struct{");
    for (int i = 0; i < values.length; i++) {
      if (values[i] != null) {
        b.append(b.length() > 7 ? "," : "").append(type.names[i]).append('=').append(values[i]);
      }
    }
    return b.append('}').toString();
  }
}
