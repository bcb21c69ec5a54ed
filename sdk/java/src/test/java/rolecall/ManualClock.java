package rolecall;

/** A clock that a test moves. It begins at 2030-01-01. */
final class ManualClock implements Clock {
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

    synchronized void advance(long millis) {
        now += millis * 1000;
        monotonic += millis * 1_000_000;
    }

    synchronized void set(long seconds) {
        now = seconds * 1_000_000;
    }
}
