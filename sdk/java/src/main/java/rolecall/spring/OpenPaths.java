package rolecall.spring;

import jakarta.servlet.http.HttpServletRequest;
import java.util.Collection;
import java.util.List;
import org.springframework.http.server.PathContainer;
import org.springframework.web.util.ServletRequestPathUtils;
import org.springframework.web.util.pattern.PathPattern;
import org.springframework.web.util.pattern.PathPatternParser;

/** The paths of {@code rolecall.open}. */
final class OpenPaths {
    private final List<PathPattern> patterns;

    OpenPaths(List<String> patterns) {
        this.patterns = patterns.stream().map(PathPatternParser.defaultInstance::parse).toList();
    }

    boolean matches(HttpServletRequest request) {
        PathContainer path = ServletRequestPathUtils.hasParsedRequestPath(request)
            ? ServletRequestPathUtils.getParsedRequestPath(request).pathWithinApplication()
            : PathContainer.parsePath(request.getRequestURI());
        return patterns.stream().anyMatch(pattern -> pattern.matches(path));
    }

    /** Returns true if all requests for these patterns are open. */
    boolean cover(Collection<String> mapped) {
        return !mapped.isEmpty() && mapped.stream().allMatch(this::covers);
    }

    private boolean covers(String mapped) {
        return patterns.stream().map(PathPattern::getPatternString).anyMatch(open -> open.equals(mapped)
            || open.endsWith("/**") && mapped.startsWith(open.substring(0, open.length() - 2)));
    }
}
