package central

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// State is what the centre has, for the command central status.
type State struct {
	Schema      int       `json:"schema"`       // version; 0: not migrated
	Known       int       `json:"known_schema"` // version of this release
	ServerTime  time.Time `json:"server_time"`
	Bytes       int64     `json:"bytes"` // of the readings on disk, indexes included
	Partitions  int       `json:"partitions"`
	TimescaleDB bool      `json:"timescaledb"` // the extension is installed
	// Compatible names the platform's tables that are offered in schema public; the others
	// were taken, and old queries must be pointed at schema esp.
	Compatible []string    `json:"compatible"`
	Edges      []EdgeState `json:"edges"`
	Wells      []WellState `json:"wells"`
}

// EdgeState is one registered edge.
type EdgeState struct {
	Name     string     `json:"name"`
	Role     string     `json:"role"`
	Software string     `json:"software,omitempty"`
	Seen     *time.Time `json:"seen"`
	Wells    []string   `json:"wells"`
	Records  int64      `json:"records"`
}

// WellState is one well: its scans, over all epochs.
type WellState struct {
	Name   string     `json:"name"`
	Last   *time.Time `json:"last"` // time of the newest scan
	Rows   int64      `json:"rows"`
	Ranges int64      `json:"ranges"` // runs of scan numbers; more than epochs means holes
	Epochs int64      `json:"epochs"`
}

// Status reads what the centre has.
func Status(ctx context.Context, dsn string) (State, error) {
	conn, err := dialAdmin(ctx, dsn)
	if err != nil {
		return State{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	steps, err := migrations()
	if err != nil {
		return State{}, err
	}
	st := State{Known: len(steps)}
	if st.Schema, err = schemaVersion(ctx, conn); err != nil || st.Schema == 0 {
		return st, err
	}
	err = conn.QueryRow(ctx, `SELECT clock_timestamp(),
			coalesce((SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent IN ('esp.reading_raw'::regclass, 'esp.reading_extra'::regclass)), 0),
			(SELECT count(*) FROM pg_inherits WHERE inhparent = 'esp.reading_raw'::regclass),
			EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb'),
			ARRAY(SELECT n FROM unnest(ARRAY['esp_telemetry', 'diagnostic_results']) n WHERE EXISTS (
				SELECT FROM pg_views WHERE schemaname = 'public' AND viewname = n AND definition LIKE '%esp.' || n || '%'))`).
		Scan(&st.ServerTime, &st.Bytes, &st.Partitions, &st.TimescaleDB, &st.Compatible)
	if err != nil {
		return st, fmt.Errorf("read status: %w", err)
	}
	rows, err := conn.Query(ctx, `SELECT e.name, e.role::text, coalesce(e.software, ''), e.seen_at,
			ARRAY(SELECT w.name FROM esp.edge_well ew JOIN esp.well w ON w.id = ew.well_id WHERE ew.edge_id = e.id ORDER BY w.name),
			(SELECT count(*) FROM esp.record r WHERE r.edge_id = e.id)
		FROM esp.edge e ORDER BY e.name`)
	if err != nil {
		return st, fmt.Errorf("read edges: %w", err)
	}
	if st.Edges, err = pgx.CollectRows(rows, pgx.RowToStructByPos[EdgeState]); err != nil {
		return st, fmt.Errorf("read edges: %w", err)
	}
	rows, err = conn.Query(ctx, `SELECT w.name, w.last_time, coalesce(sum(b.rows), 0)::bigint,
			coalesce(sum((SELECT count(*) FROM unnest(b.applied))), 0)::bigint, count(b)
		FROM esp.well w LEFT JOIN esp.batch b ON b.well_id = w.id GROUP BY w.id ORDER BY w.name`)
	if err != nil {
		return st, fmt.Errorf("read wells: %w", err)
	}
	if st.Wells, err = pgx.CollectRows(rows, pgx.RowToStructByPos[WellState]); err != nil {
		return st, fmt.Errorf("read wells: %w", err)
	}
	return st, nil
}
