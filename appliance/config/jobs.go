package config

import "wellkeeper.internal/appliance/schedule"

// Names of the regular jobs, which are their keys too.
const (
	JobVerify      = "verify"
	JobCertificate = "certificate"
	JobSettings    = "settings"
)

// Jobs are the times of the regular jobs, in site time: a cron expression of five
// fields in quotes (minute, hour, day of month, month, day of week), `@daily`,
// `@weekly` or `off`.
type Jobs struct {
	// When every stored block is read through its checksums, slowly and beside everything else.
	Verify schedule.Expression `yaml:"verify" default:"30 2 * * 0"`
	// When a certificate made with `web.tls: auto` is looked at; it is renewed 30 days before its end.
	Certificate schedule.Expression `yaml:"certificate" default:"15 3 * * *"`
	// When the devices' own settings are read and compared with the last time, as far as profiles name them.
	Settings schedule.Expression `yaml:"settings" default:"45 3 * * *"`
}

// Of is when the job of that name is due.
func (j *Jobs) Of(name string) schedule.Expression {
	switch name {
	case JobVerify:
		return j.Verify
	case JobCertificate:
		return j.Certificate
	case JobSettings:
		return j.Settings
	}
	return schedule.Expression{}
}
