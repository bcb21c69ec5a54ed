package rolecall.spring;

import java.lang.reflect.AnnotatedElement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.web.method.HandlerMethod;
import rolecall.Rule;

/** Reads the rule of a handler from its annotations. */
final class Rules {
    private Rules() {
    }

    /**
     * Returns the rule of a handler: that of the method, or else that of its class.
     *
     * @throws IllegalArgumentException if the annotations contradict each other or name something that cannot exist
     */
    static Optional<Rule> of(HandlerMethod handler) {
        Optional<Rule> own = of(handler.getMethod());
        return own.isPresent() ? own : of(handler.getBeanType());
    }

    private static Optional<Rule> of(AnnotatedElement element) {
        List<Rule> needed = new ArrayList<>();
        find(element, RequireRole.class).ifPresent(found -> needed.add(anyOf(found.value())));
        find(element, RequirePermission.class).ifPresent(found ->
            Arrays.stream(found.value()).map(Rule::permission).forEach(needed::add));
        if (find(element, RequireToken.class).isPresent()) {
            needed.add(Rule.authenticated());
        }
        Optional<Open> open = find(element, Open.class);
        boolean isForTenant = find(element, ForTenant.class).isPresent();
        boolean isInTenant = find(element, InTenant.class).isPresent();
        Optional<FreshSignIn> fresh = find(element, FreshSignIn.class);
        if (open.isPresent()) {
            if (!needed.isEmpty() || isForTenant || isInTenant || fresh.isPresent()) {
                throw new IllegalArgumentException("@Open and another rule contradict each other");
            }
            return Optional.of(open.get().identify() ? Rule.optional() : Rule.open());
        }
        if (needed.isEmpty()) {
            if (isForTenant || isInTenant || fresh.isPresent()) {
                throw new IllegalArgumentException(
                    "@ForTenant, @InTenant and @FreshSignIn narrow a rule: add @RequireRole, @RequirePermission or @RequireToken");
            }
            return Optional.empty();
        }
        Rule rule = needed.size() == 1 ? needed.get(0) : Rule.all(needed);
        if (fresh.isPresent()) {
            if (fresh.get().seconds() <= 0) {
                throw new IllegalArgumentException("no sign-in is 0 seconds old: allow @FreshSignIn at least a second");
            }
            rule = Rule.fresh(rule, Duration.ofSeconds(fresh.get().seconds()));
        }
        if (isForTenant && isInTenant) {
            throw new IllegalArgumentException("@ForTenant and @InTenant contradict each other");
        }
        rule = isForTenant ? Rule.forTenant(rule) : rule;
        return Optional.of(isInTenant ? Rule.inTenant(rule) : rule);
    }

    private static Rule anyOf(String[] roles) {
        List<Rule> rules = Arrays.stream(roles).map(Rule::role).toList();
        return rules.size() == 1 ? rules.get(0) : Rule.any(rules);
    }

    private static <A extends java.lang.annotation.Annotation> Optional<A> find(AnnotatedElement element, Class<A> type) {
        return Optional.ofNullable(AnnotatedElementUtils.findMergedAnnotation(element, type));
    }
}
