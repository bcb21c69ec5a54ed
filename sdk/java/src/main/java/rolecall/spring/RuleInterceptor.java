package rolecall.spring;

import jakarta.servlet.DispatcherType;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.web.cors.CorsUtils;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.HandlerInterceptor;
import org.springframework.web.servlet.HandlerMapping;
import rolecall.Denial;
import rolecall.Guard;
import rolecall.Principal;
import rolecall.Rule;

/** Applies the rule of a handler before its arguments are read, so before the body is. What has no rule is refused. */
final class RuleInterceptor implements HandlerInterceptor {
    /** The request attribute with the caller. */
    static final String CALLER = RuleInterceptor.class.getName() + ".caller";
    /** A request with this attribute gets 204 in place of the handler. Only a test in this process can set it. */
    static final String PROBE = RuleInterceptor.class.getName() + ".probe";
    private static final Logger LOG = LoggerFactory.getLogger("rolecall");

    private final Guard guard;
    private final OpenPaths open;
    private final Map<Handler, Optional<Rule>> rules = new ConcurrentHashMap<>();

    private record Handler(Class<?> type, Method method) {
    }

    RuleInterceptor(Guard guard, OpenPaths open) {
        this.guard = guard;
        this.open = open;
    }

    @Override
    public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler) throws IOException {
        DispatcherType type = request.getDispatcherType();
        // an answer that was begun for an admitted request, or the answer to an error; no handler runs for a preflight
        if (type == DispatcherType.ASYNC || type == DispatcherType.ERROR || CorsUtils.isPreFlightRequest(request)) {
            return true;
        }
        Optional<Rule> rule = Optional.empty();
        if (handler instanceof HandlerMethod method) {
            rule = rules.computeIfAbsent(new Handler(method.getBeanType(), method.getMethod()), key -> Rules.of(method));
        }
        if (rule.isEmpty()) {
            if (open.matches(request)) {
                return true;
            }
            // static files, error pages, and what was added after the start
            response.sendError(request.getMethod().equals("OPTIONS") ? 405 : 404);
            return false;
        }
        List<String> authorization = Collections.list(request.getHeaders("Authorization"));
        Guard.Admission result = guard.admit(authorization, rule.get(), tenant(request));
        if (result.denial() != null) {
            refuse(request, response, rule.get(), result);
            return false;
        }
        if (Boolean.TRUE.equals(request.getAttribute(PROBE))) {
            response.setStatus(204);
            return false;
        }
        request.setAttribute(CALLER, result.caller());
        if (result.caller() != null) {
            SecurityContext context = SecurityContextHolder.createEmptyContext();
            context.setAuthentication(new RolecallAuthentication(result.caller()));
            SecurityContextHolder.setContext(context);
        }
        return true;
    }

    private static String tenant(HttpServletRequest request) {
        Object variables = request.getAttribute(HandlerMapping.URI_TEMPLATE_VARIABLES_ATTRIBUTE);
        return variables instanceof Map<?, ?> map && map.get("tenant") instanceof String tenant ? tenant : null;
    }

    private static void refuse(HttpServletRequest request, HttpServletResponse response, Rule rule, Guard.Admission result)
        throws IOException {
        Principal caller = result.caller();
        // a test of the access matrix is refused hundreds of times
        boolean isProbe = Boolean.TRUE.equals(request.getAttribute(PROBE));
        LOG.atLevel(isProbe ? Level.DEBUG : Level.INFO).log("refused {} {}: rule {}, subject {}, {}", request.getMethod(),
            request.getAttribute(HandlerMapping.BEST_MATCHING_PATTERN_ATTRIBUTE), rule, caller == null ? "none" : caller.subject(),
            result.denial().code());
        answer(response, result.denial(), rule, caller);
    }

    /** Writes a refusal; rule and caller can be null. */
    static void answer(HttpServletResponse response, Denial denial, Rule rule, Principal caller) throws IOException {
        byte[] body = denial.body(rule, caller).getBytes(StandardCharsets.UTF_8);
        response.setStatus(denial.status());
        denial.headers().forEach(response::setHeader);
        response.setContentLength(body.length);
        response.getOutputStream().write(body);
    }
}
