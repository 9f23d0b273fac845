package policyfile

import (
	"time"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// A Store is the node's set of policies, of which only what selects a
// container is decoded. It must be closed.
type Store struct {
	src   Sources
	rules []policy.Rule
	set   *policy.Set // where the files had to be read
	cache *cache      // else
}

// Open gives the set that Load would give, or its error. Where Sources.Cache
// holds the set as it was decoded before and every file and directory that it
// was read from is unchanged, they are not read again; in any doubt they are.
func Open(src Sources, rules []policy.Rule) (*Store, error) {
	return open(src, rules, time.Now())
}

func open(src Sources, rules []policy.Rule, now time.Time) (*Store, error) {
	s := &Store{src: src, rules: rules}
	if src.Cache != "" {
		if s.cache = openCache(src, rules); s.cache != nil {
			return s, nil
		}
	}
	l := newLoader(src, rules)
	if src.Cache != "" {
		l.trail = &trail{began: now}
	}
	set, err := l.load()
	if err != nil {
		return nil, err
	}
	s.set = &set
	if l.trail != nil {
		l.keep(&set)
	}
	return s, nil
}

// keep writes the cache. Where it cannot, nothing is lost but time: the next
// process reads the files, and tries again.
func (l *loader) keep(set *policy.Set) {
	guards, ok := l.trail.seal(l.dirs)
	if !ok {
		return
	}
	if b, err := encodeCache(l, guards, set); err == nil {
		_ = owner.Keep(l.Cache, b)
	}
}

// Advises is policy.Set.Advises of the whole set.
func (s *Store) Advises() bool {
	if s.set != nil {
		return s.set.Advises()
	}
	return s.cache.advises
}

// Digest is policy.Set.Digest of the whole set.
func (s *Store) Digest() string {
	if s.set != nil {
		return s.set.Digest
	}
	return s.cache.digest
}

// Set returns the set for one container: policies that do not select it may be
// missing, and the fallback where any selects it. policy.Evaluate decides with
// it as with the whole set.
func (s *Store) Set(facts *policy.Facts) (policy.Set, error) {
	if s.set == nil {
		if set, ok := s.cache.set(facts, s.rules); ok {
			return set, s.src.compileSet(set)
		}
		// Part of the cache is damaged: the files decide.
		set, err := Load(s.src, s.rules)
		if err != nil {
			return policy.Set{}, err
		}
		s.set = &set
	}
	return *s.set, nil
}

// Custom is policy.Set.Custom of the whole set.
func (s *Store) Custom() bool {
	if s.set != nil {
		return s.set.Custom()
	}
	return s.cache.custom
}

// Close gives back what the store holds.
func (s *Store) Close() {
	if s.cache != nil {
		s.cache.close()
	}
}
