package rolecall

import (
	"context"
	"errors"
	"time"
)

// ErrLost is the cause of the end of a context of [Principal.Held].
var ErrLost = errors.New("rolecall: the caller's access was lost")

// maxSleep limits the time between two looks at the state: it also becomes old without a change.
const maxSleep = time.Second

// IsLost returns true if the caller's access has ended since the request was admitted: the token has expired or was
// revoked, its key was retired, or the guard no longer knows.
func (p *Principal) IsLost() bool {
	return !p.guard.isTrusted(p)
}

// Held returns a context that ends when the caller's access is lost, with [ErrLost] as its cause. Use it for answers that
// last: streams and WebSockets.
func (p *Principal) Held(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		defer cancel(nil)
		for ctx.Err() == nil {
			changed := *p.guard.state.changed.Load()
			if p.IsLost() {
				cancel(ErrLost)
				return
			}
			remaining := seconds(p.claims.exp).since(nowOf(p.guard.clock))
			timer := time.NewTimer(min(remaining, maxSleep))
			select {
			case <-ctx.Done():
			case <-changed:
			case <-timer.C:
			}
			timer.Stop()
		}
	}()
	return ctx, func() { cancel(nil) }
}
