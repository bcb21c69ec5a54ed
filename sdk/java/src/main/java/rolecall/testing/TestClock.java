package rolecall.testing;

import java.time.Duration;
import rolecall.Clock;

/** A clock that a test moves. It begins at 2030-01-01. */
public final class TestClock implements Clock {
    private long now = 1_893_456_000_000_000L;
    private long monotonic;

    @Override
    public synchronized long nowMicros() {
        return now;
    }

    @Override
    public synchronized long monotonicNanos() {
        return monotonic;
    }

    /** Lets time pass. */
    public synchronized void advance(Duration by) {
        now += by.toNanos() / 1000;
        monotonic += by.toNanos();
    }
}
