package ksql.runtime;

import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.errors.DeserializationExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;

/** Skip what cannot be read; count and report it. */
public final class SkipBadRecords implements DeserializationExceptionHandler {
  private String query = "";

  @Override public DeserializationHandlerResponse handle(ErrorHandlerContext context, ConsumerRecord<byte[], byte[]> record, Exception error) {
    Throwable cause = error;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    ProcessingLog.badRecord(query, record.topic(), String.valueOf(cause.getMessage()), record.value());
    return DeserializationHandlerResponse.CONTINUE;
  }

  @Override public void configure(Map<String, ?> configs) {
    query = String.valueOf(configs.get("application.id"));
  }
}
