package rolecall

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	maxTokenAnswerBytes = 64 * 1024
	// defaultTokenLifetime is assumed for a token without expires_in.
	defaultTokenLifetime = time.Minute
)

// credentials are the client id and secret with which the guard authenticates to the issuer.
type credentials struct {
	id, secret string
}

// basic returns the value of the Authorization header; both parts are form-encoded (RFC 6749 section 2.3.1).
func (c credentials) basic() string {
	pair := url.QueryEscape(c.id) + ":" + url.QueryEscape(c.secret)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// clientToken is the access token with which the guard calls the issuer.
type clientToken struct {
	credentials credentials

	// mutex is held during a request, so that others wait for the same token.
	mutex sync.Mutex
	text  string
	// renewAt is the monotonic time at which to request a new one.
	renewAt time.Duration
}

// get returns the current token, or requests one (RFC 6749 section 4.4) once the metadata is loaded.
func (c *clientToken) get(r *remote) (string, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.text != "" && r.clock.Monotonic() < c.renewAt {
		return c.text, nil
	}
	endpoint, err := r.tokenEndpoint()
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "audience": {r.issuer.name}}
	header := http.Header{
		"Content-Type":  {"application/x-www-form-urlencoded"},
		"Authorization": {c.credentials.basic()},
	}
	sentAt := r.clock.Monotonic()
	answer, err := r.http.send(r.ctx, http.MethodPost, endpoint, header, []byte(form.Encode()), maxTokenAnswerBytes, answerTimeout)
	if err != nil {
		return "", err
	}
	if answer.status != http.StatusOK {
		return "", &statusError{"the request for a token", answer.status}
	}
	members, err := parseObject(answer.body, maxAnswerDepth)
	reader := claimReader{members: members}
	text := reader.required("access_token")
	lifetime := defaultTokenLifetime
	if value, has := members["expires_in"]; has && value != nil {
		const most = int64(365 * 24 * time.Hour / time.Second)
		lifetime = time.Duration(min(reader.integer("expires_in"), most)) * time.Second
	}
	if err != nil || reader.isInvalid || text == "" {
		return "", errors.New("the issuer's token cannot be parsed")
	}
	c.text, c.renewAt = text, sentAt+lifetime/5*4
	return text, nil
}

// forget drops a token that the issuer has refused, unless there is another one by now.
func (c *clientToken) forget(refused string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.text == refused {
		c.text = ""
	}
}

// tokenEndpoint returns the URL, after waiting until the metadata is loaded.
func (r *remote) tokenEndpoint() (string, error) {
	for {
		found, loaded := r.knownMetadata()
		if found != nil && found.token != "" {
			return found.token, nil
		}
		if found != nil {
			return "", errors.New("the metadata has no token endpoint")
		}
		select {
		case <-r.ctx.Done():
			return "", r.ctx.Err()
		case <-loaded:
		}
	}
}
