package ksql.runtime;

/**
 * An aggregate function. A state is a value that BinaryCodec can store and is never changed in place. `arg` is the
 * argument; with several arguments an Object[].
 */
public abstract class Udaf {
  /** The state of a group without records. */
  public abstract Object init();

  public abstract Object add(Object state, Object arg);

  /** Take a record back (tables). */
  public Object undo(Object state, Object arg) {
    throw new UnsupportedOperationException();
  }

  /** Join the states of two sessions. */
  public abstract Object merge(Object left, Object right);

  /** The value that a query sees. */
  public Object result(Object state) {
    return state;
  }
}
