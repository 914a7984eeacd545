package auth

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	leastPassword = 12
	mostPassword  = 256 // bytes
	mostName      = 64
)

// common are passwords of the public lists that are long enough to pass the length.
var common = [...]string{
	"123456789012", "1234567890123", "12345678901234", "qwertyuiop12", "qwertyuiop123", "qwertyuiopasdf", "1q2w3e4r5t6y", "1qaz2wsx3edc",
	"passwordpassword", "password1234", "password12345", "password123456", "adminadminadmin", "administrator", "changemechangeme",
	"changeme1234", "letmeinletmein", "iloveyou1234", "welcome12345", "abcdefghijkl", "abcd12345678", "zaq12wsxcde3", "asdfghjkl123",
	"wellkeeper123", "wellkeeperwellkeeper", "wellkeeper1234", "unitedstates", "manchesterunited", "computer1234", "technician123", "engineer1234",
}

func checkPassword(name, password string) error {
	bad := func(format string, args ...any) error {
		return &InputError{"password", fmt.Sprintf(format, args...)}
	}
	lower := strings.ToLower(password)
	switch {
	case !utf8.ValidString(password):
		return bad("a password must be text")
	case utf8.RuneCountInString(password) < leastPassword:
		return bad("a password has at least %d characters; a few words in a row are easy to remember", leastPassword)
	case len(password) > mostPassword:
		return bad("a password has at most %d bytes", mostPassword)
	case different(password) < 5:
		return bad("this password repeats the same few characters; take a few words in a row")
	case len(name) >= 4 && strings.Contains(lower, strings.ToLower(name)):
		return bad("a password must not contain the user's name")
	}
	for _, c := range common {
		if lower == c {
			return bad("this password is on the lists that are tried first; take another one")
		}
	}
	return nil
}

func different(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

func checkName(name string) error {
	bad := &InputError{"username", "a user's name has 1 to 64 letters, digits or the characters . _ - @, and begins with a letter or digit"}
	if name == "" || len(name) > mostName || strings.ContainsAny(name[:1], "._-@") {
		return bad
	}
	for _, r := range name {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !plain && !strings.ContainsRune("._-@", r) {
			return bad
		}
	}
	return nil
}
