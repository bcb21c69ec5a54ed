package rolecall

import (
	"net/http"
	"sync/atomic"
)

// DecidingFunc is a handler that decides on its data: see [Mux.HandleIf].
type DecidingFunc func(w http.ResponseWriter, r *http.Request, caller *Principal, decision *Decision)

// Decision is what a handler decides on its data.
type Decision struct {
	caller  *Principal
	rule    Rule
	name    string
	guard   *Guard
	request *http.Request
	writer  http.ResponseWriter
	isMade  atomic.Bool
}

// Check decides: it returns true if the rule of the route admits the caller, or if admits is true. Otherwise it answers with
// 403, and the handler returns. Call it before the first change.
func (d *Decision) Check(admits bool) bool {
	d.isMade.Store(true)
	if admits || d.rule.admits(nil, d.caller) {
		return true
	}
	refusal := admission{d.caller, d.caller.refusal(d.rule, nil)}
	d.guard.refuse(d.writer, d.request, OrIf(d.rule, d.name), "", refusal)
	return false
}

// decided returns the handler, whose successful answer without a decision is replaced by 500.
func (f DecidingFunc) decided(g *Guard, rule Rule, name string) HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, caller *Principal) {
		decision := &Decision{caller: caller, rule: rule, name: name, guard: g, request: r, writer: w}
		awaiting := &decisionWriter{ResponseWriter: w, decision: decision}
		f(awaiting, r, caller, decision)
		if !decision.isMade.Load() && !awaiting.wroteHeader {
			awaiting.WriteHeader(http.StatusOK)
		}
	}
}

// decisionWriter replaces the first successful answer before a decision.
type decisionWriter struct {
	http.ResponseWriter
	decision    *Decision
	wroteHeader bool
	isReplaced  bool
}

func (w *decisionWriter) WriteHeader(status int) {
	if !w.wroteHeader && !w.decision.isMade.Load() && status < http.StatusBadRequest && status >= http.StatusOK {
		w.wroteHeader, w.isReplaced = true, true
		w.decision.guard.log.Error("a handler did not ask its rule on data: call Decision.Check before the first change. " +
			"What the handler did before this answer stays done")
		clear(w.Header())
		Undecided.write(w.ResponseWriter, nil)
		return
	}
	w.wroteHeader = w.wroteHeader || status >= http.StatusOK
	if !w.isReplaced {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *decisionWriter) Write(text []byte) (int, error) {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	if w.isReplaced {
		return len(text), nil
	}
	return w.ResponseWriter.Write(text)
}

// Unwrap lets [http.ResponseController] reach the writer once the decision is made.
func (w *decisionWriter) Unwrap() http.ResponseWriter {
	if w.decision.isMade.Load() {
		return w.ResponseWriter
	}
	return nil
}
