package rolecall

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxMetadataBytes = 64 * 1024
	answerTimeout    = 5 * time.Second
)

// issuer is an issuer with a valid URL.
type issuer struct {
	// name is the URL exactly as in tokens and metadata.
	name         string
	url          *url.URL
	insecureHTTP bool
}

// metadata holds the URLs that a guard needs. token is empty if the issuer has none.
type metadata struct {
	jwks, token string
}

func newIssuer(name string, insecureHTTP bool) (*issuer, error) {
	fail := func(why string) (*issuer, error) {
		return nil, errors.New("rolecall: keys cannot be loaded from the issuer: " + why)
	}
	if strings.ContainsAny(name, "?#@") {
		return fail("its URL has a query, a fragment or a user name")
	}
	parsed, err := url.Parse(name)
	if err != nil || parsed.Host == "" || parsed.Scheme == "" {
		return fail("it is not a URL")
	}
	i := &issuer{name: name, url: parsed, insecureHTTP: insecureHTTP}
	if !i.isSecure() && !i.allowsHTTP(parsed) {
		return fail("its URL is not https; take InsecureHTTP to allow that on a trusted network")
	}
	return i, nil
}

func (i *issuer) isSecure() bool {
	return i.url.Scheme == "https"
}

func (i *issuer) allowsHTTP(address *url.URL) bool {
	return address.Scheme == "http" && (i.insecureHTTP || isLoopback(address))
}

func isLoopback(address *url.URL) bool {
	host := address.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// urlOf returns the URL of a path below the issuer.
func (i *issuer) urlOf(path string) string {
	return strings.TrimRight(i.name, "/") + path
}

// check returns an error for a URL from the metadata that is less secure than the issuer's own.
func (i *issuer) check(text string) error {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" {
		return errAddress
	}
	// metadata that was loaded over TLS must not lead to plain http
	if address.Scheme == "https" || !i.isSecure() && i.allowsHTTP(address) {
		return nil
	}
	return errAddress
}

// metadataURLs returns the URLs where metadata may be. RFC 8414 section 3.1 inserts the well-known part before the issuer's
// path, OpenID Connect appends it.
func (i *issuer) metadataURLs() [2]string {
	path := strings.TrimRight(i.url.EscapedPath(), "/")
	origin := strings.TrimSuffix(strings.TrimRight(i.name, "/"), path)
	return [2]string{origin + "/.well-known/oauth-authorization-server" + path, i.urlOf("/.well-known/openid-configuration")}
}

// discover loads the URLs of the issuer's keys and token endpoint.
func (i *issuer) discover(ctx context.Context, f *fetcher) (*metadata, error) {
	urls := i.metadataURLs()
	answer, err := f.get(ctx, urls[0], maxMetadataBytes, answerTimeout)
	if err == nil && answer.status == http.StatusNotFound {
		answer, err = f.get(ctx, urls[1], maxMetadataBytes, answerTimeout)
	}
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK {
		return nil, &statusError{"the request for the metadata", answer.status}
	}
	members, err := parseObject(answer.body, maxAnswerDepth)
	reader := claimReader{members: members}
	name, jwks := reader.required("issuer"), reader.required("jwks_uri")
	token := reader.nullable("token_endpoint")
	if err != nil || reader.isInvalid {
		return nil, errors.New("the issuer's metadata cannot be parsed")
	}
	// RFC 8414 section 3.3: the issuer must be identical, so that no server can act for another one
	if name != i.name {
		return nil, errors.New("the metadata names another issuer")
	}
	if err := i.check(jwks); err != nil {
		return nil, err
	}
	if token != nil {
		if err := i.check(*token); err != nil {
			return nil, err
		}
	}
	return &metadata{jwks, valueOf(token)}, nil
}

// nullable takes a text that can be missing or null, as the answers of an issuer have it.
func (r *claimReader) nullable(name string) *string {
	if value, has := r.members[name]; has && value == nil {
		delete(r.members, name)
		return nil
	}
	return r.optional(name)
}
