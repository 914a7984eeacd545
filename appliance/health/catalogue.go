package health

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Kind is one row of the catalogue: a condition that this release can find.
type Kind struct {
	Code Code
	// Severity is by how soon somebody must act: now, today, plan, info.
	Severity esp.Severity
	Means    string // one clause
	Action   string // what to do
	Who      esp.Who
	// On is how long it must stand before it is told, Off how long it must be gone.
	On, Off time.Duration
	// Behind are the conditions of the same subject that explain this one.
	Behind []Code
	// Failing: the appliance does not do its work while this stands.
	Failing bool
	// Banner: a technician at the box must act, so the page says it at its top.
	Banner bool
	// Recorded: who finds the fact writes it to the log of records too.
	Recorded bool

	find func(*look, *Kind) // calls look.add for each subject
}

// Codes that others refer to.
const (
	deviceSilent   Code = "device_silent"
	deviceNoValues Code = "device_without_values"
	storeFailed    Code = "store_failed"
	diskFull       Code = "disk_full"
	disk95         Code = "disk_above_95"
	disk90         Code = "disk_above_90"
	diskSilent     Code = "disk_not_answering"
	uplinkRefused  Code = "uplink_refused"
	uplinkTLS      Code = "uplink_untrusted"
	certExpired    Code = "certificate_expired"
	clockEarly     Code = "clock_implausible"
)

// Catalogue lists every condition, in the order in which they are looked for.
func Catalogue() []Kind {
	all := append(pollingKinds(), storeKinds()...)
	all = append(all, uplinkKinds()...)
	all = append(all, tapKinds()...)
	return append(all, boxKinds()...)
}

func pollingKinds() []Kind {
	return []Kind{
		{
			Code: deviceSilent, Severity: esp.SeverityToday, Means: "a device of a well does not answer",
			Action: "Check that the device has power, then its cable or gateway, then address and unit in the configuration.",
			Who:    esp.Technician, On: 10 * time.Second, Off: 5 * time.Second, find: (*look).silent,
		},
		{
			Code: deviceNoValues, Severity: esp.SeverityToday, Means: "a device answers, but only with exceptions",
			Action: "Check that the profile is the one of this device and that the device has finished starting.",
			Who:    esp.Technician, On: 10 * time.Second, Off: 5 * time.Second, Behind: []Code{deviceSilent}, find: (*look).withoutValues,
		},
		{
			Code: "points_unsupported", Severity: esp.SeverityInfo, Means: "a device has no such register for some points of its profile",
			Action: "If a value is missed, compare the profile with the device's register list; otherwise nothing is to be done.",
			Who:    esp.Engineer, On: time.Minute, Off: time.Minute, find: (*look).unsupported,
		},
		{
			Code: "line_noisy", Severity: esp.SeverityPlan, Means: "more than 1 % of the polls of the last hour met a damaged answer",
			Action: "Check wiring, shield and termination of the serial line, and that only one master uses it.",
			Who:    esp.Technician, On: time.Minute, Off: 5 * time.Minute, find: (*look).noisy,
		},
		{
			Code: "polls_missed", Severity: esp.SeverityPlan, Means: "more than 1 % of the polls of the last hour came too late and were skipped",
			Action: "Poll the device less often (period), or give it a line of its own.",
			Who:    esp.Engineer, On: time.Minute, Off: 5 * time.Minute, find: (*look).missed,
		},
		{
			Code: "well_stalled", Severity: esp.SeverityNow, Means: "a well is not polled any more although the appliance runs",
			Action: "Restart the appliance; if it comes back, keep the log for the maker.",
			Who:    esp.Technician, On: 5 * time.Second, Failing: true, Banner: true, find: (*look).stalled,
		},
	}
}

func storeKinds() []Kind {
	return []Kind{
		{
			Code: storeFailed, Severity: esp.SeverityNow, Means: "the disk refused to write, nothing is acknowledged any more",
			Action: "Restart the appliance; if it fails again, the disk must be replaced. Do not delete the data folder.",
			Who:    esp.Technician, Failing: true, find: (*look).storeFailed,
		},
		{
			Code: diskFull, Severity: esp.SeverityNow, Means: "the disk is full, new readings wait in memory and are then lost",
			Action: "Free some space: delete what does not belong to the appliance. It goes on by itself.",
			Who:    esp.Technician, Off: 10 * time.Second, Behind: []Code{storeFailed}, Failing: true, find: (*look).diskFull,
		},
		{
			Code: disk95, Severity: esp.SeverityNow, Means: "more than 95 % of the disk is used",
			Action: "Free some space today: delete what does not belong to the appliance.",
			Who:    esp.Technician, On: 10 * time.Second, Off: time.Minute, Behind: []Code{diskFull}, Banner: true, find: used(95),
		},
		{
			Code: disk90, Severity: esp.SeverityToday, Means: "more than 90 % of the disk is used",
			Action: "Find out what fills the disk, and free some space.",
			Who:    esp.Technician, On: 10 * time.Second, Off: time.Minute, Behind: []Code{diskFull, disk95}, find: used(90),
		},
		{
			Code: "disk_above_80", Severity: esp.SeverityPlan, Means: "more than 80 % of the disk is used",
			Action: "Plan for more space, or move other data off this disk.",
			Who:    esp.Engineer, On: 10 * time.Second, Off: time.Minute, Behind: []Code{diskFull, disk95, disk90}, find: used(80),
		},
		{
			Code: diskSilent, Severity: esp.SeverityNow, Means: "the disk has not answered for half a minute",
			Action: "Look at the system's log for disk errors (dmesg); a worn flash card must be replaced.",
			Who:    esp.Technician, Off: 10 * time.Second, Failing: true, Banner: true, find: (*look).diskSilent,
		},
		{
			Code: "store_late", Severity: esp.SeverityToday, Means: "readings wait in memory longer than they should, a power cut would lose them",
			Action: "Look for another program that keeps the disk busy, and at the health of the disk.",
			Who:    esp.Technician, On: 30 * time.Second, Off: 10 * time.Second, Behind: []Code{storeFailed, diskFull, diskSilent}, find: (*look).late,
		},
		{
			Code: "readings_lost", Severity: esp.SeverityToday, Means: "readings or records of the last hour could not be stored",
			Action: "Cure the disk first (see the other conditions). The times concerned are in the list of events.",
			Who:    esp.Technician, find: (*look).lost,
		},
		{
			Code: "store_damaged", Severity: esp.SeverityPlan, Means: "damaged files or blocks were found and set aside; readings in them are missing",
			Action: "Keep the files that were set aside for salvage, and check the disk: damage comes back.",
			Who:    esp.Engineer, find: (*look).damaged,
		},
		{
			Code: "unclean_stop", Severity: esp.SeverityInfo, Means: "the run before this one ended without a proper stop, within the last day",
			Action: "If nobody cut the power, check the supply, and the system's log for memory or watchdog kills.",
			Who:    esp.Technician, find: (*look).unclean,
		},
	}
}

func uplinkKinds() []Kind {
	return []Kind{
		{
			Code: uplinkRefused, Severity: esp.SeverityToday, Means: "the central database does not take this appliance",
			Action: "Headquarters checks user, password and rights of this appliance, and the schema (wellkeeper central status).",
			Who:    esp.Engineer, Off: 5 * time.Second, find: (*look).refused,
		},
		{
			Code: uplinkTLS, Severity: esp.SeverityToday, Means: "the certificate of the central database is not accepted",
			Action: "Check the clock of this box first, then the server's certificate and the root certificate given for it.",
			Who:    esp.Engineer, Off: 5 * time.Second, find: (*look).untrusted,
		},
		{
			Code: "uplink_offline", Severity: esp.SeverityPlan, Means: "the central database has not been reached for ten minutes",
			Action: "Check the radio or network of the site. Nothing is lost: readings are sent when the link is back.",
			Who:    esp.Technician, On: 10 * time.Minute, Off: 5 * time.Second, Behind: []Code{uplinkRefused, uplinkTLS}, find: (*look).offline,
		},
		{
			Code: "uplink_well_refused", Severity: esp.SeverityToday, Means: "the central database does not take a well from this appliance",
			Action: "Headquarters gives the well to this appliance (wellkeeper central add-edge).",
			Who:    esp.Engineer, Off: 5 * time.Second, find: (*look).held,
		},
		{
			Code: "uplink_quarantine", Severity: esp.SeverityPlan, Means: "batches were refused by the centre and set aside; the rest goes on",
			Action: "Headquarters looks at the reason; the batches are tried again by themselves once it is cured.",
			Who:    esp.Engineer, find: (*look).quarantined,
		},
		{
			Code: "backlog_growing", Severity: esp.SeverityPlan, Means: "the link works but is too slow: more waits than an hour ago",
			Action: "Check the quality of the link, or send less often.",
			Who:    esp.Engineer, On: 5 * time.Minute, Off: 5 * time.Minute, Behind: []Code{uplinkRefused, uplinkTLS, "uplink_offline"}, find: (*look).backlog,
		},
		{
			Code: "uplink_gap", Severity: esp.SeverityPlan, Means: "readings were gone from the store before they could be sent",
			Action: "Headquarters accepts the gap, or takes the readings from a backup of this box.",
			Who:    esp.Engineer, find: (*look).gone,
		},
	}
}

func tapKinds() []Kind {
	return []Kind{
		{
			Code: "tap_closed", Severity: esp.SeverityPlan, Means: "the address at which other masters read cannot be opened",
			Action: "Check that the address of tap.listen is one of this box and that no other program has its port. It is tried again by itself.",
			Who:    esp.Engineer, On: 15 * time.Second, find: (*look).tapClosed,
		},
	}
}

func boxKinds() []Kind {
	return []Kind{
		{
			Code: clockEarly, Severity: esp.SeverityToday, Means: "the clock stands before this release was made",
			Action: "Set the clock of this box, and replace its clock battery if it forgets the time.",
			Who:    esp.Technician, Banner: true, find: (*look).clockImplausible,
		},
		{
			Code: "clock_behind", Severity: esp.SeverityToday, Means: "the clock stands before the newest stored reading",
			Action: "Compare the clock of this box with a watch and set it. Stored readings keep their order.",
			Who:    esp.Technician, On: 5 * time.Second, Behind: []Code{clockEarly}, Banner: true, find: (*look).clockBehind,
		},
		{
			Code: "clock_stepped", Severity: esp.SeverityInfo, Means: "the clock was set within the last hour",
			Action: "If nobody set it, check the time source of this box.",
			Who:    esp.Technician, find: (*look).clockStepped,
		},
		{
			Code: "configuration_refused", Severity: esp.SeverityToday, Means: "the configuration file has mistakes; the last good one runs",
			Action: "Run wellkeeper check FILE, which lists every mistake with its line.",
			Who:    esp.Engineer, Recorded: true, find: (*look).configRefused,
		},
		{
			Code: "configuration_remarks", Severity: esp.SeverityInfo, Means: "the configuration runs, with remarks",
			Action: "Run wellkeeper check FILE and read the remarks.",
			Who:    esp.Engineer, find: (*look).configWarnings,
		},
		{
			Code: "configuration_waiting", Severity: esp.SeverityInfo, Means: "settings were changed that take effect at the next restart",
			Action: "Restart the appliance when it suits.",
			Who:    esp.Engineer, find: (*look).configWaiting,
		},
		{
			Code: certExpired, Severity: esp.SeverityToday, Means: "the page's certificate is no longer valid, browsers warn",
			Action: "Check the clock, then install a new certificate (web.tls).",
			Who:    esp.Engineer, find: (*look).certificateExpired,
		},
		{
			Code: "certificate_expiring", Severity: esp.SeverityPlan, Means: "the page's certificate expires within 30 days",
			Action: "Install a new certificate (web.tls).",
			Who:    esp.Engineer, Behind: []Code{certExpired}, find: (*look).certificateExpiring,
		},
		{
			Code: "job_failed", Severity: esp.SeverityPlan, Means: "the last run of a regular job failed",
			Action: "Cure what it names; the job runs again by itself at its next time.",
			Who:    esp.Engineer, Recorded: true, find: (*look).jobFailed,
		},
		{
			Code: "memory_high", Severity: esp.SeverityToday, Means: "the process uses more than 90 % of the memory it may use",
			Action: "Close live pages that nobody looks at; if it stays, raise the limit and keep the log for the maker.",
			Who:    esp.Engineer, On: 30 * time.Second, Off: time.Minute, find: (*look).memory,
		},
		{
			Code: checksStalled, Severity: esp.SeverityToday, Means: "the checks of the appliance itself stand still; what they say is old",
			Action: "Restart the appliance; if it comes back, keep the log for the maker.",
			Who:    esp.Technician, find: func(*look, *Kind) {}, // found by the monitor, which sees that nothing is found
		},
	}
}

// checksStalled is what the monitor says of itself.
const checksStalled Code = "checks_stalled"
