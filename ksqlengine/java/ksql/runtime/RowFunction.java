package ksql.runtime;

/** Compute a row from a row. Generated. */
public interface RowFunction {
  Object[] apply(Object[] row);
}
