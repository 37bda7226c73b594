package ksql.runtime;

/** Say whether a row stays. Generated. */
public interface RowPredicate {
  boolean test(Object[] row);
}
