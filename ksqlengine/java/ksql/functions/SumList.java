package ksql.functions;

import java.util.List;
import ksql.runtime.Udaf;

/** SUM_LIST: the sum over the lists' elements, by another sum. Nulls are left out. */
public class SumList extends Udaf {
  private final Udaf sum;

  SumList(Udaf sum) {
    this.sum = sum;
  }

  @Override public Object init() {
    return sum.init();
  }

  @Override public Object add(Object state, Object arg) {
    Object out = state;
    if (arg != null) {
      for (Object v : (List<?>) arg) {
        out = sum.add(out, v);
      }
    }
    return out;
  }

  @Override public Object undo(Object state, Object arg) {
    Object out = state;
    if (arg != null) {
      for (Object v : (List<?>) arg) {
        out = sum.undo(out, v);
      }
    }
    return out;
  }

  @Override public Object merge(Object left, Object right) {
    return sum.merge(left, right);
  }

  /** Of INTEGER. */
  public static final class OfInteger extends SumList {
    public OfInteger() {
      super(new SumInteger());
    }
  }

  /** Of BIGINT. */
  public static final class OfBigint extends SumList {
    public OfBigint() {
      super(new SumBigint());
    }
  }

  /** Of DOUBLE. */
  public static final class OfDouble extends SumList {
    public OfDouble() {
      super(new SumDouble());
    }
  }
}
