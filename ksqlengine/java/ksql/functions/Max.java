package ksql.functions;

import ksql.runtime.Ops;
import ksql.runtime.Udaf;

/** MAX: null is left out. */
public final class Max extends Udaf {
  @Override public Object init() {
    return null;
  }

  @Override public Object add(Object state, Object arg) {
    return merge(state, arg);
  }

  @Override public Object merge(Object left, Object right) {
    return left == null ? right : right == null || Ops.compare(left, right) > 0 ? left : right;
  }
}
