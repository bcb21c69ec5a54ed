package rolecall;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The lowest revision that tokens of a subject, client, role, session or id must have to be accepted.
 *
 * @param kind the claim that is compared
 * @param key the subject, client, role, session or token id
 * @param tenant the tenant to whose tokens the floor is limited; empty for all tokens
 * @param revision tokens with a lower one are refused
 * @param untilMicros the time at which every token below the floor has expired
 */
public record Floor(Kind kind, String key, String tenant, long revision, long untilMicros) {
    /** The claim that a floor compares. A feed with any other kind is refused as a whole. */
    public enum Kind {
        /** All tokens of a subject, {@code sub}. */
        SUBJECT,
        /** All tokens that a client requested, {@code client_id}. */
        CLIENT,
        /** All tokens that carry a role. */
        ROLE,
        /** All tokens of a session. */
        SID,
        /** A single token. */
        JTI;

        static Optional<Kind> of(String name) {
            for (Kind kind : values()) {
                if (kind.name().toLowerCase(java.util.Locale.ROOT).equals(name)) {
                    return Optional.of(kind);
                }
            }
            return Optional.empty();
        }
    }

    private record Place(Kind kind, String key, String tenant) {
    }

    /** The floors in force. A set does not change: {@link #with} returns another one. */
    static final class Floors {
        static final Floors NONE = new Floors(Map.of());

        private final Map<Place, Floor> floors;
        private final long highest;

        private Floors(Map<Place, Floor> floors) {
            this.floors = floors;
            highest = floors.values().stream().mapToLong(Floor::revision).max().orElse(0);
        }

        /** Of two floors for the same key, the higher revision and the later end hold. */
        Floors with(Collection<Floor> more) {
            if (more.isEmpty()) {
                return this;
            }
            Map<Place, Floor> next = new HashMap<>(floors);
            for (Floor floor : more) {
                next.merge(new Place(floor.kind, floor.key, floor.tenant), floor, (known, raised) -> new Floor(
                    known.kind, known.key, known.tenant, Math.max(known.revision, raised.revision),
                    Math.max(known.untilMicros, raised.untilMicros)));
            }
            return new Floors(next);
        }

        /** Returns the floors without those that ended before. */
        Floors pruned(long nowMicros) {
            Map<Place, Floor> next = new HashMap<>(floors);
            next.values().removeIf(floor -> floor.untilMicros <= nowMicros);
            return new Floors(next);
        }

        int size() {
            return floors.size();
        }

        private boolean isBelow(Kind kind, String key, Claims claims) {
            return isBelow(new Place(kind, key, ""), claims)
                || claims.tenant != null && isBelow(new Place(kind, key, claims.tenant), claims);
        }

        private boolean isBelow(Place place, Claims claims) {
            Floor floor = floors.get(place);
            return floor != null && claims.revision < floor.revision;
        }

        /** Returns true if there is a floor above the revision of a token. */
        boolean refuses(Claims claims) {
            // most tokens are newer than every floor, so this comparison is usually enough
            if (claims.revision >= highest) {
                return false;
            }
            return isBelow(Kind.SUBJECT, claims.subject, claims) || isBelow(Kind.CLIENT, claims.clientId, claims)
                || isBelow(Kind.JTI, claims.tokenId, claims)
                || claims.session != null && isBelow(Kind.SID, claims.session, claims)
                || claims.roles.stream().anyMatch(role -> isBelow(Kind.ROLE, role, claims));
        }
    }
}
