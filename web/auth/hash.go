package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The floor of OWASP for argon2id. A box of 1 GB that polls beside it has no more to
// spare, and one hash at a time is the most that a flood of logins can make it hold.
const (
	hashMemory  = 19 * 1024 // KiB
	hashPasses  = 2
	hashThreads = 1
	hashSalt    = 16
	hashLength  = 32
	// waitingHashes may stand in line; the next is told to come again.
	waitingHashes = 4
)

// hasher makes and checks hashes of passwords, one at a time.
type hasher struct {
	turn  chan struct{} // held while a hash is made
	queue chan struct{} // held by who makes one and who waits
	// decoy is checked where there is no such user, so that the answer takes as long.
	decoy string
}

func newHasher() (*hasher, error) {
	random := make([]byte, hashSalt+hashLength)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("make a salt: %w", err)
	}
	return &hasher{
		turn: make(chan struct{}, 1), queue: make(chan struct{}, 1+waitingHashes),
		decoy: encodeHash(hashMemory, hashPasses, hashThreads, random[:hashSalt], random[hashSalt:]),
	}, nil
}

// hash is the encoded hash of a password under a new salt. It waits for its turn
// however many stand in line: only who may make users asks for it.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, hashSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	sum, err := h.key(ctx, password, salt, hashPasses, hashMemory, hashThreads, hashLength)
	if err != nil {
		return "", err
	}
	return encodeHash(hashMemory, hashPasses, hashThreads, salt, sum), nil
}

// matches reports whether a password is the one of an encoded hash. Too many at once
// give ErrBusy.
func (h *hasher) matches(ctx context.Context, password, encoded string) (bool, error) {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return false, ErrBusy
	}
	memory, passes, threads, salt, want, err := decodeHash(encoded)
	if err != nil {
		return false, err
	}
	got, err := h.key(ctx, password, salt, passes, memory, threads, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *hasher) key(ctx context.Context, password string, salt []byte, passes, memory uint32, threads uint8, length uint32) ([]byte, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a login: %w", context.Cause(ctx))
	}
	return argon2.IDKey([]byte(password), salt, passes, memory, threads, length), nil
}

// encodeHash writes a hash as the reference implementation of argon2 does.
func encodeHash(memory, passes uint32, threads uint8, salt, sum []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads, b.EncodeToString(salt), b.EncodeToString(sum))
}

// decodeHash reads an encoded hash, within bounds that this machine can bear.
func decodeHash(encoded string) (memory, passes uint32, threads uint8, salt, sum []byte, err error) {
	bad := fmt.Errorf("the stored hash of a password is damaged: set the password anew with wellkeeper user passwd")
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return 0, 0, 0, nil, nil, bad
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil {
		return 0, 0, 0, nil, nil, bad
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	sum, errSum := base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errSum != nil || len(salt) < 8 || len(sum) < 16 || len(sum) > 64 ||
		memory < 8 || memory > 64*1024 || passes < 1 || passes > 10 || threads < 1 || threads > 4 {
		return 0, 0, 0, nil, nil, bad
	}
	return memory, passes, threads, salt, sum, nil
}
