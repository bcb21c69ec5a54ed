package rolecall;

import java.time.Instant;

/** The source of time of a guard. Tests replace it. */
public interface Clock {
    /** Returns the time of day in microseconds since the epoch, with which the times in tokens are compared. */
    long nowMicros();

    /** Returns the nanoseconds since some fixed moment. They never go back, whatever is done to the time of day. */
    long monotonicNanos();

    /** Returns the clock of the machine. */
    static Clock system() {
        long start = System.nanoTime();
        return new Clock() {
            @Override
            public long nowMicros() {
                Instant now = Instant.now();
                return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
            }

            @Override
            public long monotonicNanos() {
                return System.nanoTime() - start;
            }
        };
    }
}
