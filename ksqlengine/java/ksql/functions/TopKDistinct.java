package ksql.functions;

import java.util.List;

/** TOPKDISTINCT: the greatest values, each once. */
public final class TopKDistinct extends TopK {
  public TopKDistinct(Integer size) {
    super(size);
  }

  @Override boolean takes(List<?> list, Object v) {
    return super.takes(list, v) && list.stream().noneMatch(x -> ksql.runtime.Ops.same(x, v));
  }
}
