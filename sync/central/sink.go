package central

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"wellkeeper.internal/sync/wire"
)

// Sink sends batches to the centre over one connection, which is opened by the first
// call and again by the first call after it broke. It is used by one goroutine; only
// Bytes may be called from others. Errors are *wire.Refusal, except for a cancelled
// context.
type Sink struct {
	config   Config
	conn     *pgconn.Config
	loopback bool

	open           *pgconn.PgConn
	sent, received atomic.Uint64
}

// Bytes are how many bytes have gone over the sockets so far, TLS included.
func (s *Sink) Bytes() (sent, received uint64) { return s.sent.Load(), s.received.Load() }

// Close ends the connection, if there is one.
func (s *Sink) Close(ctx context.Context) error {
	if s.open == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := s.open.Close(ctx)
	s.open = nil
	return err
}

// Hello asks the centre what it already has of the given epochs. On loopback it makes
// the schema and registers this edge where the role may do so.
func (s *Sink) Hello(ctx context.Context, epochs []uint64) (wire.Greeting, error) {
	g, err := s.hello(ctx, epochs)
	if err != nil && s.mayRegister(err) {
		if err = s.registerSelf(ctx, err); err == nil {
			g, err = s.hello(ctx, epochs)
		}
	}
	return g, err
}

func (s *Sink) hello(ctx context.Context, epochs []uint64) (wire.Greeting, error) {
	client := struct {
		Software string  `json:"software"`
		Epochs   []int64 `json:"epochs"`
	}{s.config.Software, make([]int64, len(epochs))}
	for i, e := range epochs {
		client.Epochs[i] = int64(e)
	}
	body, err := json.Marshal(client)
	if err != nil {
		return wire.Greeting{}, err
	}
	row, err := s.call(ctx, "SELECT esp.hello($1::jsonb)::text", text(body))
	if err != nil {
		return wire.Greeting{}, err
	}
	var g wire.Greeting
	if err := json.Unmarshal(row[0], &g); err != nil {
		return g, &wire.Refusal{Class: wire.NotReady, Text: "the centre's greeting cannot be read", Err: err}
	}
	return g, nil
}

// Register makes a layout known to the centre.
func (s *Sink) Register(ctx context.Context, m *wire.Mapping) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	register := func() error {
		_, err := s.call(ctx, "SELECT esp.register_layout($1, $2::jsonb)", bigint(uint64(m.Layout().ID())), text(body))
		return err
	}
	err = register()
	// A well may have been added to the configuration since this edge registered itself.
	if err != nil && s.mayRegister(err) {
		if err = s.registerSelf(ctx, err); err == nil {
			err = register()
		}
	}
	return err
}

// Ingest sends one batch. seq is the sender's number of it, for the centre's ledger
// page; repeating a batch changes nothing.
func (s *Sink) Ingest(ctx context.Context, seq uint64, payload []byte) (wire.Receipt, error) {
	row, err := s.call(ctx, "SELECT applied, repeated FROM esp.ingest($1, $2)", bigint(seq), bytea(payload))
	if err != nil {
		return wire.Receipt{}, err
	}
	applied, err1 := strconv.ParseUint(string(row[0]), 10, 64)
	repeated, err2 := strconv.ParseUint(string(row[1]), 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return wire.Receipt{}, &wire.Refusal{Class: wire.NotReady, Text: "the centre's receipt cannot be read", Err: err}
	}
	return wire.Receipt{Applied: applied, Repeated: repeated}, nil
}

// param is a query parameter in its binary form, so that bytes do not double as hex.
type param struct {
	value  []byte
	oid    uint32
	format int16
}

func bigint(v uint64) param {
	return param{binary.BigEndian.AppendUint64(nil, v), pgtype.Int8OID, pgtype.BinaryFormatCode}
}

func bytea(v []byte) param { return param{v, pgtype.ByteaOID, pgtype.BinaryFormatCode} }

func text(v []byte) param { return param{v, pgtype.TextOID, pgtype.TextFormatCode} }

// call runs a query that gives one row and returns it as text. It uses the unnamed
// statement: nothing to prepare again after a restart of the server or behind a pooler,
// and one round trip.
func (s *Sink) call(ctx context.Context, query string, params ...param) ([][]byte, error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	if err := s.connect(bounded); err != nil {
		return nil, refusal(ctx, "connect", err)
	}
	values, oids, formats := make([][]byte, len(params)), make([]uint32, len(params)), make([]int16, len(params))
	for i, p := range params {
		values[i], oids[i], formats[i] = p.value, p.oid, p.format
	}
	result := s.open.ExecParams(bounded, query, values, oids, formats, nil).Read()
	if s.open.IsClosed() {
		s.config.Log.Info().Msg("connection to the centre lost")
		s.open = nil
	}
	switch {
	case result.Err != nil:
		return nil, refusal(ctx, "call", result.Err)
	case len(result.Rows) != 1:
		return nil, &wire.Refusal{Class: wire.NotReady, Text: fmt.Sprintf("the centre answered with %d rows instead of one", len(result.Rows))}
	}
	return result.Rows[0], nil
}

func (s *Sink) connect(ctx context.Context) error {
	if s.open != nil && !s.open.IsClosed() {
		return nil
	}
	open, err := pgconn.ConnectConfig(ctx, s.conn)
	if err != nil {
		return err
	}
	s.open = open
	s.config.Log.Info().Str("host", s.conn.Host).Msg("connected to the centre")
	return nil
}

// dial opens a socket that notices a dead peer within half a minute and counts its
// bytes.
func (s *Sink) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{
		Timeout:         15 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		ControlContext: func(_ context.Context, network, _ string, raw syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			return raw.Control(tuneSocket)
		},
	}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: c, sink: s}, nil
}

// tuneSocket asks for BBR, which keeps a lossy satellite or radio link filled where
// the default collapses. Kernels without it refuse, and nothing is lost by that.
func tuneSocket(fd uintptr) {
	_ = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, "bbr")
}

type countedConn struct {
	net.Conn
	sink *Sink
}

// Read counts what comes.
func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.sink.received.Add(uint64(n))
	return n, err
}

// Write counts what goes.
func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sink.sent.Add(uint64(n))
	return n, err
}
