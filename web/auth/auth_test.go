package auth_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wellkeeper.internal/web/auth"
	"wellkeeper.internal/web/webtest"
)

const password = "correct horse battery"

var (
	lan   = netip.MustParseAddr("192.0.2.7")
	other = netip.MustParseAddr("192.0.2.8")
	local = netip.MustParseAddr("127.0.0.1")
)

func mustAuthority(t *testing.T, table auth.Table) *auth.Authority {
	t.Helper()
	a, err := auth.New(auth.Config{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// withUsers has one user of each of the roles, named as the role; without any, of all.
func withUsers(t *testing.T, table auth.Table, roles ...auth.Role) *auth.Authority {
	t.Helper()
	a := mustAuthority(t, table)
	if len(roles) == 0 {
		roles = auth.Roles()
	}
	for _, r := range roles {
		if _, err := a.Add(t.Context(), "test", r.String(), password, r); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func try(name, secret string, from netip.Addr) auth.Attempt {
	return auth.Attempt{Name: name, Password: secret, Peer: from}
}

func TestUsersAndSessionsOutliveARestart(t *testing.T) {
	table := webtest.NewMemory()
	a := withUsers(t, table)
	secret, user, err := a.Login(t.Context(), try("Technician", password, lan)) // the case of a name does not matter
	if err != nil || user.Name != "technician" || user.Role != auth.Technician || user.LastLogin.IsZero() {
		t.Fatalf("login: %+v, %v", user, err)
	}
	tokens, err := a.Grant(t.Context(), try("admin", password, lan))
	if err != nil {
		t.Fatal(err)
	}
	b := mustAuthority(t, table)
	if who, ok := b.Browser(secret); !ok || who.User.Name != "technician" {
		t.Errorf("the cookie after a restart: %+v, %v", who, ok)
	}
	if who, err := b.Bearer(tokens.Access); err != nil || who.User.Role != auth.Admin {
		t.Errorf("the token after a restart: %+v, %v", who, err)
	}
	if err := table.Each(func(k, v []byte) error {
		for _, kept := range []string{password, string(secret), tokens.Access} {
			if strings.Contains(string(k)+string(v), kept) {
				t.Errorf("%s holds a secret as it is", k)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNotAccepted(t *testing.T) {
	a := withUsers(t, webtest.NewMemory())
	for name, c := range map[string]struct{ user, secret string }{
		"short":             {"new", "elevenchars"},
		"common":            {"new", "Password1234"},
		"repeats":           {"new", "abababababababab"},
		"holds the name":    {"mreyes", "xx-MReyes-2026-xx"},
		"too long":          {"new", strings.Repeat("long enough ", 30)},
		"name with a space": {"new user", password},
		"name of dots":      {"..", password},
		"no name":           {"", password},
		"name too long":     {strings.Repeat("n", 65), password},
	} {
		_, err := a.Add(t.Context(), "test", c.user, c.secret, auth.Viewer)
		if _, ok := errors.AsType[*auth.InputError](err); !ok {
			t.Errorf("%s: got %v, want an InputError", name, err)
		}
	}
	if _, err := a.Add(t.Context(), "test", "ADMIN", password, auth.Viewer); !errors.Is(err, auth.ErrExists) {
		t.Errorf("the same name in capitals: got %v", err)
	}
	if err := a.Remove(t.Context(), "test", "admin"); !errors.Is(err, auth.ErrLastAdmin) {
		t.Errorf("removing the only admin: got %v", err)
	}
	if err := a.SetRole(t.Context(), "test", "admin", auth.Viewer); !errors.Is(err, auth.ErrLastAdmin) {
		t.Errorf("the only admin made a viewer: got %v", err)
	}
	if err := a.SetPassword(t.Context(), "test", "nobody", password); !errors.Is(err, auth.ErrNoUser) {
		t.Errorf("password of nobody: got %v", err)
	}
}

func TestWhatEndsALogin(t *testing.T) {
	for name, end := range map[string]func(context.Context, *auth.Authority, auth.Identity) error{
		"another password": func(ctx context.Context, a *auth.Authority, _ auth.Identity) error {
			return a.SetPassword(ctx, "test", "engineer", password+" two")
		},
		"another role": func(ctx context.Context, a *auth.Authority, _ auth.Identity) error {
			return a.SetRole(ctx, "test", "engineer", auth.Viewer)
		},
		"removal": func(ctx context.Context, a *auth.Authority, _ auth.Identity) error {
			return a.Remove(ctx, "test", "engineer")
		},
		"logout": func(_ context.Context, a *auth.Authority, who auth.Identity) error { return a.Logout(who) },
	} {
		t.Run(name, func(t *testing.T) {
			table := webtest.NewMemory()
			a := withUsers(t, table, auth.Engineer)
			tokens, err := a.Grant(t.Context(), try("engineer", password, lan))
			if err != nil {
				t.Fatal(err)
			}
			who, err := a.Bearer(tokens.Access)
			if err != nil {
				t.Fatal(err)
			}
			if err := end(t.Context(), a, who); err != nil {
				t.Fatal(err)
			}
			for _, a := range []*auth.Authority{a, mustAuthority(t, table)} {
				if _, err := a.Bearer(tokens.Access); !errors.Is(err, auth.ErrToken) {
					t.Errorf("access token: got %v", err)
				}
				if _, err := a.Renew(tokens.Refresh); !errors.Is(err, auth.ErrToken) {
					t.Errorf("refresh token: got %v", err)
				}
			}
		})
	}
}

func TestTokensThatAreNotOurs(t *testing.T) {
	a := withUsers(t, webtest.NewMemory())
	tokens, err := a.Grant(t.Context(), try("viewer", password, lan))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Bearer(tokens.Refresh); err == nil {
		t.Error("a refresh token was taken for an access token")
	}
	if _, err := a.Renew(tokens.Access); err == nil {
		t.Error("an access token was taken for a refresh token")
	}
	var c jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(tokens.Access, &c); err != nil {
		t.Fatal(err)
	}
	for name, method := range map[string]struct {
		method jwt.SigningMethod
		key    any
	}{
		"unsigned": {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType}, "another key": {jwt.SigningMethodHS256, make([]byte, 32)},
		"another algorithm": {jwt.SigningMethodHS512, make([]byte, 64)},
	} {
		token, err := jwt.NewWithClaims(method.method, c).SignedString(method.key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Bearer(token); !errors.Is(err, auth.ErrToken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, token := range []string{"", ".", "..", strings.Repeat("a", 5000), tokens.Access + "x"} {
		if _, err := a.Bearer(token); !errors.Is(err, auth.ErrToken) {
			t.Errorf("%.10q: got %v", token, err)
		}
	}
	if _, ok := a.Browser(auth.Secret(tokens.Access)); ok {
		t.Error("a token was taken for a cookie")
	}
}

func TestLoginsEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withUsers(t, webtest.NewMemory())
		secret, _, err := a.Login(t.Context(), try("viewer", password, lan))
		if err != nil {
			t.Fatal(err)
		}
		kiosk, _, err := a.Login(t.Context(), try("viewer", password, local))
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := a.Grant(t.Context(), try("admin", password, lan))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(14 * time.Minute)
		if _, ok := a.Browser(kiosk); !ok {
			t.Error("the box's own screen after 14 minutes: logged out")
		}
		if _, err := a.Bearer(tokens.Access); err == nil {
			t.Error("an access token after 14 minutes still holds")
		}
		again, err := a.Renew(tokens.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Bearer(again.Access); err != nil {
			t.Errorf("a renewed token: %v", err)
		}
		<-time.After(16 * time.Minute)
		if _, ok := a.Browser(kiosk); ok {
			t.Error("the box's own screen is logged in after 16 minutes without use")
		}
		<-time.After(11*time.Hour + 29*time.Minute)
		if _, ok := a.Browser(secret); !ok {
			t.Error("a phone after almost 12 hours: logged out")
		}
		<-time.After(2 * time.Minute)
		if _, ok := a.Browser(secret); ok {
			t.Error("a phone is logged in after 12 hours")
		}
	})
}

// guess tries wrong passwords as fast as it can for a time, and counts the tries that
// were judged.
func guess(t *testing.T, a *auth.Authority, name string, from func(i int) netip.Addr, lasts time.Duration) (judged int) {
	t.Helper()
	for end, i := time.Now().Add(lasts), 0; time.Now().Before(end); i++ {
		_, _, err := a.Login(t.Context(), try(name, "wrong wrong wrong", from(i)))
		w, wait := errors.AsType[*auth.WaitError](err)
		switch {
		case errors.Is(err, auth.ErrCredentials):
			judged++
		case wait && w.For > 0 && w.For <= time.Minute:
		default:
			t.Fatalf("got %v", err)
		}
		<-time.After(250 * time.Millisecond)
	}
	return judged
}

func fixed(a netip.Addr) func(int) netip.Addr { return func(int) netip.Addr { return a } }

func TestGuessingIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withUsers(t, webtest.NewMemory(), auth.Admin)
		// 1, 2, 4 … 60 s: seven tries in two minutes.
		if n := guess(t, a, "admin", fixed(lan), 2*time.Minute); n > 8 || n < 5 {
			t.Errorf("tries judged from one address in two minutes: got %d", n)
		}
	})
}

func TestGuessingFromManyAddressesIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withUsers(t, webtest.NewMemory(), auth.Admin)
		many := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}) }
		if n := guess(t, a, "admin", many, 2*time.Minute); n > 8 {
			t.Errorf("one account from many addresses: %d tries in two minutes", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a := mustAuthority(t, webtest.NewMemory())
		n := 0
		for i := range 240 { // another account and address each time
			_, _, err := a.Login(t.Context(), try("user"+string(rune('a'+i%26))+string(rune('a'+i/26)), "wrong wrong wrong", netip.AddrFrom4([4]byte{203, 0, byte(i), 1})))
			if errors.Is(err, auth.ErrCredentials) {
				n++
			}
			<-time.After(250 * time.Millisecond)
		}
		if n > 31 {
			t.Errorf("any account from any address: %d tries in a minute, want at most 30", n)
		}
	})
}

// While somebody in the network guesses at an account, its user logs in at the box, and
// from where that was done before.
func TestGuessingKeepsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withUsers(t, webtest.NewMemory())
		if _, _, err := a.Login(t.Context(), try("admin", password, other)); err != nil {
			t.Fatal(err)
		}
		guess(t, a, "admin", fixed(lan), time.Minute)
		if _, _, err := a.Login(t.Context(), try("admin", password, local)); err != nil {
			t.Errorf("at the box: %v", err)
		}
		if _, _, err := a.Login(t.Context(), try("admin", password, other)); err != nil {
			t.Errorf("from where it was done before: %v", err)
		}
		if _, _, err := a.Login(t.Context(), try("viewer", password, other)); err != nil {
			t.Errorf("another account: %v", err)
		}
		if _, _, err := a.Login(t.Context(), try("admin", password, lan)); err == nil {
			t.Error("the guesser was let in without a wait")
		}
	})
}

// However many log in at once, one hash is made at a time and four wait: a flood costs
// no more memory than that.
func TestFloodOfLogins(t *testing.T) {
	a := mustAuthority(t, webtest.NewMemory())
	var mu sync.Mutex
	var busy, judged, waited int
	var wait sync.WaitGroup
	for i := range 60 {
		wait.Go(func() {
			_, _, err := a.Login(t.Context(), try("nobody", "wrong wrong wrong", netip.AddrFrom4([4]byte{10, 0, byte(i), 1})))
			_, _, err2 := a.Login(t.Context(), try("none"+string(rune('a'+i%26))+string(rune('a'+i/26)), "wrong wrong wrong", netip.AddrFrom4([4]byte{10, 1, byte(i), 1})))
			mu.Lock()
			defer mu.Unlock()
			for _, err := range []error{err, err2} {
				_, slow := errors.AsType[*auth.WaitError](err)
				switch {
				case errors.Is(err, auth.ErrBusy):
					busy++
				case errors.Is(err, auth.ErrCredentials):
					judged++
				case slow:
					waited++
				default:
					t.Errorf("got %v", err)
				}
			}
		})
	}
	wait.Wait()
	if judged+busy > 30 || waited == 0 || busy == 0 { // names that do not exist stand in the same line
		t.Errorf("judged %d, busy %d, told to wait %d; want at most 30 taken in, and more than five at once refused", judged, busy, waited)
	}
}
