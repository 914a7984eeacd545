package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config is what an Authority needs. Fields without a stated default are required.
type Config struct {
	Table Table
	// Now is the appliance's clock; the default is time.Now. Limits on guessing and
	// idle times do not follow it.
	Now func() time.Time
	// Told is called after each change of users with a stable id and a sentence for the
	// record; nil: nobody. by is who did it.
	Told func(ctx context.Context, id, by, text string)
}

// Authority holds the users and their sessions. All methods may be called from any
// goroutine. Nothing is read from the table after the start: questions cost no disk.
type Authority struct {
	table  Table
	now    func() time.Time
	told   func(ctx context.Context, id, by, text string)
	hasher *hasher
	limits *limiter

	// writing is held over changes, table included; mu is never held while the table works.
	writing  sync.Mutex
	mu       sync.Mutex // guards what follows
	users    map[string]*account
	sessions map[key]*session
	signing  []byte  // set by New, like the next
	unread   []error // what was left out
}

// New reads what the table holds.
func New(c Config) (*Authority, error) {
	if c.Table == nil {
		return nil, errors.New("auth: Table is required")
	}
	a := &Authority{
		table: c.Table, now: c.Now, told: c.Told, limits: newLimiter(),
		users: map[string]*account{}, sessions: map[key]*session{},
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.told == nil {
		a.told = func(context.Context, string, string, string) {}
	}
	var err error
	if a.hasher, err = newHasher(); err != nil {
		return nil, err
	}
	if err := a.load(); err != nil {
		return nil, err
	}
	return a, nil
}

// Unread says what of the table could not be read and was left out.
func (a *Authority) Unread() []error { return a.unread }

// Users lists the users by name.
func (a *Authority) Users() []User {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]User, 0, len(a.users))
	for _, u := range a.users {
		list = append(list, u.user())
	}
	slices.SortFunc(list, func(x, y User) int {
		return cmp.Or(cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), cmp.Compare(x.Name, y.Name))
	})
	return list
}

// find gives a copy of an account; nil where there is none.
func (a *Authority) find(name string) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if u := a.users[strings.ToLower(name)]; u != nil {
		return new(*u)
	}
	return nil
}

// Add makes a user. by is who does it, for the record. Names that differ in case alone
// are the same name. *InputError, ErrExists.
func (a *Authority) Add(ctx context.Context, by, name, password string, role Role) (User, error) {
	if err := checkName(name); err != nil {
		return User{}, err
	}
	if role < Viewer || role > Admin {
		return User{}, &InputError{"role", "the role must be viewer, technician, engineer or admin"}
	}
	if err := checkPassword(name, password); err != nil {
		return User{}, err
	}
	if a.find(name) != nil {
		return User{}, ErrExists
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return User{}, fmt.Errorf("make an id: %w", err)
	}
	u := &account{
		V: encoding, ID: binary.BigEndian.Uint64(random[:])>>11 | 1, Name: name, Role: role, Hash: hash,
		Created: a.now().UTC().Truncate(time.Millisecond), Generation: 1,
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.find(name) != nil {
		return User{}, ErrExists
	}
	if err := a.keep(u); err != nil {
		return User{}, err
	}
	a.told(ctx, "user_added", by, fmt.Sprintf("User %s was added as %s by %s", name, role, by))
	return u.user(), nil
}

// SetPassword gives a user another password and ends all that was given out under the
// old one. ErrNoUser, *InputError.
func (a *Authority) SetPassword(ctx context.Context, by, name, password string) error {
	u := a.find(name)
	if u == nil {
		return ErrNoUser
	}
	if err := checkPassword(u.Name, password); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return a.change(ctx, name, "user_password", by, "The password of user %s was set anew by %s", func(u *account) error {
		u.Hash = hash
		return nil
	})
}

// SetRole gives a user another role and ends the user's sessions. ErrNoUser, ErrLastAdmin.
func (a *Authority) SetRole(ctx context.Context, by, name string, role Role) error {
	if role < Viewer || role > Admin {
		return &InputError{"role", "the role must be viewer, technician, engineer or admin"}
	}
	return a.change(ctx, name, "user_role", by, "User %s is now "+role.String()+", by %s", func(u *account) error {
		if u.Role == Admin && role != Admin && a.admins() == 1 {
			return ErrLastAdmin
		}
		u.Role = role
		return nil
	})
}

// change alters an account and raises its generation. told has the verbs for the user's
// name and for who did it.
func (a *Authority) change(ctx context.Context, name, id, by, told string, alter func(*account) error) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	u := a.find(name)
	if u == nil {
		return ErrNoUser
	}
	if err := alter(u); err != nil {
		return err
	}
	u.Generation++
	if err := a.keep(u); err != nil {
		return err
	}
	if err := a.endSessionsOf(u.Name); err != nil {
		return err
	}
	a.told(ctx, id, by, fmt.Sprintf(told, u.Name, by))
	return nil
}

// Remove takes a user away. ErrNoUser, ErrLastAdmin.
func (a *Authority) Remove(ctx context.Context, by, name string) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	u := a.find(name)
	switch {
	case u == nil:
		return ErrNoUser
	case u.Role == Admin && a.admins() == 1:
		return ErrLastAdmin
	}
	if err := a.table.Update(func(tx Tx) error { return tx.Delete([]byte(userKey(name))) }); err != nil {
		return fmt.Errorf("remove user %s: %w", name, err)
	}
	a.mu.Lock()
	delete(a.users, strings.ToLower(name))
	a.mu.Unlock()
	if err := a.endSessionsOf(name); err != nil {
		return err
	}
	a.told(ctx, "user_removed", by, fmt.Sprintf("User %s was removed by %s", u.Name, by))
	return nil
}

func (a *Authority) admins() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.users {
		if u.Role == Admin {
			n++
		}
	}
	return n
}

// keep writes an account, then shows it. a.writing is held.
func (a *Authority) keep(u *account) error {
	if err := a.table.Update(func(tx Tx) error { return put(tx, userKey(u.Name), u) }); err != nil {
		return fmt.Errorf("keep user %s: %w", u.Name, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users[strings.ToLower(u.Name)] = u
	return nil
}
