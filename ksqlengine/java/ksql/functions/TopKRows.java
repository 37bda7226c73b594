package ksql.functions;

import java.util.ArrayList;
import java.util.List;
import ksql.runtime.SqlType;
import ksql.runtime.Struct;

/** TOPK with further columns: structs of the sorted column and the others. */
public final class TopKRows extends TopK {
  private final SqlType type;

  public TopKRows(Integer size, SqlType type) {
    super(size);
    this.type = type;
  }

  @Override Object sortedBy(Object v) {
    return ((Object[]) v)[0];
  }

  @Override public Object result(Object state) {
    List<Object> out = new ArrayList<>();
    for (Object v : (List<?>) state) {
      out.add(new Struct(type.element, (Object[]) v));
    }
    return out;
  }
}
