package ksql.runtime;

import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RecordBatchTooLargeException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.ProductionExceptionHandler;

/**
 * Skip results that cannot be written because of what they are (no bytes in the format, too large); count and report them.
 * Anything else is the cluster's fault and ends the query, so that nothing is lost. With `ksql.fail.on.production.error`
 * true a result that is too large ends it too, with false nothing does.
 */
public final class SkipUnwritable implements ProductionExceptionHandler {
  private String query = "";
  private String fail = "";

  @Override public ProductionExceptionHandlerResponse handle(ErrorHandlerContext context, ProducerRecord<byte[], byte[]> record, Exception error) {
    ProcessingLog.production(query, record.topic(), error);
    boolean own = error instanceof RecordTooLargeException || error instanceof RecordBatchTooLargeException;
    if (own) {
      Oversized.remember(record);
    }
    boolean skip = fail.isEmpty() ? own : fail.equals("false");
    return skip ? ProductionExceptionHandlerResponse.CONTINUE : ProductionExceptionHandlerResponse.FAIL;
  }

  @Override @SuppressWarnings("rawtypes")
  public ProductionExceptionHandlerResponse handleSerializationException(ErrorHandlerContext context, ProducerRecord record, Exception error,
      SerializationExceptionOrigin origin) {
    ProcessingLog.serialization(query, record.topic(), origin == SerializationExceptionOrigin.KEY ? "key" : "value", error);
    return ProductionExceptionHandlerResponse.CONTINUE;
  }

  @Override public void configure(Map<String, ?> configs) {
    query = SkipBadRecords.queryId(configs);
    Object given = configs.get("ksql.fail.on.production.error");
    fail = given == null ? "" : String.valueOf(given).toLowerCase();
  }
}
