package central_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"

	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/wire"
)

// A server whose certificate is not accepted is told apart from one that is not there:
// the cure is another.
func TestServerThatIsNotTrusted(t *testing.T) {
	made := httptest.NewUnstartedServer(nil)
	made.StartTLS() // for its certificate, which nobody has signed
	defer made.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil { // the request for TLS
					return
				}
				if _, err := conn.Write([]byte("S")); err != nil {
					return
				}
				_ = tls.Server(conn, &tls.Config{Certificates: made.TLS.Certificates, MinVersion: tls.VersionTLS12}).HandshakeContext(t.Context())
			}()
		}
	}()
	s := mustSink(t, central.Config{DSN: "postgres://e:p@" + l.Addr().String() + "/x?sslmode=verify-full"})
	_, err = s.Ingest(t.Context(), 1, []byte("x"))
	refused(t, err, wire.Untrusted, "")
}
