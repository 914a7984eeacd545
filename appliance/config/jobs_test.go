package config_test

import (
	"strings"
	"testing"

	"wellkeeper.internal/appliance/config"
)

func TestJobs(t *testing.T) {
	path := write(t, map[string]string{
		"wellkeeper.yaml": issueExample + "\njobs: {verify: off}\n", "mydrive.yaml": myDrive,
	})
	cfg, err := config.Load(path, config.Options{Env: []string{"WELLKEEPER_JOBS_CERTIFICATE=*/5 * * * *"}, Profiles: carried()})
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Jobs.Of(config.JobVerify); !got.Never() {
		t.Errorf("verify is %s", got)
	}
	if got := cfg.Jobs.Of(config.JobCertificate).String(); got != "*/5 * * * *" {
		t.Errorf("certificate is %s", got)
	}
	path = write(t, map[string]string{
		"wellkeeper.yaml": issueExample + "\njobs:\n  verify: \"0 25 * * *\"\n", "mydrive.yaml": myDrive,
	})
	if _, err = config.Load(path, config.Options{Profiles: carried()}); err == nil || !strings.Contains(err.Error(), "jobs.verify") {
		t.Errorf("error %v does not name jobs.verify", err)
	}
}
