import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Runs a peer over a whole topic, several times with a new group each, and prints one JSON line with the median round.
 *
 * <p>The first round only warms the virtual machine up. A waiting handler has one round: it needs no compiler.
 */
final class Contest {
    /** A peer that consumes until it is closed. */
    interface Peer extends AutoCloseable {
        /** Whether it has not given up. */
        boolean alive();

        @Override
        void close();
    }

    /** Starts a peer. */
    interface Start {
        Peer start(KafkaConsumer<byte[], byte[]> consumer, String topic, Work work, Tally tally);
    }

    private Contest() {}

    /** Runs the program: its arguments, the consumer's settings besides those of all, and the peer's own settings. */
    static void run(String peer, Arguments arguments, Map<String, String> consumer, Map<String, ?> own, Start start)
            throws Exception {
        Work work = Work.valueOf(arguments.text("handler").toUpperCase());
        String topic = arguments.text("topic");
        int expected = arguments.number("records");
        boolean waits = work == Work.WAIT;
        int rounds = waits ? 1 : arguments.number("rounds");
        List<Tally.Round> measured = new ArrayList<>();
        long surplus = 0;
        for (int round = waits ? 1 : 0; round <= rounds; round++) {
            Properties properties = new Properties();
            properties.putAll(consumer);
            properties.put("bootstrap.servers", arguments.text("bootstrap-servers"));
            properties.put("group.id", arguments.text("group") + "-" + round);
            properties.put("auto.offset.reset", "earliest");
            Tally tally = new Tally(expected);
            Tally.Round result;
            var bytes = new ByteArrayDeserializer();
            try (Peer running = start.start(new KafkaConsumer<>(properties, bytes, bytes), topic, work, tally)) {
                result = tally.await(running, arguments.number("seconds"));
            } catch (IllegalStateException error) {
                System.err.println("error: topic " + topic + ": " + error.getMessage());
                System.exit(1);
                return;
            }
            surplus = Math.max(surplus, tally.surplus());
            if (round > 0) {
                measured.add(result);
            }
        }
        List<Tally.Round> sorted = new ArrayList<>(measured);
        sorted.sort(Comparator.comparingDouble(Tally.Round::perSecond));
        Tally.Round median = sorted.get((sorted.size() - 1) / 2);
        Map<String, Object> settings = new LinkedHashMap<>(own);
        settings.putAll(consumer);
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("peer", peer);
        line.put("handler", work.name().toLowerCase());
        line.put("records", median.records());
        line.put("seconds", rounded(median.nanos() / 1e9, 1000));
        line.put("records_per_second", Math.round(median.perSecond()));
        line.put("rounds", measured.stream().map(each -> Math.round(each.perSecond())).toList());
        line.put("cpu_us_per_record", rounded(median.cpuNanos() / 1e3 / median.records(), 100));
        line.put("complete", median.records() >= expected);
        line.put("delivered_twice", surplus);
        line.put("settings", settings);
        System.out.println(new ObjectMapper().writeValueAsString(line));
    }

    private static double rounded(double number, int to) {
        return Math.round(number * to) / (double) to;
    }
}
