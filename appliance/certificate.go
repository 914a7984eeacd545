package appliance

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"wellkeeper.internal/appliance/config"
)

// The automatic certificate. Systems that a person has told to trust a certificate
// refuse one that is valid for more than 825 days all the same, so it is valid for a
// little less and renewed before its end. It begins in the past, for viewers whose
// clock is behind.
const (
	certificateFor    = 820 * 24 * time.Hour
	certificateBefore = 30 * 24 * time.Hour
	// renewBefore is a day more than from when on an end is a condition of health.
	renewBefore = 31 * 24 * time.Hour
)

// release is a time before which no clock can be right.
func release() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// certificate is what the page shows itself with. It can be replaced while it is used.
type certificate struct {
	pair atomic.Pointer[tls.Certificate]
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil }

// fingerprint is the SHA-256 of the certificate, for people to compare.
func (c *certificate) fingerprint() string {
	sum := sha256.Sum256(c.pair.Load().Certificate[0])
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

// load reads the certificate that the configuration names. With tls: auto it is made
// at the first start and kept in the data folder.
func (c *certificate) load(cfg *config.Config) error {
	cert, key := cfg.Web.TLS.Cert, cfg.Web.TLS.Key
	if cfg.Web.TLS.Mode == config.TLSAuto {
		cert, key = automatic(cfg)
		if _, err := os.Stat(cert); errors.Is(err, fs.ErrNotExist) {
			if err := selfSign(cert, key); err != nil {
				return fmt.Errorf("make the page's certificate: %w", err)
			}
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil && cfg.Web.TLS.Mode == config.TLSAuto { // damaged, say by a power cut: ours to make anew
		if err = selfSign(cert, key); err == nil {
			pair, err = tls.LoadX509KeyPair(cert, key)
		}
	}
	if err != nil {
		return fmt.Errorf("load the page's certificate: %w", err)
	}
	c.pair.Store(&pair)
	return nil
}

// automatic are the files of the certificate and the key that the appliance makes.
func automatic(cfg *config.Config) (cert, key string) {
	return config.CertificateFile(cfg), filepath.Join(cfg.Data, "tls", "key.pem")
}

// serverTLS is the page's TLS configuration; nil with tls: off.
func serverTLS(cfg *config.Config, c *certificate) (*tls.Config, error) {
	if cfg.Web.TLS.Mode == config.TLSOff {
		return nil, nil
	}
	if err := c.load(cfg); err != nil {
		return nil, err
	}
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}, nil
}

// renewCertificate makes a new automatic certificate in time, and where the present
// one was made under a clock that was wrong. The key stays. It is served from the next
// connection on.
func (a *App) renewCertificate(ctx context.Context) (string, error) {
	cfg := a.config.Load()
	old := a.certificate.pair.Load().Leaf
	now := time.Now()
	if now.Before(release()) {
		return "the clock is not right yet; nothing was done", nil
	}
	if now.After(old.NotBefore) && now.Before(old.NotAfter.Add(-renewBefore)) {
		return "the certificate is good until " + old.NotAfter.Format(time.DateOnly), nil
	}
	cert, key := automatic(cfg)
	if err := selfSign(cert, key); err != nil {
		return "", fmt.Errorf("make the page's certificate: %w", err)
	}
	if err := a.certificate.load(cfg); err != nil {
		return "", err
	}
	text := fmt.Sprintf("The page's certificate was renewed and is good until %s; its SHA-256 fingerprint is %s",
		a.certificate.pair.Load().Leaf.NotAfter.Format(time.DateOnly), a.certificate.fingerprint())
	a.log.Info().Str("component", "web").Str("sha256", a.certificate.fingerprint()).Msg("the page's certificate was renewed")
	a.event(ctx, "certificate_renewed", text+".")
	return text, nil
}

// selfSign writes a P-256 certificate for the names and addresses that this machine
// has now. It takes the key that is there, or makes one.
func selfSign(certFile, keyFile string) error {
	if err := os.MkdirAll(filepath.Dir(certFile), 0o700); err != nil {
		return err
	}
	key, err := ownKey(keyFile)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		name = "wellkeeper"
	}
	from := time.Now()
	if from.Before(release()) { // the clock of a box may be wrong at its first start
		from = release()
	}
	from = from.Add(-certificateBefore).UTC().Truncate(24 * time.Hour)
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Wellkeeper"}},
		NotBefore:             from,
		NotAfter:              from.Add(certificateFor),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{name, "localhost"},
		IPAddresses:           addresses(),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	return replaceFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// ownKey reads the key in file, or makes one there. It is written before its
// certificate, which without it would stop the next start.
func ownKey(file string) (crypto.Signer, error) {
	text, err := os.ReadFile(file)
	if err == nil {
		if block, _ := pem.Decode(text); block != nil {
			if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
				if signer, ok := key.(crypto.Signer); ok {
					return signer, nil
				}
			}
		}
		// A damaged key is no use to anybody: make a new one.
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, replaceFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func addresses() []net.IP {
	ips := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return ips
	}
	for _, a := range nets {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() {
			ips = append(ips, n.IP)
		}
	}
	return ips
}

// replaceFile writes a file whole or not at all: temporary name, sync, rename, sync
// of the directory.
func replaceFile(name string, data []byte, mode os.FileMode) (err error) {
	tmp, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
