package rolecall.spring;

import java.time.Duration;
import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;

/** The settings of the starter, below {@code rolecall}. */
@ConfigurationProperties("rolecall")
public class RolecallProperties {
    /** The URL of the issuer whose tokens are accepted. */
    private String issuer = "";
    /** The audiences of which a token needs one; the issuer by default. */
    private List<String> audiences = List.of();
    /** The client that reads the feed of revocations, with the role rolecall.resource-server. */
    private String clientId;
    /** The secret of the client. */
    private String clientSecret;
    /** The time without news from the feed after which requests get 503. */
    private Duration maxStaleness = Duration.ofSeconds(30);
    /** True for an issuer that is not rolecall, whose tokens may lack client_id and jti. */
    private boolean foreign;
    /** True to allow an issuer with a plain http URL on another machine. */
    private boolean insecureHttp;
    /** Paths that are open without an annotation, such as /actuator/health or /css/**: handlers that are no methods of yours. */
    private List<String> open = List.of();

    public String getIssuer() {
        return issuer;
    }

    public void setIssuer(String issuer) {
        this.issuer = issuer;
    }

    public List<String> getAudiences() {
        return audiences;
    }

    public void setAudiences(List<String> audiences) {
        this.audiences = audiences;
    }

    public String getClientId() {
        return clientId;
    }

    public void setClientId(String clientId) {
        this.clientId = clientId;
    }

    public String getClientSecret() {
        return clientSecret;
    }

    public void setClientSecret(String clientSecret) {
        this.clientSecret = clientSecret;
    }

    public Duration getMaxStaleness() {
        return maxStaleness;
    }

    public void setMaxStaleness(Duration maxStaleness) {
        this.maxStaleness = maxStaleness;
    }

    public boolean isForeign() {
        return foreign;
    }

    public void setForeign(boolean foreign) {
        this.foreign = foreign;
    }

    public boolean isInsecureHttp() {
        return insecureHttp;
    }

    public void setInsecureHttp(boolean insecureHttp) {
        this.insecureHttp = insecureHttp;
    }

    public List<String> getOpen() {
        return open;
    }

    public void setOpen(List<String> open) {
        this.open = open;
    }
}
