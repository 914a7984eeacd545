package auth

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// accessLasts is how long an access token can be used before it must be refreshed.
const accessLasts = 10 * time.Minute

const (
	issuer       = "wellkeeper"
	useAccess    = "access"
	useRefresh   = "refresh"
	signedWith   = "HS256"
	mostTokenLen = 2048
)

// Tokens are what a program gets for a login.
type Tokens struct {
	Access, Refresh string
	User            User
}

type claims struct {
	jwt.RegisteredClaims

	Session string `json:"sid"` // hash of the session's secret, which nobody holds
	Use     string `json:"use"`
}

// Grant logs a program in. The errors are those of Login.
func (a *Authority) Grant(ctx context.Context, t Attempt) (Tokens, error) {
	u, err := a.check(ctx, &t)
	if err != nil {
		return Tokens{}, err
	}
	secret, u, err := a.open(u, &t, true)
	if err != nil {
		return Tokens{}, err
	}
	k := hashOf(secret)
	refresh, err := a.sign(u.Name, k, useRefresh, programLasts)
	if err != nil {
		return Tokens{}, err
	}
	access, err := a.sign(u.Name, k, useAccess, accessLasts)
	return Tokens{access, refresh, u.user()}, err
}

// Renew gives another access token for a refresh token. ErrToken.
func (a *Authority) Renew(refresh string) (Tokens, error) {
	who, err := a.bearer(refresh, useRefresh)
	if err != nil {
		return Tokens{}, err
	}
	access, err := a.sign(who.User.Name, who.session, useAccess, accessLasts)
	return Tokens{access, refresh, who.User}, err
}

// Bearer is who stands behind an access token. ErrToken.
func (a *Authority) Bearer(access string) (Identity, error) { return a.bearer(access, useAccess) }

// Holder is who a refresh token was given to. ErrToken.
func (a *Authority) Holder(refresh string) (Identity, error) { return a.bearer(refresh, useRefresh) }

func (a *Authority) sign(name string, k key, use string, lasts time.Duration) (string, error) {
	now := a.now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{issuer}, Subject: name,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lasts)),
		},
		Session: hex.EncodeToString(k[:]), Use: use,
	}).SignedString(a.signing)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return token, nil
}

// bearer proves a token. Its session must go on, so that a logout or another password
// ends it at once, whatever this machine's clock says.
func (a *Authority) bearer(token, use string) (Identity, error) {
	if len(token) > mostTokenLen {
		return Identity{}, ErrToken
	}
	var c claims
	_, err := jwt.ParseWithClaims(
		token, &c, func(*jwt.Token) (any, error) { return a.signing, nil },
		jwt.WithValidMethods([]string{signedWith}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(a.now), jwt.WithLeeway(time.Second),
	)
	if err != nil || c.Use != use {
		return Identity{}, ErrToken
	}
	k, ok := parseKey(c.Session)
	if !ok {
		return Identity{}, ErrToken
	}
	who, ok := a.holder(k, true)
	if !ok {
		return Identity{}, ErrToken
	}
	return who, nil
}
