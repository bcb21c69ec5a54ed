package rolecall;

import java.util.Collection;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a guard knows and what changes while it runs: keys, floors, era and how current they are.
 *
 * <p>A guard that follows an issuer keeps its own. Tests make one to revoke access without a server.
 */
public final class State {
    /** The relation of a token to the newest revision. */
    enum Standing {
        /** The token is not above it, or none is known. */
        KNOWN,
        /** The token is above it, but the state may be older than the token. */
        ASKED,
        /** The token is above it, and the state is newer than the token: the database has lost that revision. */
        BEYOND
    }

    /** A consistent view, for one request. */
    record Snapshot(KeySet keys, String era, Floor.Floors floors) {
        boolean hasEnded(Claims claims) {
            return !era.equals(claims.era) || floors.refuses(claims);
        }
    }

    private static final long NEVER = Long.MIN_VALUE / 2;
    private static final long UNKNOWN_REVISION = Long.MAX_VALUE;
    /** The question of a token that stays refused, although the revision may reach its own later. */
    private static final long REFUSED = Long.MAX_VALUE;

    private final Clock clock;
    private volatile Snapshot current = new Snapshot(KeySet.EMPTY, "", Floor.Floors.NONE);
    private final AtomicLong freshAt = new AtomicLong(NEVER);
    private volatile long freshAtDayMicros = NEVER;
    private volatile long usualAgeNanos = Long.MAX_VALUE;
    /** True after nobody answered in time. */
    private volatile boolean isSilent;
    /** Runs with each question, so that a request which the issuer holds can be given up. */
    private volatile Runnable onQuestion = () -> { };
    private long revision = UNKNOWN_REVISION;
    private long asked;
    private long answered;

    private State(Clock clock) {
        this.clock = clock;
    }

    /** Returns a state that is current now. */
    public static State of(KeySet keys, String era, Clock clock) {
        State state = unknown(clock);
        state.setKeys(keys);
        state.replace(era, java.util.List.of());
        state.markFresh(0);
        return state;
    }

    /** Returns a state without keys that was never current. */
    static State unknown(Clock clock) {
        return new State(clock);
    }

    Snapshot current() {
        return current;
    }

    /** Replaces the keys. */
    public synchronized void setKeys(KeySet keys) {
        current = new Snapshot(keys, current.era, current.floors);
    }

    /** Adds floors. */
    public synchronized void raise(Collection<Floor> floors) {
        current = new Snapshot(current.keys, current.era, current.floors.with(floors));
    }

    /** Begins another era with these floors. Tokens of the era before are refused. */
    public synchronized void replace(String era, Collection<Floor> floors) {
        current = new Snapshot(current.keys, era, Floor.Floors.NONE.with(floors));
        revision = UNKNOWN_REVISION;
    }

    synchronized void prune(long nowMicros) {
        current = new Snapshot(current.keys, current.era, current.floors.pruned(nowMicros));
    }

    /** Notes that the state was current some nanoseconds ago. A delayed answer never makes it older than it was. */
    public void markFresh(long ageNanos) {
        long at = clock.monotonicNanos() - ageNanos;
        freshAt.accumulateAndGet(Math.max(NEVER, at), Math::max);
        freshAtDayMicros = clock.nowMicros() - ageNanos / 1000;
        if (!isUnusuallyOld()) {
            isSilent = false;
        }
    }

    /** Returns the nanoseconds since the state was last known to be current. */
    public long ageNanos() {
        return Math.max(0, clock.monotonicNanos() - freshAt.get());
    }

    /** Returns true if the state was ever current. */
    boolean isKnown() {
        return freshAt.get() != NEVER;
    }

    /** Beyond this age, requests ask for news: the process or its machine stood still. */
    void setUsualAge(long nanos) {
        usualAgeNanos = nanos;
    }

    private boolean isUnusuallyOld() {
        long byDay = Math.max(0, clock.nowMicros() - freshAtDayMicros);
        return ageNanos() > usualAgeNanos || byDay > usualAgeNanos / 1000;
    }

    private synchronized long ask() {
        // later than the time of asking, also for a clock that stands still: an answer from before is none
        asked = Math.max(asked + 1, clock.monotonicNanos() / 1000 + 1);
        onQuestion.run();
        return asked;
    }

    synchronized boolean isAsked() {
        return asked > answered;
    }

    void onQuestion(Runnable run) {
        onQuestion = run;
    }

    /** Answers all questions up to a number with the newest revision, which was read after they were asked. */
    synchronized void answer(long question, long newest) {
        if (revision == UNKNOWN_REVISION || revision < newest) {
            revision = newest;
        }
        if (question > answered) {
            answered = question;
            notifyAll();
        }
    }

    synchronized Standing standing(long rev, AtomicLong question) {
        long number = question.get();
        if (number == REFUSED) {
            return Standing.BEYOND;
        }
        if (rev <= revision) {
            return Standing.KNOWN;
        }
        if (number == 0) {
            number = ask();
            question.set(number);
        }
        if (answered < number) {
            return Standing.ASKED;
        }
        question.set(REFUSED);
        return Standing.BEYOND;
    }

    /**
     * Waits, at most a second, until the guard knows if a token is above the newest revision, and for news if the state is
     * older than usual. Returns false if nothing had to be awaited.
     */
    boolean awaitNews(long rev, AtomicLong question) {
        long number;
        if (standing(rev, question) == Standing.ASKED) {
            number = question.get();
        } else if (isUnusuallyOld() && !isSilent) {
            number = ask();
        } else {
            return false;
        }
        if (!awaitAnswer(number)) {
            // the age of the state limits how long the token is accepted
            isSilent = true;
        }
        return true;
    }

    private synchronized boolean awaitAnswer(long number) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
        try {
            while (answered < number) {
                long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                if (left <= 0) {
                    return false;
                }
                wait(left);
            }
            return true;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return true;
        }
    }
}
