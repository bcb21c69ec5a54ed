package rolecall;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A verified caller: the content of its access token, all of which is signed. Only a {@link Guard} makes one.
 *
 * <p>A handler takes it as an argument. It is shared by requests and does not change.
 */
public final class Principal implements Rule.Holder {
    final Claims claims;
    /** The question of the token, if it is above the newest revision that the guard knows of. */
    final AtomicLong question = new AtomicLong();
    private final Guard guard;
    private final SortedSet<String> roles;
    private final SortedSet<String> permissions;
    private final SortedSet<String> globalRoles;
    private final SortedSet<String> globalPermissions;

    Principal(Claims claims, Guard guard) {
        this.claims = claims;
        this.guard = guard;
        roles = Utf8Order.of(claims.roles);
        permissions = Utf8Order.values(claims.scope);
        if (claims.tenant == null) {
            globalRoles = roles;
            globalPermissions = permissions;
        } else {
            // a floor compares the flat list, so a role that is only in `global` could not be revoked
            TreeSet<String> ofRoles = Utf8Order.of(claims.globalRoles);
            ofRoles.retainAll(roles);
            TreeSet<String> ofPermissions = Utf8Order.values(claims.globalScope);
            ofPermissions.retainAll(permissions);
            globalRoles = ofRoles;
            globalPermissions = ofPermissions;
        }
    }

    /** Returns the id of the subject, {@code sub}. */
    public String subject() {
        return claims.subject;
    }

    /** Returns true if the subject is a client that acts for itself, and not a user. */
    public boolean isClient() {
        return claims.isClient;
    }

    /**
     * Returns the name of the user, or an empty text for a client. Use it only for display: a name can pass to another user, and
     * a client can be called like a user.
     */
    public String username() {
        // an older issuer writes the name of the client
        return claims.isClient ? "" : claims.username;
    }

    /** Returns the id of the client that requested the token, or an empty text. */
    public String clientId() {
        return claims.clientId;
    }

    /** Returns the roles, including inherited ones and those that the caller has only in the tenant of the token. */
    public Set<String> roles() {
        return java.util.Collections.unmodifiableSet(roles);
    }

    /** Returns the permissions, including those that the caller has only in the tenant of the token. */
    public Set<String> permissions() {
        return java.util.Collections.unmodifiableSet(permissions);
    }

    /** Returns the roles that the caller has whatever the tenant. */
    public Set<String> globalRoles() {
        return java.util.Collections.unmodifiableSet(globalRoles);
    }

    /** Returns the permissions that the caller has whatever the tenant. */
    public Set<String> globalPermissions() {
        return java.util.Collections.unmodifiableSet(globalPermissions);
    }

    @Override
    public boolean hasRole(String role) {
        return roles.contains(role);
    }

    @Override
    public boolean hasPermission(String permission) {
        return permissions.contains(permission);
    }

    @Override
    public boolean hasGlobalRole(String role) {
        return globalRoles.contains(role);
    }

    @Override
    public boolean hasGlobalPermission(String permission) {
        return globalPermissions.contains(permission);
    }

    @Override
    public Optional<String> tenant() {
        return Optional.ofNullable(claims.tenant);
    }

    /** Returns the id of the session in which the token was issued, {@code sid}. */
    public Optional<String> session() {
        return Optional.ofNullable(claims.session);
    }

    /** Returns the id of the token, {@code jti}, or an empty text. */
    public String tokenId() {
        return claims.tokenId;
    }

    /** Returns true if the token was requested with less than the subject holds. */
    public boolean isNarrowed() {
        return claims.isNarrowed;
    }

    /** Returns the revision from which the token was issued. */
    public long revision() {
        return claims.revision;
    }

    /** Returns the era in which the token was issued, or an empty text. */
    public String era() {
        return claims.era;
    }

    /** Returns the time at which the token was issued. */
    public Instant issuedAt() {
        return Instant.ofEpochSecond(claims.issuedAt);
    }

    /** Returns the time at which the token expires. */
    public Instant expiresAt() {
        return Instant.ofEpochSecond(claims.expiresAt);
    }

    /** Returns the time at which the user last authenticated. */
    public Optional<Instant> authTime() {
        return Optional.ofNullable(claims.authTime).map(Instant::ofEpochSecond);
    }

    /** Returns the assurance of the session. */
    public Acr acr() {
        return claims.acr;
    }

    /** Returns the methods by which the user authenticated, as in RFC 8176: {@code pwd}, {@code otp}, {@code mfa}. */
    public List<String> methods() {
        return claims.methods;
    }

    /** Returns the audiences of the token. */
    public List<String> audience() {
        return claims.audience;
    }

    /** Returns the claims of the application. Numbers are {@link Long} or {@link Double}. */
    public Map<String, Object> claims() {
        return claims.other;
    }

    /** Returns true if the caller satisfies {@code rule}, for rules that depend on data, such as "the owner or an admin". */
    public boolean has(Rule rule) {
        return rule.admits(null, this);
    }

    /** Throws a {@link Denial} unless the caller satisfies {@code rule}; the starter answers it. */
    public void require(Rule rule) {
        if (!has(rule)) {
            throw refusal(rule, null);
        }
    }

    @Override
    public boolean isFresh(long seconds) {
        if (claims.authTime == null) {
            return false;
        }
        long age = Math.max(0, guard.clock().nowMicros() - claims.authTime * 1_000_000);
        return age / 1_000_000 <= seconds;
    }

    /** Returns the denial for a caller who does not satisfy {@code rule} on a path that names {@code tenant}. */
    Denial refusal(Rule rule, String tenant) {
        Optional<Long> maxAge = rule.maxAge();
        // a client has nobody who could sign in
        if (maxAge.isPresent() && !claims.isClient && rule.admits(tenant, new SignedInAgain(this))) {
            return Denial.stepUp(null, maxAge.get());
        }
        return Denial.forbidden(rule.missingScope(this));
    }

    /** A caller as after another sign-in. */
    private record SignedInAgain(Principal caller) implements Rule.Holder {
        @Override
        public boolean hasRole(String role) {
            return caller.hasRole(role);
        }

        @Override
        public boolean hasPermission(String permission) {
            return caller.hasPermission(permission);
        }

        @Override
        public boolean hasGlobalRole(String role) {
            return caller.hasGlobalRole(role);
        }

        @Override
        public boolean hasGlobalPermission(String permission) {
            return caller.hasGlobalPermission(permission);
        }

        @Override
        public Optional<String> tenant() {
            return caller.tenant();
        }

        @Override
        public boolean isFresh(long seconds) {
            return true;
        }
    }
}
