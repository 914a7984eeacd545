package tap

import (
	"bytes"
	"context"
	"io"
	"net"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Feed is what a client gets that sends b and leaves.
func (s *Server) Feed(ctx context.Context, b []byte) []byte {
	c := &fed{in: bytes.NewReader(b)}
	s.serve(ctx, c)
	return c.out.Bytes()
}

type fed struct {
	net.Conn

	in  *bytes.Reader
	out bytes.Buffer
}

func (f *fed) Read(b []byte) (int, error) {
	if f.in.Len() == 0 {
		return 0, io.EOF
	}
	return f.in.Read(b)
}
func (f *fed) Write(b []byte) (int, error)    { return f.out.Write(b) }
func (*fed) SetDeadline(time.Time) error      { return nil }
func (*fed) SetReadDeadline(time.Time) error  { return nil }
func (*fed) SetWriteDeadline(time.Time) error { return nil }

// Row is a register of our own as the document shows it.
type Row struct {
	At, Size      int
	Name, Meaning string
}

// HeadRows are the registers of the appliance, WellRows those of a well from its first on.
func HeadRows() []Row { return rows(headFields()) }

// WellRows are the registers of a well, counted from its first.
func WellRows() []Row { return rows(wellFields()) }

func rows[T any](fields []field[T]) []Row {
	var list []Row
	for i := range fields {
		list = append(list, Row{fields[i].at, fields[i].size, fields[i].name, fields[i].meaning})
	}
	return list
}

// Numbers are the numbers of the diagnoses.
func Numbers() map[uint16]esp.DiagnosisID {
	all := map[uint16]esp.DiagnosisID{}
	for _, n := range numbered {
		all[n.number] = n.id
	}
	return all
}
