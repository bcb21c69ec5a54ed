package rolecall.spring;

import jakarta.servlet.Servlet;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.ApplicationContext;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.DispatcherServlet;
import org.springframework.web.servlet.HandlerMapping;
import org.springframework.web.servlet.function.support.RouterFunctionMapping;
import org.springframework.web.servlet.handler.AbstractUrlHandlerMapping;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.RequestMappingInfoHandlerMapping;
import org.springframework.web.servlet.resource.ResourceHttpRequestHandler;
import rolecall.Rule;

/** Refuses to start an application with a mapping that has no rule. */
final class StartCheck implements SmartInitializingSingleton {
    private final ApplicationContext context;
    private final OpenPaths open;

    StartCheck(ApplicationContext context, OpenPaths open) {
        this.context = context;
        this.open = open;
    }

    @Override
    public void afterSingletonsInstantiated() {
        List<String> faults = new ArrayList<>();
        context.getBeansOfType(HandlerMapping.class).values().forEach(mapping -> check(mapping, faults));
        context.getBeansOfType(ServletRegistrationBean.class).values().stream()
            .filter(bean -> !(bean.getServlet() instanceof DispatcherServlet))
            .forEach(bean -> checkServlet(bean.getUrlMappings(), bean.getServletName(), faults));
        context.getBeansOfType(Servlet.class).forEach((name, servlet) -> {
            if (!(servlet instanceof DispatcherServlet)) {
                checkServlet(Set.of(), name, faults);
            }
        });
        if (!faults.isEmpty()) {
            throw new IllegalStateException("rolecall refuses to start, since these mappings have no access rule:\n  "
                + String.join("\n  ", faults)
                + "\nAdd @RequireRole, @RequirePermission, @RequireToken or @Open to the method or its class. For handlers that "
                + "are not yours, list their paths in the property `rolecall.open`.");
        }
    }

    private void check(HandlerMapping mapping, List<String> faults) {
        if (mapping instanceof RequestMappingInfoHandlerMapping methods) {
            methods.getHandlerMethods().forEach((info, handler) -> check(info, handler, faults));
        } else if (mapping instanceof AbstractUrlHandlerMapping urls) {
            urls.getHandlerMap().forEach((path, handler) -> {
                // static files are in every application: the interceptor refuses those that are not open
                if (!(handler instanceof ResourceHttpRequestHandler) && !open.cover(Set.of(path))) {
                    faults.add(path + " (" + handler.getClass().getSimpleName() + ")");
                }
            });
        } else if (mapping instanceof RouterFunctionMapping functions && functions.getRouterFunction() != null) {
            faults.add("functional endpoints, which have no annotations: write them as controllers");
        }
    }

    private void check(RequestMappingInfo info, HandlerMethod handler, List<String> faults) {
        // `/error` answers only requests that failed: the interceptor refuses others
        boolean isErrorPage = java.util.Arrays.stream(org.springframework.util.ClassUtils.getAllInterfacesForClass(
            handler.getBeanType())).anyMatch(type -> type.getSimpleName().equals("ErrorController"));
        if (isErrorPage) {
            return;
        }
        String shown = info + " (" + handler.getShortLogMessage() + ")";
        try {
            Optional<Rule> rule = Rules.of(handler);
            if (rule.isEmpty() && !open.cover(info.getPatternValues())) {
                faults.add(shown);
            }
            boolean namesTenant = info.getPatternValues().stream().allMatch(path -> path.split("\\{tenant}", -1).length == 2);
            if (rule.isPresent() && rule.get().needsTenant() && !namesTenant) {
                faults.add(shown + ": @ForTenant needs exactly one `{tenant}` in the path");
            }
        } catch (IllegalArgumentException fault) {
            faults.add(shown + ": " + fault.getMessage());
        }
    }

    private void checkServlet(Collection<?> mappings, String name, List<String> faults) {
        List<String> paths = mappings.stream().map(path -> path.toString().replaceAll("/\\*$", "/**")).toList();
        if (!open.cover(paths)) {
            faults.add("servlet " + name + " " + paths);
        }
    }

    /** Returns the rules of all handlers, by mapping, for the access matrix. */
    static Map<RequestMappingInfo, Rule> rules(ApplicationContext context) {
        Map<RequestMappingInfo, Rule> rules = new java.util.LinkedHashMap<>();
        context.getBeansOfType(RequestMappingInfoHandlerMapping.class).values().forEach(mapping ->
            mapping.getHandlerMethods().forEach((info, handler) -> Rules.of(handler).ifPresent(rule -> rules.put(info, rule))));
        return rules;
    }
}
