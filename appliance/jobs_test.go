package appliance_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
)

func count(list []string, what string) (n int) {
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

// A block that rotted on the disk is found by the job, told once as an event, and what
// is around it stays.
func TestVerify(t *testing.T) {
	data := t.TempDir()
	from := time.Now().Add(-150 * time.Minute).Truncate(time.Second)
	first := start(t, appliance.Options{Config: testConfig(t, data), Past: steady(from, 6000)})
	first.past(3600)
	first.stop()
	files, err := filepath.Glob(filepath.Join(data, "history", "*.db"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no history: %v", err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("WKBk"))
	b[at+200] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}

	app, err := appliance.New(t.Context(), appliance.Options{Config: testConfig(t, data)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	for range 2 {
		text, err := app.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Log(text)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := count(events(t, data), "history_damaged"); n != 1 {
		t.Errorf("%d events of damage, want 1", n)
	}
}

// shown is the certificate that the page shows itself with.
func shown(t *testing.T, address string) *x509.Certificate {
	t.Helper()
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

// plant puts an automatic certificate of the given life in the data folder.
func plant(t *testing.T, data string, from, to time.Time) *ecdsa.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(data, "tls")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"certificate.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &key.PublicKey
}

func TestTheCertificateIsRenewedWhileItIsServed(t *testing.T) {
	now := time.Now()
	tests := map[string]struct {
		from, to time.Time
		renewed  bool
	}{
		"good for two months":                {now.AddDate(-1, 0, 0), now.AddDate(0, 2, 0), false},
		"ends in ten days":                   {now.AddDate(-1, 0, 0), now.AddDate(0, 0, 10), true},
		"made when the clock was ahead":      {now.AddDate(10, 0, 0), now.AddDate(12, 0, 0), true},
		"good for long, of an older release": {now.AddDate(-5, 0, 0), now.AddDate(20, 0, 0), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			key := plant(t, data, tt.from, tt.to)
			cfg := testConfig(t, data)
			cfg.Web.TLS.Mode = config.TLSAuto
			app, err := appliance.New(t.Context(), appliance.Options{Config: cfg})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- app.Run(ctx) }()
			page, err := url.Parse(app.URL())
			if err != nil {
				t.Fatal(err)
			}
			before := shown(t, page.Host)
			text, err := app.RenewCertificate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			after := shown(t, page.Host)
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if after.Equal(before) == tt.renewed {
				t.Errorf("the certificate until %s became one until %s: %s", before.NotAfter, after.NotAfter, text)
			}
			if n := count(events(t, data), "certificate_renewed"); (n == 1) != tt.renewed {
				t.Errorf("%d events", n)
			}
			if !tt.renewed {
				return
			}
			if !key.Equal(after.PublicKey) {
				t.Error("the key was changed")
			}
			if life := after.NotAfter.Sub(after.NotBefore); now.Before(after.NotBefore) || after.NotAfter.Sub(now) < 700*24*time.Hour || life > 825*24*time.Hour {
				t.Errorf("valid from %s to %s", after.NotBefore, after.NotAfter)
			}
		})
	}
}

// Half a certificate, as a power cut may leave it, is made anew.
func TestADamagedCertificate(t *testing.T) {
	for _, file := range []string{"certificate.pem", "key.pem"} {
		t.Run(file, func(t *testing.T) {
			data := t.TempDir()
			plant(t, data, time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))
			if err := os.WriteFile(filepath.Join(data, "tls", file), []byte("-----BEGIN"), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t, data)
			cfg.Web.TLS.Mode = config.TLSAuto
			r := start(t, appliance.Options{Config: cfg})
			if c := shown(t, strings.TrimPrefix(r.url, "https://")); time.Now().After(c.NotAfter) {
				t.Errorf("valid until %s", c.NotAfter)
			}
		})
	}
}
