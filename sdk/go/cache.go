package rolecall

import (
	"crypto/sha256"
	"sync"
)

// cache keeps verified tokens, at most as many as its capacity. It has two generations: a token that is used moves to the
// young one, and when that is full, the old one is dropped. So tokens in use stay, without a list to keep in order.
type cache struct {
	shards [cacheShards]cacheShard
	// perGeneration is the number of tokens in each generation of a shard.
	perGeneration int
}

// cacheShards divides the cache, so that processors do not wait for each other.
const cacheShards = 16

type cacheShard struct {
	mutex      sync.Mutex
	young, old map[cacheKey]*cacheEntry
}

// cacheKey is the digest of the whole token, with its signature: different tokens never share an entry, and the cache holds
// no text with which somebody could call.
type cacheKey [sha256.Size]byte

type cacheEntry struct {
	principal *Principal
	// validFrom is the time from which the token is valid, so that it is verified again if the clock is set back.
	validFrom micros
}

func newCache(capacity int) *cache {
	perGeneration := capacity / (2 * cacheShards)
	if capacity > 0 {
		perGeneration = max(1, perGeneration)
	}
	return &cache{perGeneration: perGeneration}
}

func (c *cache) get(key cacheKey) *cacheEntry {
	shard := &c.shards[key[0]%cacheShards]
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	if entry := shard.young[key]; entry != nil {
		return entry
	}
	entry := shard.old[key]
	if entry != nil {
		c.putYoung(shard, key, entry)
	}
	return entry
}

func (c *cache) put(key cacheKey, entry *cacheEntry) {
	shard := &c.shards[key[0]%cacheShards]
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	c.putYoung(shard, key, entry)
}

func (c *cache) putYoung(shard *cacheShard, key cacheKey, entry *cacheEntry) {
	if c.perGeneration == 0 {
		return
	}
	if shard.young == nil || len(shard.young) >= c.perGeneration {
		shard.old = shard.young
		shard.young = make(map[cacheKey]*cacheEntry, min(c.perGeneration, 16))
	}
	delete(shard.old, key)
	shard.young[key] = entry
}

func (c *cache) remove(key cacheKey) {
	shard := &c.shards[key[0]%cacheShards]
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	delete(shard.young, key)
	delete(shard.old, key)
}

// len returns the number of tokens in the cache.
func (c *cache) len() int {
	count := 0
	for i := range c.shards {
		shard := &c.shards[i]
		shard.mutex.Lock()
		count += len(shard.young) + len(shard.old)
		shard.mutex.Unlock()
	}
	return count
}
