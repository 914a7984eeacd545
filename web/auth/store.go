package auth

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Table is a transactional table of bytes by key, as the store has.
type Table interface {
	// Update runs fn in one transaction, which is durable when Update returns nil and has
	// no effect otherwise.
	Update(fn func(Tx) error) error
	// Each calls fn for every key in order, with copies.
	Each(fn func(key, value []byte) error) error
}

// Tx is one transaction of a Table.
type Tx interface {
	Put(key, value []byte) error
	Delete(key []byte) error
}

// Keys of the table: a kind, then what it is about. The values are JSON with the
// version of their encoding in the field v.
const (
	prefixUser    = "user/"    // and the name in lower case
	prefixSession = "session/" // and the hash of its secret
	keySigning    = "signing"  // of tokens
	encoding      = 1
)

// account is a user as it is kept.
type account struct {
	V         int       `json:"v"`
	ID        uint64    `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Hash      string    `json:"hash"`
	Created   time.Time `json:"created"`
	LastLogin time.Time `json:"last_login,omitzero"`
	// Generation is raised when everything that was given out must end: sessions and
	// tokens carry the one that they were made in.
	Generation uint64 `json:"generation"`
}

func (a *account) user() User { return User{a.ID, a.Name, a.Role, a.Created, a.LastLogin} }

// key is the SHA-256 of a session's secret. The secret itself is not kept.
type key [32]byte

// session is a login that goes on.
type session struct {
	V          int       `json:"v"`
	User       string    `json:"user"` // name in lower case
	Generation uint64    `json:"generation"`
	Program    bool      `json:"program,omitempty"` // of tokens; else of a browser
	Console    bool      `json:"console,omitempty"` // begun on this machine
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires"`

	used time.Time // with the monotonic clock
}

type signing struct {
	V   int    `json:"v"`
	Key []byte `json:"key"`
}

// load reads everything that is kept, and makes what is not there yet. What cannot be
// read is left out.
func (a *Authority) load() error {
	err := a.table.Each(func(k, v []byte) error {
		name := string(k)
		switch {
		case strings.HasPrefix(name, prefixUser):
			var u account
			if err := read(name, v, &u, &u.V); err != nil {
				a.unread = append(a.unread, err)
				return nil
			}
			a.users[strings.TrimPrefix(name, prefixUser)] = &u
		case strings.HasPrefix(name, prefixSession):
			s := session{used: time.Now()}
			hash, ok := parseKey(strings.TrimPrefix(name, prefixSession))
			if ok && read(name, v, &s, &s.V) == nil { // else that login has ended
				a.sessions[hash] = &s
			}
		case name == keySigning:
			var s signing
			if err := read(name, v, &s, &s.V); err != nil {
				a.unread = append(a.unread, err)
				return nil
			}
			a.signing = s.Key
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the users: %w", err)
	}
	if len(a.signing) >= 32 {
		return nil
	}
	a.signing = make([]byte, 32)
	if _, err := rand.Read(a.signing); err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	return a.table.Update(func(tx Tx) error { return put(tx, keySigning, signing{encoding, a.signing}) })
}

var errNewer = errors.New("it was written by a newer release: use that release, or a newer one")

// read decodes a value and checks the version of its encoding.
func read(name string, value []byte, to any, version *int) error {
	if err := json.Unmarshal(value, to); err != nil {
		return fmt.Errorf("the value of %q is damaged: %w", name, err)
	}
	if *version > encoding {
		return fmt.Errorf("%q: %w", name, errNewer)
	}
	return nil
}

func put(tx Tx, name string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return tx.Put([]byte(name), body)
}

func userKey(name string) string { return prefixUser + strings.ToLower(name) }

func sessionKey(k key) string { return prefixSession + hex.EncodeToString(k[:]) }

func parseKey(text string) (k key, ok bool) {
	if len(text) != 2*len(k) {
		return k, false
	}
	_, err := hex.Decode(k[:], []byte(text))
	return k, err == nil
}
