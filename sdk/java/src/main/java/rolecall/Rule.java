package rolecall;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The access rule of a route: what a caller needs. */
public final class Rule {
    /** A caller, as far as rules need to know it. */
    interface Holder {
        /** Returns true if the caller has the role, be it only in the tenant of the token. */
        boolean hasRole(String role);

        /** Returns true if the caller has the permission, be it only in the tenant of the token. */
        boolean hasPermission(String permission);

        /** Returns true if the caller has the role whatever the tenant. */
        boolean hasGlobalRole(String role);

        /** Returns true if the caller has the permission whatever the tenant. */
        boolean hasGlobalPermission(String permission);

        /** Returns the tenant for which the token was issued. */
        Optional<String> tenant();

        /** Returns true if the user signed in at most so many seconds ago. */
        boolean isFresh(long seconds);
    }

    enum Kind { PUBLIC, OPTIONAL, AUTHENTICATED, ROLE, PERMISSION, ANY, ALL, FOR_TENANT, IN_TENANT, FRESH }

    final Kind kind;
    private final String name;
    private final List<Rule> rules;
    private final long seconds;

    private Rule(Kind kind, String name, List<Rule> rules, long seconds) {
        this.kind = kind;
        this.name = name;
        this.rules = List.copyOf(rules);
        this.seconds = seconds;
    }

    /** Opens a route on purpose. Credentials are ignored. */
    public static Rule open() {
        return new Rule(Kind.PUBLIC, "", List.of(), 0);
    }

    /** Opens a route, identifies a caller with an access token, and refuses an invalid token. */
    public static Rule optional() {
        return new Rule(Kind.OPTIONAL, "", List.of(), 0);
    }

    /** Needs a valid access token. */
    public static Rule authenticated() {
        return new Rule(Kind.AUTHENTICATED, "", List.of(), 0);
    }

    /** Needs the role. */
    public static Rule role(String name) {
        require(isName(name), "`%s` is not the name of a role: write 1 to 64 of a-z, 0-9, `.`, `_` and `-`", name);
        return new Rule(Kind.ROLE, name, List.of(), 0);
    }

    /** Needs the permission, such as {@code items:read}. */
    public static Rule permission(String name) {
        int colon = name.indexOf(':');
        boolean isValid = colon > 0 && isName(name.substring(0, colon)) && isName(name.substring(colon + 1))
            && !name.startsWith("role:");
        require(isValid, "`%s` is not a permission: write `object:operation`, such as `items:read`", name);
        return new Rule(Kind.PERMISSION, name, List.of(), 0);
    }

    /** Needs at least one of the rules. */
    public static Rule any(List<Rule> rules) {
        return list(Kind.ANY, rules);
    }

    /** Needs all of the rules. */
    public static Rule all(List<Rule> rules) {
        return list(Kind.ALL, rules);
    }

    private static Rule list(Kind kind, List<Rule> rules) {
        require(!rules.isEmpty(), "`any` and `all` need at least one rule");
        for (Rule rule : rules) {
            checkPart(rule);
            boolean isWrapper = rule.kind == Kind.FOR_TENANT || rule.kind == Kind.IN_TENANT || rule.kind == Kind.FRESH;
            require(!isWrapper, "`%s` cannot stand in `any` or `all`: write it around the list", rule);
        }
        Rule list = new Rule(kind, "", rules, 0);
        require(list.depth() <= 2, "`any` and `all` nest at most 2 deep");
        return list;
    }

    /** Needs the rule, and a token for the tenant that the path's {@code {tenant}} names. */
    public static Rule forTenant(Rule rule) {
        return new Rule(Kind.FOR_TENANT, "", List.of(checkPart(rule)), 0);
    }

    /** Needs the rule, and a token for any tenant; the handler must limit the data to {@link Principal#tenant}. */
    public static Rule inTenant(Rule rule) {
        return new Rule(Kind.IN_TENANT, "", List.of(checkPart(rule)), 0);
    }

    /** Needs the rule, and that the user signed in at most {@code age} ago, in whole seconds (RFC 9470). */
    public static Rule fresh(Rule rule, Duration age) {
        return new Rule(Kind.FRESH, "", List.of(checkPart(rule)), Math.max(0, age.toSeconds()));
    }

    private static Rule checkPart(Rule rule) {
        require(!rule.admitsAnonymous(), "`%s` cannot be a part of another rule, since it admits callers without a token", rule);
        return rule;
    }

    private static void require(boolean holds, String message, Object... arguments) {
        if (!holds) {
            throw new IllegalArgumentException(message.formatted(arguments));
        }
    }

    private static boolean isName(String text) {
        return text.matches("[a-z0-9][a-z0-9._-]{0,63}");
    }

    /** Returns true if callers without an access token are admitted. */
    public boolean admitsAnonymous() {
        return kind == Kind.PUBLIC || kind == Kind.OPTIONAL;
    }

    /** Returns true if the rule compares the tenant of the path. */
    public boolean needsTenant() {
        return kind == Kind.FOR_TENANT || rules.stream().anyMatch(Rule::needsTenant);
    }

    /** Returns true if a caller with a valid token is admitted on a path that names {@code tenant}, which can be null. */
    boolean admits(String tenant, Holder holder) {
        return evaluate(tenant, holder, false);
    }

    /** Decides; with {@code inTenant}, what is held in the tenant of the token counts beside what is held globally. */
    private boolean evaluate(String tenant, Holder holder, boolean inTenant) {
        return switch (kind) {
            case PUBLIC, OPTIONAL, AUTHENTICATED -> true;
            // INVARIANT: what is held in a tenant satisfies only rules that look at the tenant
            case ROLE -> holder.hasGlobalRole(name) || inTenant && holder.hasRole(name);
            case PERMISSION -> holder.hasGlobalPermission(name) || inTenant && holder.hasPermission(name);
            case ANY -> rules.stream().anyMatch(rule -> rule.evaluate(tenant, holder, inTenant));
            case ALL -> rules.stream().allMatch(rule -> rule.evaluate(tenant, holder, inTenant));
            case FRESH -> holder.isFresh(seconds) && rules.get(0).evaluate(tenant, holder, inTenant);
            // INVARIANT: a path and a token without tenants do not match
            case FOR_TENANT -> tenant != null && holder.tenant().filter(tenant::equals).isPresent()
                && rules.get(0).evaluate(tenant, holder, true);
            case IN_TENANT -> holder.tenant().filter(own -> !own.isEmpty()).isPresent()
                && rules.get(0).evaluate(tenant, holder, true);
        };
    }

    /** Returns the roles and permissions that the rule needs, as in a challenge; empty if it needs none. */
    public String scope() {
        return switch (kind) {
            case PUBLIC, OPTIONAL, AUTHENTICATED -> "";
            case ROLE -> "role:" + name;
            case PERMISSION -> name;
            case FOR_TENANT, IN_TENANT, FRESH, ANY -> rules.get(0).scope();
            case ALL -> rules.stream().flatMap(rule -> List.of(rule.scope().split(" ")).stream())
                .filter(one -> !one.isEmpty()).distinct().collect(Collectors.joining(" "));
        };
    }

    /** Returns the scope that a refused caller needs; empty if only the tenant is wrong or the sign-in is too old. */
    String missingScope(Holder holder) {
        boolean isInTenant = kind == Kind.FOR_TENANT || kind == Kind.IN_TENANT;
        if (isInTenant && rules.get(0).evaluate(null, holder, true)
            || kind == Kind.FRESH && rules.get(0).admits(null, holder)) {
            return "";
        }
        return scope();
    }

    /** Returns the most seconds since the sign-in of the user, if the rule or a part of it limits them. */
    Optional<Long> maxAge() {
        List<Long> ages = new ArrayList<>();
        if (kind == Kind.FRESH) {
            ages.add(seconds);
        }
        rules.forEach(rule -> rule.maxAge().ifPresent(ages::add));
        return ages.stream().min(Long::compare);
    }

    /** Returns all roles and permissions that the rule mentions, in order, each written as in a scope. */
    public List<String> names() {
        if (kind == Kind.ROLE || kind == Kind.PERMISSION) {
            return List.of(scope());
        }
        LinkedHashSet<String> names = new LinkedHashSet<>();
        rules.forEach(rule -> names.addAll(rule.names()));
        return List.copyOf(names);
    }

    private int depth() {
        int inner = rules.stream().mapToInt(Rule::depth).max().orElse(0);
        return kind == Kind.ANY || kind == Kind.ALL ? inner + 1 : inner;
    }

    /** Returns the rule in words, as the access matrix, the answers and the log show it. */
    @Override
    public String toString() {
        String list = rules.stream().map(Rule::toString).collect(Collectors.joining(", "));
        return switch (kind) {
            case PUBLIC -> "public";
            case OPTIONAL -> "optional";
            case AUTHENTICATED -> "authenticated";
            case ROLE, PERMISSION -> scope();
            case ANY -> "any of (" + list + ")";
            case ALL -> "all of (" + list + ")";
            case FOR_TENANT -> list + " in the path's tenant";
            case IN_TENANT -> list + " in the token's tenant";
            case FRESH -> list + ", signed in within " + seconds + " s";
        };
    }

    /** Describes in words who is admitted, for the access matrix. */
    String audience() {
        return switch (kind) {
            case PUBLIC -> "everyone";
            case OPTIONAL -> "everyone, with or without a token";
            case AUTHENTICATED -> "any token";
            case PERMISSION -> "holders of " + name;
            case FOR_TENANT -> rules.get(0).audience() + " in the path's tenant";
            case IN_TENANT -> rules.get(0).audience() + " in the token's tenant";
            case FRESH -> rules.get(0).audience() + ", signed in within " + seconds + " s";
            default -> toString();
        };
    }
}
