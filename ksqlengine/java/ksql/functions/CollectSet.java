package ksql.functions;

import java.util.List;

/** COLLECT_SET: the values without repeats, in the order in which they came, up to a limit. */
public final class CollectSet extends CollectList {
  public CollectSet() {
  }

  public CollectSet(Integer limit) {
    super(limit);
  }

  @Override boolean takes(List<?> list, Object v) {
    return !list.contains(v);
  }
}
