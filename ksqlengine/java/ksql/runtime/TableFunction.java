package ksql.runtime;

/** Make rows of a row: the results of its table functions, one array each. Generated. */
public interface TableFunction {
  java.util.List<?>[] expand(Object[] row);
}
