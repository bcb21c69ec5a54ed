package rolecall;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The claims of a verified access token. Claims that other issuers leave out have neutral values. */
final class Claims {
    /** The latest NumericDate that is accepted: 9999-12-31T23:59:59Z. */
    private static final long MAX_TIME = 253_402_300_799L;

    String issuer;
    String subject;
    boolean isClient;
    List<String> audience;
    boolean isOneAudience;
    String clientId;
    long issuedAt;
    /** The later of {@code iat} and {@code nbf}. */
    long notBefore;
    long expiresAt;
    String tokenId;
    String session;
    Long authTime;
    Acr acr;
    List<String> methods;
    String username;
    List<String> roles;
    String scope;
    String tenant;
    List<String> globalRoles;
    String globalScope;
    boolean isNarrowed;
    long revision;
    String era;
    Map<String, Object> other;
    /** The fingerprint of the key that verified the token. */
    String key;

    private Claims() {
    }

    /** A claim that is missing or has the wrong type. */
    private static final class Wrong extends Exception {
        private static final long serialVersionUID = 1;

        Wrong() {
            super(null, null, false, false);
        }
    }

    /** Reads a payload. A known claim with the wrong type makes it invalid, and {@code null} is a wrong type. */
    static Optional<Claims> parse(byte[] payload, String key, boolean allowsMissingIds) {
        try {
            return Optional.of(new Reader(Json.object(payload, Json.TOKEN_DEPTH)).claims(key, allowsMissingIds));
        } catch (Json.NotStrict | Wrong fault) {
            return Optional.empty();
        }
    }

    /** Takes claims out of the payload. */
    private record Reader(Map<String, Object> members) {
        Claims claims(String key, boolean allowsMissingIds) throws Wrong {
            boolean isOwn = members.containsKey("rev") || members.containsKey("era");
            Claims claims = new Claims();
            claims.key = key;
            claims.issuer = required(text("iss"));
            claims.subject = required(text("sub"));
            claims.isClient = isClient();
            audience(claims);
            claims.clientId = orEmpty(text("client_id"));
            claims.issuedAt = required(time("iat"));
            claims.expiresAt = required(time("exp"));
            Long notBefore = time("nbf");
            claims.notBefore = notBefore == null ? claims.issuedAt : Math.max(claims.issuedAt, notBefore);
            claims.tokenId = orEmpty(text("jti"));
            claims.session = text("sid");
            claims.authTime = time("auth_time");
            claims.acr = acr();
            claims.methods = methods();
            texts("step_up");
            String username = text("username");
            claims.username = username == null ? claims.subject : username;
            claims.roles = List.copyOf(Utf8Order.of(texts("roles")));
            claims.scope = orEmpty(text("scope"));
            claims.tenant = text("tenant");
            global(claims);
            claims.isNarrowed = bool("narrowed");
            claims.revision = integer("rev");
            claims.era = orEmpty(text("era"));
            // RFC 9068 section 2.2: without them, a floor for the client or the token could not end it
            boolean needsIds = !allowsMissingIds || isOwn;
            if (claims.subject.isEmpty() || needsIds && (claims.clientId.isEmpty() || claims.tokenId.isEmpty())) {
                throw new Wrong();
            }
            Map<String, Object> other = new LinkedHashMap<>();
            members.forEach((name, value) -> other.put(name, Json.plain(value)));
            claims.other = java.util.Collections.unmodifiableMap(other);
            return claims;
        }

        private static <T> T required(T value) throws Wrong {
            if (value == null) {
                throw new Wrong();
            }
            return value;
        }

        private static String orEmpty(String text) {
            return text == null ? "" : text;
        }

        /** Takes a member of this type; null if it is missing. */
        private <T> T take(String name, Class<T> type) throws Wrong {
            if (!members.containsKey(name)) {
                return null;
            }
            Object value = members.remove(name);
            if (!type.isInstance(value)) {
                throw new Wrong();
            }
            return type.cast(value);
        }

        private String text(String name) throws Wrong {
            return take(name, String.class);
        }

        private boolean bool(String name) throws Wrong {
            return Boolean.TRUE.equals(take(name, Boolean.class));
        }

        private List<String> texts(String name) throws Wrong {
            List<?> items = take(name, List.class);
            return items == null ? List.of() : texts(items);
        }

        private static List<String> texts(List<?> items) throws Wrong {
            List<String> texts = new ArrayList<>();
            for (Object item : items) {
                if (!(item instanceof String text)) {
                    throw new Wrong();
                }
                texts.add(text);
            }
            return texts;
        }

        /** Takes an integer that is not negative and fits in 63 bits, written without fraction and exponent. */
        private long integer(String name) throws Wrong {
            Json.Num number = take(name, Json.Num.class);
            if (number == null) {
                return 0;
            }
            if (number.integer() == null || number.integer() < 0) {
                throw new Wrong();
            }
            return number.integer();
        }

        /** Takes a NumericDate, rounded down to seconds: a fraction is allowed (RFC 7519 section 2). */
        private Long time(String name) throws Wrong {
            Json.Num number = take(name, Json.Num.class);
            if (number == null) {
                return null;
            }
            double value = number.value();
            boolean isNegative = value < 0 || number.integer() == null && 1 / value < 0;
            if (isNegative || value >= MAX_TIME + 1) {
                throw new Wrong();
            }
            return number.integer() != null ? number.integer() : (long) Math.floor(value);
        }

        /** Takes the claim if its value is one of rolecall's. Other issuers have values of their own, which stay. */
        private Acr acr() throws Wrong {
            if (!members.containsKey("acr")) {
                return Acr.AAL1;
            }
            if (!(members.get("acr") instanceof String text)) {
                throw new Wrong();
            }
            Optional<Acr> acr = Acr.of(text);
            acr.ifPresent(known -> members.remove("acr"));
            return acr.orElse(Acr.AAL1);
        }

        /**
         * Takes {@code amr} if it is an array of strings (RFC 8176). Nothing is decided by it, so that the claim of an issuer
         * that writes something else stays.
         */
        private List<String> methods() {
            if (!(members.get("amr") instanceof List<?> items)) {
                return List.of();
            }
            try {
                List<String> methods = texts(items);
                members.remove("amr");
                return methods;
            } catch (Wrong otherTypes) {
                return List.of();
            }
        }

        /** Takes a string or a non-empty array of strings (RFC 7519 section 4.1.3). */
        private void audience(Claims claims) throws Wrong {
            Object value = members.remove("aud");
            claims.isOneAudience = value instanceof String;
            if (value instanceof String one) {
                claims.audience = List.of(one);
            } else if (value instanceof List<?> items && !items.isEmpty()) {
                claims.audience = texts(items);
            } else {
                throw new Wrong();
            }
        }

        private boolean isClient() throws Wrong {
            String kind = text("subject_kind");
            if (kind == null || kind.equals("user")) {
                return false;
            }
            if (kind.equals("client")) {
                return true;
            }
            throw new Wrong();
        }

        private void global(Claims claims) throws Wrong {
            Map<?, ?> global = take("global", Map.class);
            claims.globalRoles = List.of();
            claims.globalScope = "";
            if (global != null) {
                Map<String, Object> inner = new LinkedHashMap<>();
                global.forEach((name, value) -> inner.put((String) name, value));
                Reader reader = new Reader(inner);
                claims.globalRoles = reader.texts("roles");
                claims.globalScope = orEmpty(reader.text("scope"));
            }
        }
    }
}
