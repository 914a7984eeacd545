// Package auth knows who may do what on the page and in the API: users with one of four
// roles, their passwords (argon2id), sessions of browsers and of programs (JWT), and the
// limits on guessing.
//
// It owns the encodings of what it keeps and asks for a transactional table of bytes to
// keep it in. It knows no route and no HTTP: package web asks it who stands behind a
// cookie or a token, and holds the answer against the rule of the route. Who a request
// comes from travels in its context (With, From).
//
// Packages web and appliance may import it.
package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Role says what somebody may do; each role may do all that the ones before it may.
type Role uint8

// Roles. The zero value is nobody and may do nothing.
const (
	Nobody     Role = iota
	Viewer          // looks, where looking needs a login
	Technician      // reads registers, compares with the panel
	Engineer        // well data, limits, profiles
	Admin           // users
)

var roleNames = [...]string{"", "viewer", "technician", "engineer", "admin"}

// Roles are the roles that a user may have, the least first.
func Roles() []Role { return []Role{Viewer, Technician, Engineer, Admin} }

// String is the role's stable name.
func (r Role) String() string {
	if int(r) >= len(roleNames) {
		return ""
	}
	return roleNames[r]
}

// ParseRole finds a role by its name.
func ParseRole(name string) (Role, bool) {
	for _, r := range Roles() {
		if r.String() == name {
			return r, true
		}
	}
	return Nobody, false
}

// MarshalText gives the stable name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the stable name.
func (r *Role) UnmarshalText(text []byte) error {
	role, ok := ParseRole(string(text))
	if !ok {
		return fmt.Errorf("unknown role %q", text)
	}
	*r = role
	return nil
}

// User is somebody who may log in.
type User struct {
	ID        uint64 // below 2^53, so that every JSON reader keeps it whole
	Name      string
	Role      Role
	Created   time.Time
	LastLogin time.Time // zero: never
}

// Identity is who stands behind a request.
type Identity struct {
	User    User
	session key
}

type identityKey struct{}

// With is ctx with the identity of its request.
func With(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}

// From is who the request of ctx comes from; ok is false where nobody has logged in.
func From(ctx context.Context) (who Identity, ok bool) {
	who, ok = ctx.Value(identityKey{}).(Identity)
	return who, ok
}

// Errors of logins and users.
var (
	ErrCredentials = errors.New("name or password is wrong")
	ErrToken       = errors.New("the token is not valid")
	ErrBusy        = errors.New("too many logins at this moment")
	ErrExists      = errors.New("there is a user of this name already")
	ErrNoUser      = errors.New("there is no user of this name")
	ErrLastAdmin   = errors.New("this is the only admin")
)

// WaitError says that tries came too fast.
type WaitError struct{ For time.Duration }

// Error names the wait.
func (e *WaitError) Error() string {
	return fmt.Sprintf("too many tries: wait %d s", e.Seconds())
}

// Seconds is the wait, rounded up.
func (e *WaitError) Seconds() int { return int((e.For + time.Second - 1) / time.Second) }

// InputError says what is wrong with a name, a password or a role.
type InputError struct{ Field, Message string }

// Error is the sentence for people.
func (e *InputError) Error() string { return e.Message }

// Attempt is one try to log in.
type Attempt struct {
	Name, Password string
	// Peer is the other end of the connection. What a forwarding header says must not
	// come here: anybody can write one.
	Peer netip.Addr
}

// console reports whether a peer is on this machine. It has limits of its own, so that
// nobody in the network can keep out who stands at the box.
func console(peer netip.Addr) bool {
	return peer.IsLoopback() || peer.Is4In6() && peer.Unmap().IsLoopback()
}

// place is what counts as one client: an address, or where addresses are plenty the
// network that one client is given.
func place(peer netip.Addr) string {
	peer = peer.Unmap().WithZone("")
	if peer.Is6() {
		if p, err := peer.Prefix(64); err == nil {
			return p.String()
		}
	}
	return peer.String()
}
