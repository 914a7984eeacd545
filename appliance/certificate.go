package appliance

import (
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
	"time"

	"wellkeeper.internal/appliance/config"
)

// serverTLS is the page's TLS configuration, and the SHA-256 fingerprint of its
// certificate for people to compare; nil and empty with tls: off. With tls: auto the
// certificate is made at the first start and kept in the data folder.
func serverTLS(cfg *config.Config) (*tls.Config, string, error) {
	var cert, key string
	switch cfg.Web.TLS.Mode {
	case config.TLSOff:
		return nil, "", nil
	case config.TLSFiles:
		cert, key = cfg.Web.TLS.Cert, cfg.Web.TLS.Key
	default:
		folder := filepath.Join(cfg.Data, "tls")
		cert, key = filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem")
		if _, err := os.Stat(cert); errors.Is(err, fs.ErrNotExist) {
			if err := selfSign(folder, cert, key); err != nil {
				return nil, "", fmt.Errorf("make the page's certificate: %w", err)
			}
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, "", fmt.Errorf("load the page's certificate: %w", err)
	}
	sum := sha256.Sum256(pair.Certificate[0])
	fingerprint := strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, fingerprint, nil
}

// selfSign writes a P-256 certificate for the names and addresses that this machine
// has now. It is valid from long ago and for long, since the clock of an appliance
// may be wrong at its first start and nobody renews it at a wellhead.
func selfSign(folder, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
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
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Wellkeeper"}},
		NotBefore:             time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{name, "localhost"},
		IPAddresses:           addresses(),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	// The key first: a certificate without its key would stop the next start.
	if err := replaceFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return err
	}
	return replaceFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
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
