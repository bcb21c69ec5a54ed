package rolecall;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** The position in the issuer's feed of revocations; applies its answers to the state. */
final class Feed {
    private static final long PRUNE_INTERVAL = TimeUnit.MINUTES.toNanos(1);
    private static final long MAX_LIFETIME_MICROS = TimeUnit.HOURS.toMicros(24);

    private record Answer(String cursor, String era, long ageNanos, List<Floor> floors, Long revision, String forgetBefore,
                          Long keysRevision, boolean hasMore) {
    }

    private final State state;
    private final Clock clock;
    private final Runnable onChangedKeys;
    private String cursor = "";
    private Long keysRevision;
    /** An era and the floors of it that were read so far, while the whole state of a new era is being read. */
    private String pendingEra;
    private List<Floor> pending = new ArrayList<>();
    private long prunedAt;

    Feed(State state, Clock clock, Runnable onChangedKeys) {
        this.state = state;
        this.clock = clock;
        this.onChangedKeys = onChangedKeys;
    }

    String cursor() {
        return cursor;
    }

    /** Applies an answer to a request that was sent at a monotonic time. One that cannot be used changes nothing. */
    void apply(byte[] body, long sentAt) throws Issuer.Failure {
        Answer answer = parse(body);
        applyFloors(answer);
        cursor = answer.cursor;
        if (!Objects.equals(keysRevision, answer.keysRevision)) {
            keysRevision = answer.keysRevision;
            onChangedKeys.run();
        }
        long now = clock.monotonicNanos();
        if (!answer.hasMore) {
            // INVARIANT: the node may have answered from what it knew when the request was sent, so the state is at least as
            // old as the request
            long took = Math.max(0, now - sentAt);
            boolean isHuge = answer.ageNanos > Long.MAX_VALUE / 4;
            state.markFresh(isHuge ? Long.MAX_VALUE / 2 : answer.ageNanos + took);
            if (answer.revision != null) {
                // questions are numbered by their time; only the earlier ones are answered
                state.answer(Math.max(0, sentAt - answer.ageNanos) / 1000, answer.revision);
            }
        }
        if (now - prunedAt >= PRUNE_INTERVAL) {
            prunedAt = now;
            state.prune(forgetBefore(answer.forgetBefore));
        }
    }

    /** The era is replaced only once all of its floors are known. */
    private void applyFloors(Answer answer) {
        if (answer.era.equals(state.current().era())) {
            pendingEra = null;
            state.raise(answer.floors);
            return;
        }
        if (!answer.era.equals(pendingEra)) {
            pending = new ArrayList<>();
        }
        pending.addAll(answer.floors);
        pendingEra = answer.era;
        if (!answer.hasMore) {
            state.replace(answer.era, pending);
            pendingEra = null;
            pending = new ArrayList<>();
        }
    }

    /** Floors that ended before are forgotten: by the issuer's time, since this clock may be wrong. */
    private long forgetBefore(String issuers) {
        if (issuers == null) {
            return clock.nowMicros() - MAX_LIFETIME_MICROS;
        }
        try {
            return micros(issuers);
        } catch (DateTimeParseException fault) {
            return 0;
        }
    }

    private static long micros(String text) {
        Instant at = OffsetDateTime.parse(text).toInstant();
        return at.getEpochSecond() * 1_000_000 + at.getNano() / 1000;
    }

    private static Answer parse(byte[] body) throws Issuer.Failure {
        Issuer.Failure fault = new Issuer.Failure("the issuer's feed cannot be parsed");
        Map<String, Object> members = Fetcher.object(body, "feed");
        if (!(members.get("cursor") instanceof String cursor) || !(members.get("era") instanceof String era)
            || !(members.get("floors") instanceof List<?> items) || integer(members, "policy_revision", true) == null) {
            throw fault;
        }
        Object more = members.containsKey("more") ? members.get("more") : Boolean.FALSE;
        Object forgetBefore = members.get("forget_before");
        if (!(more instanceof Boolean hasMore) || forgetBefore != null && !(forgetBefore instanceof String)) {
            throw fault;
        }
        List<Floor> floors = new ArrayList<>();
        for (Object item : items) {
            floors.add(floor(item));
        }
        return new Answer(cursor, era, ageNanos(members.get("age_ms")), floors, integer(members, "revision", false),
            (String) forgetBefore, integer(members, "keys_revision", false), hasMore);
    }

    /** Reads an integer of up to 64 bits without a sign. */
    private static long ageNanos(Object value) throws Issuer.Failure {
        if (value instanceof Json.Num number && number.isWhole() && number.value() >= 0 && 1 / number.value() > 0) {
            double nanos = number.value() * 1_000_000;
            return number.integer() == null || nanos > Long.MAX_VALUE / 2.0
                ? Long.MAX_VALUE / 2 : number.integer() * 1_000_000;
        }
        throw new Issuer.Failure("the issuer's feed cannot be parsed");
    }

    private static Long integer(Map<?, ?> members, String name, boolean isRequired) throws Issuer.Failure {
        Object value = members.get(name);
        if (value instanceof Json.Num number && number.integer() != null) {
            return number.integer();
        }
        if (value != null || isRequired) {
            throw new Issuer.Failure("the issuer's feed cannot be parsed");
        }
        return null;
    }

    /**
     * Reads a floor.
     *
     * <p>INVARIANT: an unknown kind makes the whole answer invalid, so that no revocation is ignored.
     */
    private static Floor floor(Object item) throws Issuer.Failure {
        Issuer.Failure fault = new Issuer.Failure("the issuer's feed cannot be parsed");
        if (!(item instanceof Map<?, ?> members) || !(members.get("kind") instanceof String kind)
            || !(members.get("key") instanceof String key) || !(members.get("until") instanceof String until)) {
            throw fault;
        }
        // older issuers send no tenant; a floor for no tenant is one for all tokens
        Object tenant = members.get("tenant") == null ? "" : members.get("tenant");
        if (!(tenant instanceof String named)) {
            throw fault;
        }
        try {
            return new Floor(Floor.Kind.of(kind).orElseThrow(() -> fault), key, named, integer(members, "revision", true),
                micros(until));
        } catch (DateTimeParseException notATime) {
            throw fault;
        }
    }
}
