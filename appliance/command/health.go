package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/config"
)

// healthTimeout is how long the appliance may take to say how it is.
const healthTimeout = 5 * time.Second

func newHealth(streams Streams) *cobra.Command {
	var file, url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "health [-c FILE | --url URL]",
		Short: "Ask the running appliance whether it works",
		Long: `Asks /health/ready of the appliance that runs with a configuration on this box, or of a
URL, and ends with exit code 0 where it is ready and 1 where it is not or does not
answer. A drive or a headquarters that is away does not make it unready.`,
		Example: `  wellkeeper health -c /etc/wellkeeper/wellkeeper.yaml
  wellkeeper health --url http://127.0.0.1:8080`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return health(cmd.Context(), streams.Out, file, url, asJSON)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "/etc/wellkeeper/wellkeeper.yaml", "the configuration that it runs with")
	cmd.Flags().StringVar(&url, "url", "", "where its page is, in the place of what the configuration says")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer as it is")
	return cmd
}

func health(ctx context.Context, out io.Writer, file, url string, asJSON bool) error {
	client := &http.Client{Timeout: healthTimeout}
	if url == "" {
		own, transport, err := ownPage(file)
		if err != nil {
			return err
		}
		url, client.Transport = own, transport
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health/ready", http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the appliance: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it is only read
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("ask the appliance: %w", err)
	}
	return tellHealth(out, response.StatusCode, body, asJSON)
}

// tellHealth prints the answer; the error says that the appliance is not ready.
func tellHealth(out io.Writer, status int, body []byte, asJSON bool) error {
	var answer struct {
		Status       string `json:"status"`
		Dependencies map[string]struct {
			Status   string `json:"status"`
			Required bool   `json:"required"`
			Detail   string `json:"detail"`
		} `json:"dependencies"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status == "" {
		return fmt.Errorf("what answered with status %d is no appliance: %.80q", status, body)
	}
	if asJSON {
		fmt.Fprintf(out, "%s\n", bytes.TrimSpace(body))
	} else {
		fmt.Fprintln(out, answer.Status)
		for _, name := range slices.Sorted(maps.Keys(answer.Dependencies)) {
			if d := answer.Dependencies[name]; d.Status != "ok" {
				fmt.Fprintf(out, "  %s %s: %s\n", name, d.Status, d.Detail)
			}
		}
	}
	if status != http.StatusOK {
		return errors.New("the appliance is not ready")
	}
	return nil
}

// ownPage is where the appliance of a configuration serves, as seen from this box. Its
// certificate is the one that stands in the file, whoever signed it.
func ownPage(file string) (string, *http.Transport, error) {
	cfg, err := config.Load(file, configOptions())
	if err != nil {
		last, _, lastErr := config.LastGood(file, configOptions())
		if lastErr != nil {
			return "", nil, err
		}
		cfg = last
	}
	host, port, err := net.SplitHostPort(cfg.Web.Listen)
	if err != nil || port == "0" {
		return "", nil, fmt.Errorf("web.listen %s does not say where the page is; name it with --url", cfg.Web.Listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	address := net.JoinHostPort(host, port)
	if cfg.Web.TLS.Mode == config.TLSOff {
		return "http://" + address, &http.Transport{}, nil
	}
	text, err := os.ReadFile(config.CertificateFile(cfg))
	if err != nil {
		return "", nil, fmt.Errorf("read the page's certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", nil, fmt.Errorf("%s holds no certificate", config.CertificateFile(cfg))
	}
	return "https://" + address, &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // the certificate is compared as a whole below
		VerifyConnection: func(s tls.ConnectionState) error {
			if !bytes.Equal(s.PeerCertificates[0].Raw, block.Bytes) {
				return errors.New("the page shows another certificate than the one in the data folder")
			}
			return nil
		},
	}}, nil
}
