import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/** Peer: the loop that a user of Kafka's own Java client would write. README.md says why these settings. */
final class PlainLoop implements Contest.Peer {
    private static final Duration POLL = Duration.ofMillis(100);

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Thread thread;
    private volatile boolean closed;

    private PlainLoop(KafkaConsumer<byte[], byte[]> consumer, String topic, Work work, Tally tally) {
        this.consumer = consumer;
        thread = new Thread(() -> {
            try (consumer) {
                consumer.subscribe(List.of(topic));
                loop(work, tally);
            } catch (RuntimeException error) {
                tally.fail(error);
            }
        }, "plain loop");
        thread.start();
    }

    private void loop(Work work, Tally tally) {
        while (!closed) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
            for (ConsumerRecord<byte[], byte[]> record : records) {
                tally.handle(work, record.value());
                if (closed) {
                    return;
                }
            }
        }
    }

    @Override
    public boolean alive() {
        return thread.isAlive();
    }

    @Override
    public void close() {
        closed = true;
        try {
            thread.join();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    public static void main(String[] words) throws Exception {
        Map<String, String> consumer = Map.of(
                "enable.auto.commit", "true",
                "auto.commit.interval.ms", "5000",
                "max.poll.records", "5000",
                "check.crcs", "false",
                "max.partition.fetch.bytes", "4194304");
        Contest.run("java-consumer", new Arguments(words, 0), consumer, Map.of(), PlainLoop::new);
    }
}
