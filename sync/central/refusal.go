package central

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"wellkeeper.internal/sync/wire"
)

// SQLSTATEs of the centre's own functions.
const (
	codeUnregistered  = "WK001" // the role is no registered edge
	codeUnknownWell   = "WK002"
	codeUnknownLayout = "WK003"
	codeDamaged       = "WK004"
	codeVersion       = "WK005" // the centre cannot read this version of the format
	codeTooLarge      = "WK006"
	codeForeignEpoch  = "WK007"
)

// SQLSTATEs of PostgreSQL that speak of the centre, not of the batch.
const (
	codeNoRight        = "42501"
	codeNoFunction     = "42883"
	codeNoSchema       = "3F000"
	codeNoDatabase     = "3D000"
	codeReadOnly       = "25006" // a standby, or a database set read-only
	codeUndefinedTable = "42P01"
)

// refusal turns an error of the driver into one that says what to do. The outcome of a
// call that broke is unknown.
func refusal(ctx context.Context, operation string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", operation, cause) // the caller gave up, not the link
	}
	server, ok := errors.AsType[*pgconn.PgError](err)
	if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
		return &wire.Refusal{Class: wire.Untrusted, Text: linkText(operation, err), Err: err}
	}
	if !ok {
		return &wire.Refusal{Class: wire.Unreachable, Text: linkText(operation, err), Err: err}
	}
	r := &wire.Refusal{Class: classOf(server.Code), Code: server.Code, Text: server.Message, Err: err}
	switch {
	case server.Hint != "":
		r.Text += "; " + server.Hint
	case server.Code == codeNoFunction || server.Code == codeNoSchema:
		r.Text = "the database has no schema of Wellkeeper; run: wellkeeper central migrate"
	}
	return r
}

func classOf(code string) wire.Class {
	switch code {
	case codeUnregistered, codeVersion, codeForeignEpoch, codeNoRight, codeNoFunction, codeNoSchema, codeNoDatabase, codeReadOnly, codeUndefinedTable:
		return wire.NotReady
	case codeUnknownWell:
		return wire.UnknownWell
	case codeUnknownLayout:
		return wire.UnknownLayout
	case codeDamaged, codeTooLarge:
		return wire.BadBatch
	}
	if len(code) != 5 {
		return wire.Busy
	}
	switch code[:2] {
	case "08", "40", "53", "55", "57", "58":
		return wire.Busy
	case "28":
		return wire.NotReady
	}
	// 22, 23, 42, and what nobody foresaw: an internal error that one batch provokes must
	// not hold up the others for ever. Set aside, it is tried again later.
	return wire.BadBatch
}

func linkText(operation string, err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err):
		return operation + ": no answer in time"
	case operation == "connect":
		return "no connection to the centre: " + lastLine(err)
	}
	return "connection lost: " + lastLine(err)
}

// lastLine is the innermost cause: the driver wraps it in text that repeats user,
// database and host for each attempt.
func lastLine(err error) string {
	for {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			if all := joined.Unwrap(); len(all) > 0 {
				err = all[len(all)-1]
				continue
			}
		}
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
