import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the records of one round, and takes the time from when the first is handed to the handler until the last has
 * been handled. Any number of threads may count.
 */
final class Tally {
    private static final int FIRST_WITHIN_SECONDS = 60;
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final long expected;
    private final AtomicLong handled = new AtomicLong();
    private final AtomicBoolean begun = new AtomicBoolean();
    private final CountDownLatch first = new CountDownLatch(1);
    private final CountDownLatch last = new CountDownLatch(1);
    private volatile Moment begin;
    private volatile Moment end;
    private volatile Throwable failure;

    Tally(long expected) {
        this.expected = expected;
    }

    /** Handles one record and counts it. A failure ends the round: no peer is measured at retrying. */
    void handle(Work work, byte[] value) {
        if (begin == null && begun.compareAndSet(false, true)) {
            begin = new Moment();
            first.countDown();
        }
        try {
            work.handle(value);
        } catch (Exception error) {
            fail(error);
            return;
        }
        if (handled.incrementAndGet() == expected) {
            end = new Moment();
            last.countDown();
        }
    }

    /** The round cannot go on. */
    void fail(Throwable error) {
        failure = error;
        first.countDown();
        last.countDown();
    }

    /** Waits until all records have been handled, or the round has lasted so long. */
    Round await(Contest.Peer peer, int seconds) throws InterruptedException {
        boolean started = await(first, peer, FIRST_WITHIN_SECONDS);
        if (!started) {
            throw new IllegalStateException("no record came within " + FIRST_WITHIN_SECONDS + " s");
        }
        boolean complete = await(last, peer, seconds);
        long records = Math.min(handled.get(), expected);
        Moment now = complete ? end : new Moment();
        return new Round(records, now.nanos - begin.nanos, now.cpuNanos - begin.cpuNanos);
    }

    private boolean await(CountDownLatch latch, Contest.Peer peer, int seconds) throws InterruptedException {
        boolean reached = false;
        for (int second = 0; second < seconds && !reached; second++) {
            reached = latch.await(1, TimeUnit.SECONDS);
            if (failure != null) {
                throw new IllegalStateException("the handler or the consumer failed: " + failure);
            }
            if (!reached && !peer.alive()) {
                throw new IllegalStateException("the peer has given up; its log says why");
            }
        }
        return reached;
    }

    /** Records after the last one that was expected: delivered twice. */
    long surplus() {
        return Math.max(0, handled.get() - expected);
    }

    private static final class Moment {
        final long nanos = System.nanoTime();
        final long cpuNanos = PROCESS.getProcessCpuTime();
    }

    /** What one round came to. */
    record Round(long records, long nanos, long cpuNanos) {
        double perSecond() {
            return records * 1e9 / nanos;
        }
    }
}
