package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// How long a login lasts.
const (
	// BrowserLasts is for a browser, however much it is used.
	BrowserLasts = 12 * time.Hour
	// consoleIdle ends a session of a browser on the box itself, where the next person
	// stands at the same screen.
	consoleIdle = 15 * time.Minute
	// programLasts is how long a refresh token can be used.
	programLasts = 7 * 24 * time.Hour
	// most sessions at once of one user; the oldest makes room.
	mostSessions = 20
)

// Secret is what a browser keeps in its cookie.
type Secret string

// check proves an attempt. A user that does not exist takes as long as a wrong password.
func (a *Authority) check(ctx context.Context, t *Attempt) (*account, error) {
	accept, err := a.limits.begin(t)
	if err != nil {
		return nil, err
	}
	u, hash := a.find(t.Name), a.hasher.decoy
	if u != nil {
		hash = u.Hash
	}
	password := t.Password
	if len(password) > mostPassword {
		password = "" // no password is so long
	}
	ok, err := a.hasher.matches(ctx, password, hash)
	if err != nil {
		return nil, err
	}
	if !ok || u == nil {
		return nil, ErrCredentials
	}
	accept()
	return u, nil
}

// Login opens a session of a browser. The errors are ErrCredentials, ErrBusy and
// *WaitError, and those of the table.
func (a *Authority) Login(ctx context.Context, t Attempt) (Secret, User, error) {
	u, err := a.check(ctx, &t)
	if err != nil {
		return "", User{}, err
	}
	secret, u, err := a.open(u, &t, false)
	if err != nil {
		return "", User{}, err
	}
	return secret, u.user(), nil
}

// open begins a session of a user who has proved to be the one.
func (a *Authority) open(proved *account, t *Attempt, program bool) (Secret, *account, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", nil, fmt.Errorf("make a session: %w", err)
	}
	secret := Secret(base64.RawURLEncoding.EncodeToString(random))
	hash := hashOf(secret)
	now := a.now().UTC()
	lasts := BrowserLasts
	if program {
		lasts = programLasts
	}
	s := &session{
		V: encoding, User: strings.ToLower(proved.Name), Generation: proved.Generation, Program: program,
		Console: console(t.Peer), Created: now, Expires: now.Add(lasts), used: time.Now(),
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	u := a.find(proved.Name)
	if u == nil || u.Generation != proved.Generation { // changed while the password was checked
		return "", nil, ErrCredentials
	}
	u.LastLogin = now.Truncate(time.Millisecond)
	over := a.over(s.User)
	err := a.table.Update(func(tx Tx) error {
		for _, k := range over {
			if err := tx.Delete([]byte(sessionKey(k))); err != nil {
				return err
			}
		}
		if err := put(tx, userKey(u.Name), u); err != nil {
			return err
		}
		return put(tx, sessionKey(hash), s)
	})
	if err != nil {
		return "", nil, fmt.Errorf("keep a session: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range over {
		delete(a.sessions, k)
	}
	a.users[s.User] = u
	a.sessions[hash] = s
	return secret, u, nil
}

// over are the sessions that are at their end, and of a user who has too many the oldest.
func (a *Authority) over(user string) []key {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []key
	var oldest key
	count := 0
	for k, s := range a.sessions {
		switch {
		case !a.goesOn(s):
			list = append(list, k)
		case s.User == user:
			if count == 0 || s.Created.Before(a.sessions[oldest].Created) {
				oldest = k
			}
			count++
		}
	}
	if count >= mostSessions {
		list = append(list, oldest)
	}
	return list
}

// goesOn reports whether a session holds. a.mu is held.
func (a *Authority) goesOn(s *session) bool {
	u := a.users[s.User]
	if u == nil || u.Generation != s.Generation || !a.now().Before(s.Expires) {
		return false
	}
	return s.Program || !s.Console || time.Since(s.used) < consoleIdle
}

// Browser is who stands behind a cookie.
func (a *Authority) Browser(secret Secret) (Identity, bool) {
	return a.holder(hashOf(secret), false)
}

func (a *Authority) holder(k key, program bool) (Identity, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sessions[k]
	if s == nil || s.Program != program || !a.goesOn(s) {
		return Identity{}, false
	}
	s.used = time.Now()
	return Identity{User: a.users[s.User].user(), session: k}, true
}

// Logout ends the session of an identity. One that has ended is no error.
func (a *Authority) Logout(who Identity) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	return a.drop([]key{who.session})
}

func (a *Authority) endSessionsOf(name string) error {
	a.mu.Lock()
	var list []key
	for k, s := range a.sessions {
		if s.User == strings.ToLower(name) {
			list = append(list, k)
		}
	}
	a.mu.Unlock()
	return a.drop(list)
}

// drop ends sessions: in memory whatever the table says. a.writing is held.
func (a *Authority) drop(list []key) error {
	if len(list) == 0 {
		return nil
	}
	a.mu.Lock()
	maps.DeleteFunc(a.sessions, func(k key, _ *session) bool {
		return slices.Contains(list, k)
	})
	a.mu.Unlock()
	err := a.table.Update(func(tx Tx) error {
		for _, k := range list {
			if err := tx.Delete([]byte(sessionKey(k))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

func hashOf(secret Secret) key { return sha256.Sum256([]byte(secret)) }
