package rolecall

import (
	"maps"
	"time"
)

// FloorKind is the claim that a floor compares.
type FloorKind string

// The kinds of floors. A feed with any other kind is refused as a whole, so that no revocation is ignored.
const (
	FloorSubject FloorKind = "subject" // all tokens of a subject, sub
	FloorClient  FloorKind = "client"  // all tokens that a client requested, client_id
	FloorRole    FloorKind = "role"    // all tokens that carry a role
	FloorSession FloorKind = "sid"     // all tokens of a session
	FloorToken   FloorKind = "jti"     // a single token
)

func (k FloorKind) isKnown() bool {
	switch k {
	case FloorSubject, FloorClient, FloorRole, FloorSession, FloorToken:
		return true
	}
	return false
}

// Floor is the lowest revision that tokens of a subject, client, role, session or id must have to be accepted.
type Floor struct {
	Kind FloorKind
	// Key is the subject, client, role, session or token id.
	Key string
	// Tenant limits the floor to the tokens of a tenant; an empty one means all tokens.
	Tenant string
	// Revision refuses the tokens with a lower one.
	Revision int64
	// Until is the time at which every token below the floor has expired, so that the floor can be forgotten.
	Until time.Time
}

type floorKey struct {
	kind        FloorKind
	key, tenant string
}

type cutoff struct {
	revision int64
	until    micros
}

// floorShards is the number of parts into which the floors are divided. A change copies only the parts that change.
const floorShards = 256

// floors are the floors in force. They are immutable: with returns a changed copy, which shares the rest.
type floors struct {
	shards  [floorShards]map[floorKey]cutoff
	count   int
	highest int64
}

// shardOf returns the shard for a key, by FNV-1a.
func shardOf(key string) int {
	hash := uint64(0xcbf29ce484222325)
	for i := 0; i < len(key); i++ {
		hash = (hash ^ uint64(key[i])) * 0x100000001b3
	}
	return int(hash % floorShards)
}

// with returns the floors with more of them. Of two for the same key, the higher revision and the later end hold.
func (f *floors) with(more []Floor) *floors {
	next := *f
	var isCopied [floorShards]bool
	for _, floor := range more {
		key := floorKey{floor.Kind, floor.Key, floor.Tenant}
		shard := shardOf(floor.Key)
		if !isCopied[shard] {
			isCopied[shard] = true
			next.shards[shard] = maps.Clone(next.shards[shard])
			if next.shards[shard] == nil {
				next.shards[shard] = map[floorKey]cutoff{}
			}
		}
		known, has := next.shards[shard][key]
		raised := cutoff{floor.Revision, micros(floor.Until.UnixMicro())}
		if has {
			raised = cutoff{max(raised.revision, known.revision), max(raised.until, known.until)}
		} else {
			next.count++
		}
		next.shards[shard][key] = raised
		next.highest = max(next.highest, floor.Revision)
	}
	return &next
}

// prune returns the floors without those that are no longer needed, because every token below them has expired.
func (f *floors) prune(now micros) *floors {
	next := *f
	next.count = 0
	for i, shard := range f.shards {
		kept := map[floorKey]cutoff{}
		for key, floor := range shard {
			if floor.until > now {
				kept[key] = floor
			}
		}
		// shards without such floors stay shared
		if len(kept) < len(shard) {
			next.shards[i] = kept
		}
		next.count += len(kept)
	}
	return &next
}

func (f *floors) isBelow(kind FloorKind, key, tenant string, rev int64) bool {
	shard := f.shards[shardOf(key)]
	if len(shard) == 0 {
		return false
	}
	if floor, has := shard[floorKey{kind, key, ""}]; has && rev < floor.revision {
		return true
	}
	if tenant == "" {
		return false
	}
	floor, has := shard[floorKey{kind, key, tenant}]
	return has && rev < floor.revision
}

// refuses returns true if there is a floor above the revision of a token.
func (f *floors) refuses(c *claims) bool {
	// most tokens are newer than every floor, so this comparison is usually enough
	if c.rev >= f.highest {
		return false
	}
	tenant := valueOf(c.tenant)
	if f.isBelow(FloorSubject, c.sub, tenant, c.rev) || f.isBelow(FloorClient, c.clientID, tenant, c.rev) ||
		f.isBelow(FloorToken, c.jti, tenant, c.rev) {
		return true
	}
	if c.sid != nil && f.isBelow(FloorSession, *c.sid, tenant, c.rev) {
		return true
	}
	for _, role := range c.roles {
		if f.isBelow(FloorRole, role, tenant, c.rev) {
			return true
		}
	}
	return false
}
