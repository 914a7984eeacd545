package docs_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/central/centraltest"
)

// everySignal is the row of the document that stands for a column per signal.
const everySignal = "*each signal*"

// The page of the database lists every table and view of the migrated schema with
// every column and its type, and nothing else.
func TestDatabaseSchema(t *testing.T) {
	conn := mustMigrated(t)
	want := relations(t, conn)
	got := described(mustRead(t, "docs/database.md"))
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] == nil {
			t.Errorf("docs/database.md does not describe %s", name)
			continue
		}
		for _, missing := range want[name] {
			if !slices.Contains(got[name], missing) {
				t.Errorf("%s: the document lacks | `%s` |", name, missing)
			}
		}
		for _, odd := range got[name] {
			if !slices.Contains(want[name], odd) {
				t.Errorf("%s: the document has %s, the schema has not", name, odd)
			}
		}
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("docs/database.md describes %s, which is not there", name)
		}
	}
}

// The example queries run, as the role that reads.
func TestDatabaseQueries(t *testing.T) {
	conn := mustMigrated(t)
	if _, err := conn.Exec(t.Context(), "SET ROLE esp_reader"); err != nil {
		t.Fatal(err)
	}
	var queries int
	for _, s := range snippets(mustRead(t, "docs/database.md")) {
		if s.language != "sql" {
			continue
		}
		queries++
		// Grafana's macros, as Grafana expands them.
		sql := strings.NewReplacer("$__timeFilter(time)", "time BETWEEN now() - interval '6 hours' AND now()", "$well", "RB-114").Replace(s.text)
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("docs/database.md:%d: %v", s.line, err)
		}
	}
	if queries < 5 {
		t.Errorf("%d queries in docs/database.md, want examples", queries)
	}
}

func mustMigrated(tb testing.TB) *pgx.Conn {
	tb.Helper()
	db := centraltest.MustStart(tb)
	if _, err := central.Migrate(tb.Context(), db.DSN()); err != nil {
		tb.Fatal(err)
	}
	conn, err := pgx.Connect(tb.Context(), db.DSN())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.WithoutCancel(tb.Context())) })
	return conn
}

// relations are the columns of each table and view, as "name type"; the columns that
// are made one for each signal are one.
func relations(tb testing.TB, conn *pgx.Conn) map[string][]string {
	tb.Helper()
	rows, err := conn.Query(tb.Context(), `
		SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), EXISTS (SELECT FROM esp.signal s WHERE s.name = a.attname)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'esp'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
		ORDER BY c.relname, a.attnum`)
	if err != nil {
		tb.Fatal(err)
	}
	found := map[string][]string{}
	for rows.Next() {
		var relation, column, kind string
		var signal bool
		if err := rows.Scan(&relation, &column, &kind, &signal); err != nil {
			tb.Fatal(err)
		}
		relation = "esp." + relation
		kind = shortTypes.Replace(kind)
		if signal && (relation == "esp.reading" || relation == "esp.reading_raw") {
			column = everySignal
		}
		if entry := fmt.Sprintf("%s %s", column, kind); !slices.Contains(found[relation], entry) {
			found[relation] = append(found[relation], entry)
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return found
}

// shortTypes are the names that people write.
var shortTypes = strings.NewReplacer("timestamp with time zone", "timestamptz", "double precision", "float8", "smallint", "int2", "integer", "int")

// described takes the tables under headings "### esp.NAME" of the document apart.
func described(text string) map[string][]string {
	name := regexp.MustCompile("^### `(esp\\.[a-z_]+)`")
	row := regexp.MustCompile("^\\| (`[a-z_]+`|" + regexp.QuoteMeta(everySignal) + ") \\| ([^|]+) \\|")
	found := map[string][]string{}
	var relation string
	for line := range strings.Lines(text) {
		if m := name.FindStringSubmatch(line); m != nil {
			relation = m[1]
			found[relation] = []string{}
		}
		if m := row.FindStringSubmatch(line); m != nil && relation != "" {
			found[relation] = append(found[relation], strings.Trim(m[1], "`")+" "+m[2])
		}
	}
	return found
}
