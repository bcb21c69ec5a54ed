package rolecall;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The access matrix of an application: which role may call which route. Its text is the content of {@code access.lock}. */
public final class AccessMatrix {
    /**
     * A route and its rule.
     *
     * @param method the HTTP method
     * @param path the path, with parameters such as {@code {id}}
     * @param rule the rule
     */
    public record Route(String method, String path, Rule rule) {
    }

    /**
     * An imaginary caller.
     *
     * @param roles the roles
     * @param permissions the permissions
     * @param ofTenant the tenant for which the token is issued, in which alone the caller holds them, or null
     * @param isStale true for a sign-in that is too old for every rule that limits its age
     */
    public record Caller(Set<String> roles, Set<String> permissions, String ofTenant, boolean isStale)
        implements Rule.Holder {
        private static final Caller NOBODY = new Caller(Set.of(), Set.of(), null, false);

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
            return ofTenant == null && hasRole(role);
        }

        @Override
        public boolean hasGlobalPermission(String permission) {
            return ofTenant == null && hasPermission(permission);
        }

        @Override
        public Optional<String> tenant() {
            return Optional.ofNullable(ofTenant);
        }

        @Override
        public boolean isFresh(long seconds) {
            return !isStale;
        }

        private Caller in(String tenant) {
            return new Caller(roles, permissions, tenant, isStale);
        }

        /** Adds roles and permissions that are written as in a scope. */
        private Caller with(List<String> names) {
            Set<String> moreRoles = new LinkedHashSet<>(roles);
            Set<String> morePermissions = new LinkedHashSet<>(permissions);
            for (String name : names) {
                if (name.startsWith("role:")) {
                    moreRoles.add(name.substring(5));
                } else {
                    morePermissions.add(name);
                }
            }
            return new Caller(moreRoles, morePermissions, ofTenant, isStale);
        }
    }

    /** The status and challenge of an answer. */
    public record Answer(int status, String challenge) {
    }

    /** Requests a route of the application, whose handlers must not run: admitted callers get 204. */
    public interface Requests {
        /** Sends a request; the token can be null. */
        Answer send(String method, String path, String token) throws Exception;
    }

    private static final String SOME_TENANT = "rolecall-test";
    private static final String OTHER_TENANT = "rolecall-test-other";

    private final List<Route> routes;
    private final List<String> roles;

    private AccessMatrix(List<Route> routes, List<String> roles) {
        this.routes = routes;
        this.roles = roles;
    }

    /** Returns the matrix of these routes, with a column for each of these roles; without any, for each that a rule names. */
    public static AccessMatrix of(List<Route> routes, List<String> roles) {
        // sorted, so that moving code does not change the file
        List<Route> sorted = routes.stream().sorted(Comparator.comparing(Route::path, Utf8Order.BYTES)
            .thenComparing(Route::method)).toList();
        List<String> columns = roles.stream().distinct().toList();
        if (columns.isEmpty()) {
            columns = List.copyOf(Utf8Order.of(routes.stream().flatMap(route -> route.rule.names().stream())
                .filter(name -> name.startsWith("role:")).map(name -> name.substring(5)).toList()));
        }
        return new AccessMatrix(sorted, columns);
    }

    private static List<String> permissionsOf(Rule rule) {
        return rule.names().stream().filter(name -> !name.startsWith("role:")).toList();
    }

    /** Returns with which tokens a caller is admitted: without a tenant, for any other one, or for that of the path. */
    private static String admission(Rule rule, Caller caller) {
        if (rule.admits(SOME_TENANT, caller)) {
            return "ok";
        }
        if (rule.admits(SOME_TENANT, caller.in(OTHER_TENANT))) {
            return "any";
        }
        return rule.admits(SOME_TENANT, caller.in(SOME_TENANT)) ? "own" : "403";
    }

    private static String cell(Rule rule, String role) {
        Caller caller = Caller.NOBODY.with(List.of("role:" + role));
        String result = admission(rule, caller);
        // the role may give permissions that are not known here
        boolean depends = result.equals("403") && !admission(rule, caller.with(permissionsOf(rule))).equals("403");
        return depends ? "?" : result;
    }

    /** Returns the content of {@code access.lock}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("# Who may call what, derived from the annotations of the handlers.\n"
            + "# ok = let in, 401 = not authenticated, 403 = not permitted, ? = depends on the permissions of the role\n");
        legend(text, Rule::needsTenant, "own = let in with a token for the tenant that the path names, 403 with any other");
        legend(text, rule -> rule.kind == Rule.Kind.IN_TENANT, "any = let in with a token for any tenant, 403 with one for none");
        legend(text, rule -> rule.maxAge().isPresent(), "signed in within = 401 with a token of an older sign-in");
        text.append("# Written by the tests: `ROLECALL_BLESS=1 mvn test` writes it again, and a review reads the difference.\n\n");
        List<String> titles = new ArrayList<>(List.of("anonymous", "any token"));
        titles.addAll(roles);
        titles.forEach(title -> text.append(title).append("  "));
        text.append("| route\n");
        for (Route route : routes) {
            // widths depend only on the titles, so that a new route does not change other lines
            for (int i = 0; i < titles.size(); i++) {
                String cell = switch (i) {
                    case 0 -> route.rule.admitsAnonymous() ? "ok" : "401";
                    case 1 -> admission(route.rule, Caller.NOBODY);
                    default -> cell(route.rule, titles.get(i));
                };
                text.append(cell).append(" ".repeat(Math.max(0, titles.get(i).length() + 2 - cell.length())));
            }
            text.append("| %s %s for %s%n".formatted(route.method, route.path, route.rule.audience()).replace("\r", ""));
        }
        return text.toString();
    }

    private void legend(StringBuilder text, Predicate<Rule> isUsed, String line) {
        if (routes.stream().map(Route::rule).anyMatch(isUsed)) {
            text.append("# ").append(line).append('\n');
        }
    }

    /**
     * Requests every cell, and each route as callers with slightly more or less than its rule needs.
     *
     * @throws AssertionError for the first answer that is not as the matrix shows
     */
    public void check(Requests requests, Function<Caller, String> token) throws Exception {
        for (Route route : routes) {
            String path = route.path.replaceAll("\\{[^}]*}", SOME_TENANT);
            Denial anonymous = route.rule.admitsAnonymous() ? null : Denial.NOT_AUTHENTICATED;
            expect(route, requests.send(route.method, path, null), anonymous, "anonymous");
            Denial invalid = route.rule.kind == Rule.Kind.PUBLIC ? null : Denial.INVALID_TOKEN;
            expect(route, requests.send(route.method, path, "not.a.token"), invalid, "a token that is not valid");
            for (Caller caller : (Iterable<Caller>) callers(route.rule)::iterator) {
                Denial denial = null;
                if (!route.rule.admits(SOME_TENANT, caller)) {
                    boolean isTooOld = caller.isStale
                        && route.rule.admits(SOME_TENANT, new Caller(caller.roles, caller.permissions, caller.ofTenant, false));
                    denial = isTooOld ? Denial.stepUp(null, route.rule.maxAge().orElseThrow())
                        : Denial.forbidden(route.rule.missingScope(caller));
                }
                expect(route, requests.send(route.method, path, token.apply(caller)), denial, caller.toString());
            }
        }
    }

    /** Callers with each role, with all names of the rule, with all but one, and with only one, in three tenants. */
    private Stream<Caller> callers(Rule rule) {
        List<String> names = rule.names();
        List<Caller> callers = new ArrayList<>(List.of(Caller.NOBODY, Caller.NOBODY.with(names)));
        for (String role : roles) {
            Caller caller = Caller.NOBODY.with(List.of("role:" + role));
            callers.addAll(List.of(caller, caller.with(permissionsOf(rule))));
        }
        for (String name : names) {
            List<String> others = names.stream().filter(other -> !other.equals(name)).toList();
            callers.addAll(List.of(Caller.NOBODY.with(List.of(name)), Caller.NOBODY.with(others)));
        }
        if (rule.maxAge().isPresent()) {
            Caller holder = Caller.NOBODY.with(names);
            callers.add(new Caller(holder.roles, holder.permissions, null, true));
        }
        return callers.stream().flatMap(one -> Stream.of(one, one.in(SOME_TENANT), one.in(OTHER_TENANT)));
    }

    private static void expect(Route route, Answer actual, Denial denial, String title) {
        Answer expected = denial == null ? new Answer(204, null) : new Answer(denial.status(), denial.challenge());
        if (!actual.equals(expected)) {
            throw new AssertionError(
                "%s %s for %s: expected %s, got %s".formatted(route.method, route.path, title, expected, actual));
        }
    }
}
