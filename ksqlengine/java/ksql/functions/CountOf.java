package ksql.functions;

/** COUNT(x): records whose x is there count. */
public final class CountOf extends Count {
  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : super.add(state, arg);
  }

  @Override public Object undo(Object state, Object arg) {
    return arg == null ? state : super.undo(state, arg);
  }
}
