package ksql.runtime;

/** Keep the state row of a group. Generated. */
public interface Aggregation {
  Object[] init();

  Object[] add(Object[] row, Object[] state);

  Object[] undo(Object[] row, Object[] state);

  Object[] merge(Object[] left, Object[] right);
}
