import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelEoSStreamProcessor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Peer: Confluent's parallel-consumer. README.md says why these settings. */
final class ParallelConsumer {
    private static final int BUFFERED_RECORDS = 20_000;

    private ParallelConsumer() {}

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words, 0);
        ProcessingOrder ordering = ProcessingOrder.valueOf(arguments.text("ordering").toUpperCase());
        int concurrency = arguments.number("concurrency");
        Map<String, String> consumer = Map.of(
                "enable.auto.commit", "false",
                "max.poll.records", "5000",
                "check.crcs", "false",
                "max.partition.fetch.bytes", "4194304");
        Map<String, Object> own = new LinkedHashMap<>();
        own.put("ordering", ordering);
        own.put("maxConcurrency", concurrency);
        own.put("messageBufferSize", BUFFERED_RECORDS);
        own.put("commitMode", CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS);
        own.put("commitInterval", ParallelConsumerOptions.DEFAULT_COMMIT_INTERVAL.toString());
        Contest.run("parallel-consumer-" + ordering.name().toLowerCase(), arguments, consumer, own,
                (client, topic, work, tally) -> {
                    var options = ParallelConsumerOptions.<byte[], byte[]>builder()
                            .consumer(client)
                            .ordering(ordering)
                            .maxConcurrency(concurrency)
                            .messageBufferSize(BUFFERED_RECORDS)
                            .commitMode(CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS)
                            .build();
                    var processor = new ParallelEoSStreamProcessor<>(options);
                    processor.subscribe(List.of(topic));
                    processor.poll(context -> context.forEach(record -> tally.handle(work, record.value())));
                    return new Running(processor);
                });
    }

    private record Running(ParallelEoSStreamProcessor<byte[], byte[]> processor) implements Contest.Peer {
        @Override
        public boolean alive() {
            return !processor.isClosedOrFailed();
        }

        @Override
        public void close() {
            processor.closeDontDrainFirst();
        }
    }
}
