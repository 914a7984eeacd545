package record

import "time"

// Audit says who changed what. It is written before the change takes effect.
type Audit struct {
	Time   time.Time `json:"time"`
	By     string    `json:"by"`     // name of the user
	Action string    `json:"action"` // stable: clock_set
	Text   string    `json:"text"`   // for people
}

// AuditOf makes the record of an action.
func AuditOf(a Audit) (Record, error) { return encode(KindAudit, "", a.Time, a) }
