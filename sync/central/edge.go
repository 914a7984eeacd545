package central

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/wire"
)

// ErrRole says that a role cannot serve as an edge's.
var ErrRole = errors.New("role cannot be an edge")

// edgeName keeps names of edges usable as names of roles, files and words on a command
// line.
var edgeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)

// AddEdge makes the login role name with the password, which may call the three
// functions of an edge and nothing else, and gives it the wells. Repeating it adds
// wells and, with a password, sets that anew. The error wraps ErrRole where the role
// exists and has rights beyond an edge's.
func AddEdge(ctx context.Context, dsn, name string, wells []esp.WellID, password string) error {
	if !edgeName.MatchString(name) || strings.HasPrefix(name, "pg_") {
		return fmt.Errorf("%w: %q: up to 63 letters, digits, dots, dashes and underscores, beginning with a letter or digit", ErrRole, name)
	}
	conn, err := dialAdmin(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // everything is committed or not
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("add edge: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit it does nothing
	version, err := schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	if version == 0 {
		return errors.New("add edge: the database has no schema of Wellkeeper; run central migrate first")
	}
	if err := makeRole(ctx, tx, name, password); err != nil {
		return err
	}
	if err := registerEdge(ctx, tx, name, name, wells); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("add edge: %w", err)
	}
	return nil
}

// makeRole makes or checks the login role. Its sessions notice a dead peer soon, since
// each half-open one holds a place.
func makeRole(ctx context.Context, tx pgx.Tx, name, password string) error {
	role := pgx.Identifier{name}.Sanitize()
	var there, strong bool
	err := tx.QueryRow(ctx, `SELECT count(*) > 0, coalesce(bool_or(rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
			OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)), false)
		FROM pg_roles r WHERE rolname = $1`, name).Scan(&there, &strong)
	if err != nil {
		return fmt.Errorf("add edge: %w", err)
	}
	if strong {
		return fmt.Errorf("%w: %s exists and has rights beyond an edge's; choose another name", ErrRole, name)
	}
	if !there {
		if password == "" {
			return fmt.Errorf("%w: %s needs a password", ErrRole, name)
		}
		if _, err := tx.Exec(ctx, "CREATE ROLE "+role+" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION CONNECTION LIMIT 8"); err != nil {
			return fmt.Errorf("create role: %w", err)
		}
	}
	settings := []string{
		"ALTER ROLE " + role + " SET statement_timeout = '60s'",
		"ALTER ROLE " + role + " SET idle_in_transaction_session_timeout = '60s'",
		"ALTER ROLE " + role + " SET tcp_keepalives_idle = 60",
		"ALTER ROLE " + role + " SET tcp_keepalives_interval = 10",
		"ALTER ROLE " + role + " SET tcp_keepalives_count = 3",
	}
	if password != "" {
		verifier, err := scramVerifier(password)
		if err != nil {
			return err
		}
		settings = append(settings, "ALTER ROLE "+role+" PASSWORD '"+verifier+"'")
	}
	for _, s := range settings {
		if _, err := tx.Exec(ctx, s); err != nil {
			return fmt.Errorf("set up role: %w", err)
		}
	}
	return nil
}

// registerEdge enters the edge; the caller is the schema's owner, a member of it or a
// superuser.
func registerEdge(ctx context.Context, tx pgx.Tx, name, role string, wells []esp.WellID) error {
	names := make([]string, len(wells))
	for i, w := range wells {
		names[i] = string(w)
	}
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{"SET LOCAL ROLE esp_owner", nil},
		{"SELECT esp.add_edge($1, $2, $3)", []any{name, role, names}},
		{"SET LOCAL ROLE NONE", nil},
	} {
		if _, err := tx.Exec(ctx, q.sql, q.args...); err != nil {
			return fmt.Errorf("register edge: %w", err)
		}
	}
	return nil
}

// scramVerifier is what PostgreSQL stores of a password (RFC 5803), so that the
// password itself appears in no server log.
func scramVerifier(password string) (string, error) {
	const iterations = 4096 // what PostgreSQL uses itself
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make salt: %w", err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	client := sha256.Sum256(sign(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(client[:]), b64(sign(salted, "Server Key"))), nil
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// mayRegister reports whether err is one that this edge may cure by itself: trials run
// on one machine, where nobody has prepared the database.
func (s *Sink) mayRegister(err error) bool {
	r, ok := errors.AsType[*wire.Refusal](err)
	if !ok || !s.loopback {
		return false
	}
	switch r.Code {
	case codeUnregistered, codeUnknownWell, codeNoFunction, codeNoSchema:
		return true
	case codeNoRight: // a schema that this role may not use, or that is missing
		return true
	}
	return false
}

// registerSelf migrates where there is no schema and registers this edge, with the
// rights of its own role. Without these rights the refusal that led here stands.
func (s *Sink) registerSelf(ctx context.Context, why error) error {
	bounded, cancel := s.within(ctx)
	defer cancel()
	conn, err := pgx.Connect(bounded, s.config.DSN)
	if err != nil {
		return refusal(ctx, "connect", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) // everything is committed or not
	if may, err := mayOwn(bounded, conn); err != nil {
		return refusal(ctx, "register", err)
	} else if !may {
		return s.notRegistered(why)
	}
	if _, err := migrate(bounded, conn); err != nil && !errors.Is(err, ErrNewerSchema) {
		return refusal(ctx, "register", err)
	}
	tx, err := conn.Begin(bounded)
	if err != nil {
		return refusal(ctx, "register", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit it does nothing
	var wells []esp.WellID
	if s.config.Wells != nil {
		wells = s.config.Wells()
	}
	if err := registerEdge(bounded, tx, s.config.Edge, conn.Config().User, wells); err != nil {
		return refusal(ctx, "register", err)
	}
	if err := tx.Commit(bounded); err != nil {
		return refusal(ctx, "register", err)
	}
	s.config.Log.Info().Str("edge", s.config.Edge).Msg("registered this edge at the centre on this machine")
	return nil
}

// mayOwn reports whether the role may migrate: it is a superuser, belongs to the owner
// of the schema, or may make both.
func mayOwn(ctx context.Context, conn *pgx.Conn) (may bool, err error) {
	err = conn.QueryRow(ctx, `SELECT rolsuper
			OR EXISTS (SELECT FROM pg_roles o WHERE o.rolname = 'esp_owner' AND pg_has_role(r.oid, o.oid, 'MEMBER'))
			OR rolcreaterole AND has_database_privilege(current_database(), 'CREATE')
		FROM pg_roles r WHERE rolname = session_user`).Scan(&may)
	return may, err
}

// notRegistered is one clear line for a role that is no edge and may not become one.
func (s *Sink) notRegistered(why error) error {
	if r, ok := errors.AsType[*wire.Refusal](why); ok && r.Code != codeNoRight {
		return why // it already says what is missing
	}
	return &wire.Refusal{
		Class: wire.NotReady, Code: codeUnregistered, Err: why,
		Text: fmt.Sprintf("role %q is no registered edge of this centre; run: wellkeeper central add-edge", s.conn.User),
	}
}
