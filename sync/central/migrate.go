package central

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"wellkeeper.internal/appliance/esp"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// ErrNewerSchema says that the centre's schema was made by a later release.
var ErrNewerSchema = errors.New("the schema is of a later release")

// migration is one step of the schema.
type migration struct {
	version int
	name    string
	sql     string
}

// migrations reads the embedded steps in their order.
func migrations() ([]migration, error) {
	entries, err := fs.ReadDir(migrationFiles, "migrations") // sorted by name
	if err != nil {
		return nil, err
	}
	out := make([]migration, 0, len(entries))
	for i, e := range entries {
		number, name, ok := strings.Cut(strings.TrimSuffix(e.Name(), ".sql"), "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil || version != i+1 {
			return nil, fmt.Errorf("BUG: migration %s is not number %d", e.Name(), i+1)
		}
		body, err := fs.ReadFile(migrationFiles, "migrations/"+e.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, migration{version: version, name: name, sql: string(body)})
	}
	return out, nil
}

// Migrated says what Migrate did.
type Migrated struct {
	From, To int // versions of the schema
	Signals  int // columns added to the readings
}

// Migrate brings the schema of the database at dsn up to this release. It may be
// repeated and run from several places at once; it either succeeds wholly or leaves
// the database as it was. The role needs the rights to create roles and a schema. The
// error wraps ErrNewerSchema where the database is ahead of this release.
func Migrate(ctx context.Context, dsn string) (Migrated, error) {
	conn, err := dialAdmin(ctx, dsn)
	if err != nil {
		return Migrated{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // everything is committed or not
	return migrate(ctx, conn)
}

func dialAdmin(ctx context.Context, dsn string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect to the central database: %w", err)
	}
	return conn, nil
}

func migrate(ctx context.Context, conn *pgx.Conn) (Migrated, error) {
	steps, err := migrations()
	if err != nil {
		return Migrated{}, err
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return Migrated{}, fmt.Errorf("migrate: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit it does nothing
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('wellkeeper.migrate'))"); err != nil {
		return Migrated{}, fmt.Errorf("migrate: %w", err)
	}
	var done Migrated
	if done.From, err = schemaVersion(ctx, tx); err != nil {
		return Migrated{}, err
	}
	if done.To = len(steps); done.From > done.To {
		return Migrated{}, fmt.Errorf("%w: version %d, this one knows %d", ErrNewerSchema, done.From, done.To)
	}
	for _, m := range steps[done.From:] {
		if err := apply(ctx, tx, m); err != nil {
			return Migrated{}, err
		}
	}
	if done.Signals, err = defineSignals(ctx, tx, done.From != done.To); err != nil {
		return Migrated{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return Migrated{}, fmt.Errorf("migrate: %w", err)
	}
	return done, nil
}

// apply runs one step with the caller's role; each step takes the owner's by itself.
func apply(ctx context.Context, tx pgx.Tx, m migration) error {
	if _, err := tx.Conn().PgConn().Exec(ctx, m.sql).ReadAll(); err != nil {
		return fmt.Errorf("migration %d (%s): %w", m.version, m.name, err)
	}
	if _, err := tx.Exec(ctx, "SET LOCAL ROLE NONE"); err != nil {
		return fmt.Errorf("migration %d (%s): %w", m.version, m.name, err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO esp.migration (version, name) VALUES ($1, $2)", m.version, m.name); err != nil {
		return fmt.Errorf("record migration %d (%s): %w", m.version, m.name, err)
	}
	return nil
}

// querier is what a transaction and a connection have in common here.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// schemaVersion is the version that the database has; 0 for none.
func schemaVersion(ctx context.Context, q querier) (int, error) {
	var there bool
	if err := q.QueryRow(ctx, "SELECT to_regclass('esp.migration') IS NOT NULL").Scan(&there); err != nil {
		return 0, fmt.Errorf("look for the schema: %w", err)
	}
	if !there {
		return 0, nil
	}
	var v int
	if err := q.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM esp.migration").Scan(&v); err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return v, nil
}

// definition is one row of the signal table as esp.define_signals reads it.
type definition struct {
	Name     string   `json:"name"`
	Label    string   `json:"label"`
	Short    string   `json:"short"`
	Unit     esp.Unit `json:"unit"`
	Decimals int8     `json:"decimals"`
	Kind     string   `json:"kind"`
	Group    string   `json:"grp"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
}

func defineSignals(ctx context.Context, tx pgx.Tx, views bool) (added int, err error) {
	table := esp.Signals()
	definitions := make([]definition, len(table))
	for i := range table {
		s := &table[i]
		d := definition{Name: s.Name, Label: s.Label, Short: s.Short, Unit: s.Unit, Decimals: s.Decimals, Kind: kindName(s.Kind), Group: s.Group.String()}
		if s.Bounded() {
			d.Low, d.High = &s.Min, &s.Max
		}
		definitions[i] = d
	}
	body, err := json.Marshal(definitions)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, "SET LOCAL ROLE esp_owner"); err != nil {
		return 0, fmt.Errorf("become the owner of the schema: %w", err)
	}
	if err := tx.QueryRow(ctx, "SELECT esp.define_signals($1)", body).Scan(&added); err != nil {
		return 0, fmt.Errorf("define signals: %w", err)
	}
	if views {
		if _, err := tx.Exec(ctx, "SELECT esp.define_views(), esp.define_compatibility()"); err != nil {
			return 0, fmt.Errorf("define views: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, "SET LOCAL ROLE NONE"); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, compatibility); err != nil {
		return 0, fmt.Errorf("offer the platform's tables: %w", err)
	}
	return added, nil
}

// compatibility offers the platform's tables in schema public where the names are free
// and this role may create there, and takes from PUBLIC what a new database gives
// everybody: the right to temporary tables and to large objects, with which a stolen
// edge could fill the disk. Roles that exist and are no edges keep both.
const compatibility = `DO $$
DECLARE
	v_name text;
	v_role name;
	v_fn   regprocedure;
BEGIN
	FOREACH v_name IN ARRAY ARRAY['esp_telemetry', 'diagnostic_results'] LOOP
		CONTINUE WHEN to_regclass('public.' || v_name) IS NOT NULL OR to_regnamespace('public') IS NULL
			OR NOT has_schema_privilege('public', 'CREATE') OR NOT has_table_privilege('esp.' || v_name, 'SELECT');
		EXECUTE format('CREATE VIEW public.%I AS SELECT * FROM esp.%I', v_name, v_name);
		EXECUTE format('GRANT SELECT ON public.%I TO esp_reader', v_name);
	END LOOP;
	IF has_database_privilege('public', current_database(), 'TEMP')
		AND pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE') THEN
		FOR v_role IN SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT EXISTS (SELECT FROM esp.edge WHERE role = rolname) LOOP
			EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), v_role);
		END LOOP;
		EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
	END IF;
	IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		FOREACH v_fn IN ARRAY ARRAY['pg_catalog.lo_create(oid)', 'pg_catalog.lo_creat(integer)', 'pg_catalog.lo_from_bytea(oid, bytea)']::regprocedure[] LOOP
			CONTINUE WHEN NOT has_function_privilege('public', v_fn, 'EXECUTE');
			FOR v_role IN SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT EXISTS (SELECT FROM esp.edge WHERE role = rolname) LOOP
				EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', v_fn, v_role);
			END LOOP;
			EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', v_fn);
		END LOOP;
	END IF;
END $$`

func kindName(k esp.Kind) string {
	switch k {
	case esp.Counter:
		return "counter"
	case esp.Status:
		return "status"
	case esp.Derived:
		return "derived"
	case esp.Analog:
	}
	return "analog"
}
