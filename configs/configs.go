// Package configs holds the files that the binary carries with it: device profiles
// and the commented default configuration. It has no logic; appliance/command and
// appliance/config read the files through fs.FS.
package configs

import "embed"

// Profiles holds profiles/*.yaml, one device profile each, named by its id.
//
//go:embed profiles/*.yaml
var Profiles embed.FS
