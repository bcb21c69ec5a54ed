package rolecall.spring;

import java.util.ArrayList;
import java.util.List;
import org.springframework.security.authentication.AbstractAuthenticationToken;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.SimpleGrantedAuthority;
import rolecall.Principal;

/**
 * The caller for Spring Security: {@code hasRole("admin")} and {@code hasAuthority("items:read")} work. Only what the caller holds
 * whatever the tenant is an authority.
 */
public final class RolecallAuthentication extends AbstractAuthenticationToken {
    private static final long serialVersionUID = 1;
    private final transient Principal caller;

    RolecallAuthentication(Principal caller) {
        super(authorities(caller));
        this.caller = caller;
        setAuthenticated(true);
    }

    private static List<GrantedAuthority> authorities(Principal caller) {
        List<GrantedAuthority> authorities = new ArrayList<>();
        caller.globalRoles().forEach(role -> authorities.add(new SimpleGrantedAuthority("ROLE_" + role)));
        caller.globalPermissions().forEach(name -> authorities.add(new SimpleGrantedAuthority(name)));
        return authorities;
    }

    @Override
    public Object getCredentials() {
        return "";
    }

    @Override
    public Principal getPrincipal() {
        return caller;
    }

    @Override
    public String getName() {
        return caller.subject();
    }
}
