package web_test

import (
	"testing"
)

func TestJobs(t *testing.T) {
	s := open(t, nil, nil)
	equal(t, "jobs", s.decode(t, "GET", "/api/v1/jobs", 200), object{"jobs": []any{
		object{"name": "verify", "schedule": "30 2 * * 0", "running": false, "next": "2026-11-29T00:00:00.000Z", "last": object{
			"due": "2026-11-23T00:00:00.000Z", "began": "2026-11-23T00:00:07.000Z", "duration_ms": 95000.0, "outcome": "done",
			"text": "720 blocks with 2592000 readings of all signals are whole",
		}},
		object{"name": "certificate", "schedule": "15 3 * * *", "running": true, "next": "2026-11-24T03:00:00.000Z", "last": nil},
		object{"name": "backup", "schedule": "off", "running": false, "next": nil, "last": nil},
	}})
}
