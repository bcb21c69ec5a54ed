package rolecall

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// maxAnswerWait limits how long a request waits for news.
const maxAnswerWait = time.Second

// Guard verifies access tokens and applies access rules. It is safe for use by several goroutines. Make it with [New].
type Guard struct {
	verifier verifier
	clock    Clock
	log      *slog.Logger
	state    *State
	// hasFeed is true if the state knows floors and era, and not only keys.
	hasFeed       bool
	maxStaleness  time.Duration
	acceptsStale  bool
	warnedOfStale atomic.Bool
	verified      *cache
	remote        *remote
	// isProbe is true to answer 204 in place of the handler, for tests of the access matrix.
	isProbe bool
}

// Verify verifies an access token, for code outside of HTTP: a message broker, a job. The error is a [*Denial].
//
// It waits, at most a second, where the guard cannot know: until it has asked for the newest revision, if the token is
// above the one it knows, and until it has heard news, if its state is older than it becomes while all is well.
func (g *Guard) Verify(ctx context.Context, token string) (*Principal, error) {
	p, denial := g.verifyCurrent(ctx, token)
	if denial != nil {
		return nil, denial
	}
	return p, nil
}

func (g *Guard) verifyCurrent(ctx context.Context, token string) (*Principal, *Denial) {
	p, denial := g.verify(token)
	if denial != nil || !g.awaitNews(ctx, p) {
		return p, denial
	}
	return g.verify(token)
}

// verify decides with what the guard knows now.
func (g *Guard) verify(token string) (*Principal, *Denial) {
	// checked first, so that nothing long is hashed or cached
	if len(token) > maxTokenBytes {
		return nil, InvalidToken
	}
	if !g.isFreshEnough() {
		return nil, Unavailable
	}
	now := nowOf(g.clock)
	snapshot := g.state.current.Load()
	p, denial := g.findOrVerify(token, snapshot, now)
	if denial != nil {
		return nil, denial
	}
	// INVARIANT: everything that can change after a token was verified is checked on every request
	if now >= seconds(p.claims.exp) || g.hasEnded(snapshot, p) {
		return nil, EndedToken
	}
	return p, nil
}

func (g *Guard) hasEnded(snapshot *snapshot, p *Principal) bool {
	return g.hasFeed && (snapshot.hasEnded(p.claims) || g.standing(p) == standingBeyond)
}

func (g *Guard) standing(p *Principal) standing {
	if !g.hasFeed {
		return standingKnown
	}
	return g.state.newest.standing(p.claims.rev, &p.question, g.clock.Monotonic)
}

// findOrVerify returns the caller from the cache, or verifies the token and caches its caller.
func (g *Guard) findOrVerify(token string, snapshot *snapshot, now micros) (*Principal, *Denial) {
	key := digestOf(token)
	if entry := g.verified.get(key); entry != nil {
		c := entry.principal.claims
		if snapshot.keys.contains(c.key) && now >= entry.validFrom {
			if now >= seconds(c.exp) {
				g.verified.remove(key)
			}
			return entry.principal, nil
		}
		g.verified.remove(key)
	}
	if snapshot.keys.Len() == 0 {
		return nil, Unavailable
	}
	claims, fault := g.verifier.verify(snapshot.keys, token, now)
	switch fault {
	case "":
	case reasonEnded:
		return nil, EndedToken
	case reasonUnknownKey:
		// try again if the keys are being loaded
		if g.remote != nil && g.remote.requestKeys() {
			return nil, Unavailable
		}
		fallthrough
	default:
		g.log.Debug("an access token is not valid", "reason", string(fault))
		return nil, InvalidToken
	}
	p := newPrincipal(claims, g)
	g.verified.put(key, &cacheEntry{p, seconds(claims.nbf) - micros(leeway.Microseconds())})
	return p, nil
}

// digestOf returns the digest of the whole token. Most tokens are copied to the stack, which saves an allocation.
func digestOf(token string) cacheKey {
	var short [1024]byte
	if len(token) > len(short) {
		return cacheKey(sha256.Sum256([]byte(token)))
	}
	return cacheKey(sha256.Sum256(short[:copy(short[:], token)]))
}

// isFreshEnough returns false if the state is too old to decide.
func (g *Guard) isFreshEnough() bool {
	if !g.hasFeed {
		return true
	}
	if g.state.Age() <= g.maxStaleness {
		g.warnedOfStale.Store(false)
		return true
	}
	// INVARIANT: a state that was never loaded is refused, since it is not merely old
	if !g.acceptsStale || !g.state.isKnown() {
		return false
	}
	// once each time the state becomes stale, not once for each request
	if !g.warnedOfStale.Swap(true) {
		g.log.Warn("the guard's state is stale: revoked access may still work", "age", g.state.Age())
	}
	return true
}

// awaitNews waits, at most a second, until the guard knows if the token is above the newest revision. It returns false if
// the guard knows already.
func (g *Guard) awaitNews(ctx context.Context, p *Principal) bool {
	if !g.hasFeed {
		return false
	}
	question := p.question.Load()
	if g.standing(p) == standingAsked {
		question = p.question.Load()
	} else {
		asked := false
		if question, asked = g.state.askIfOld(); !asked {
			return false
		}
	}
	// without an answer in time, the age of the state limits how long the token is accepted
	if !g.state.newest.await(question, maxAnswerWait, ctx.Done()) {
		g.state.isSilent.Store(true)
	}
	return true
}

// admission is the result of a rule for a request: a caller who is admitted, or the denial for one who is not.
type admission struct {
	principal *Principal
	denial    *Denial
}

// admit identifies the caller of a request and applies rule. The caller is nil if the rule needs none.
func (g *Guard) admit(r *http.Request, rule Rule, tenant pathTenant) admission {
	if rule.kind == kindPublic {
		return admission{}
	}
	token, denial := bearer(r.Header)
	if denial == NotAuthenticated && rule.admitsAnonymous() {
		return admission{}
	}
	if denial != nil {
		return admission{nil, denial}
	}
	result := g.applyRule(token, rule, tenant)
	// the rule comes first, so that nobody waits who is refused anyway
	if result.denial == nil && g.awaitNews(r.Context(), result.principal) {
		return g.applyRule(token, rule, tenant)
	}
	return result
}

func (g *Guard) applyRule(token string, rule Rule, tenant pathTenant) admission {
	p, denial := g.verify(token)
	if denial != nil {
		return admission{nil, denial}
	}
	if !rule.admits(tenant, p) {
		return admission{p, p.refusal(rule, tenant)}
	}
	return admission{p, nil}
}

// Authenticate identifies the caller of a request by its Authorization header, without a rule. The error is a [*Denial].
func (g *Guard) Authenticate(r *http.Request) (*Principal, error) {
	token, denial := bearer(r.Header)
	if denial != nil {
		return nil, denial
	}
	return g.Verify(r.Context(), token)
}

// Close stops following the issuer, and returns when no request to it is under way. A guard that follows none needs no
// Close.
func (g *Guard) Close() {
	if g.remote != nil {
		g.remote.stop()
		g.remote.running.Wait()
	}
}

// isTrusted returns false if the access of a caller has been lost.
func (g *Guard) isTrusted(p *Principal) bool {
	snapshot := g.state.current.Load()
	return nowOf(g.clock) < seconds(p.claims.exp) && g.isFreshEnough() &&
		snapshot.keys.contains(p.claims.key) && !g.hasEnded(snapshot, p)
}
