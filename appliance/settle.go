package appliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

// settleRecords bounds how far back the log is searched for what was open.
const settleRecords = 10_000

// settle makes the log of records agree with what the engine and the alarms found in
// the stored past: what was open before the stop and is not found again gets its end,
// what is found and was not told gets its beginning. Otherwise a finding that ended
// while the box was off would stay open at headquarters for ever.
func (w *well) settle(ctx context.Context, told *open) {
	var c changes
	diagnoses, alarms := w.pipeline.open()
	for _, d := range diagnoses {
		if _, known := told.diagnoses[d.ID]; !known {
			d.Change = esp.Raised
			c.diagnoses = append(c.diagnoses, d)
		}
		delete(told.diagnoses, d.ID)
	}
	for _, a := range alarms {
		if _, known := told.alarms[a.ID]; !known {
			a.Change = esp.Raised
			c.alarms = append(c.alarms, a)
		}
		delete(told.alarms, a.ID)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, id := range told.order {
		if d, ok := told.diagnoses[esp.DiagnosisID(id)]; ok {
			d.Change, d.Time = esp.Cleared, now
			c.diagnoses = append(c.diagnoses, d)
			delete(told.diagnoses, d.ID)
		}
		if a, ok := told.alarms[id]; ok {
			a.Change, a.State, a.Time = esp.Cleared, esp.AlarmNormal, now
			c.alarms = append(c.alarms, a)
			delete(told.alarms, a.ID)
		}
	}
	w.pipeline.keep(ctx, c)
}

// open is what the log says is open, by id; order keeps the ids as they were met.
type open struct {
	diagnoses map[esp.DiagnosisID]esp.Diagnosis
	alarms    map[string]esp.Alarm
	order     []string
}

// toldOpen reads the log backwards: the newest entry of each id says whether it is
// open. An entry of a later release, or a damaged one, is passed over.
func (w *well) toldOpen(ctx context.Context) (open, error) {
	told := open{diagnoses: map[esp.DiagnosisID]esp.Diagnosis{}, alarms: map[string]esp.Alarm{}}
	seen := map[string]bool{}
	first := func(kind record.Kind, id string) bool {
		key := string(kind) + "/" + id
		old := seen[key]
		seen[key] = true
		return !old
	}
	query := storage.RecordQuery{
		Well: w.esp.ID, Kinds: []record.Kind{record.KindAlarm, record.KindDiagnosis}, Newest: true, Limit: settleRecords,
	}
	for r, err := range w.store.Records(ctx, query) {
		if errors.Is(err, storage.ErrDamaged) {
			continue
		}
		if err != nil {
			return told, fmt.Errorf("read the log of records: %w", err)
		}
		switch r.Kind {
		case record.KindDiagnosis:
			d, err := record.Decode[esp.Diagnosis](r)
			if err == nil && first(r.Kind, string(d.ID)) && d.Change != esp.Cleared {
				told.diagnoses[d.ID] = d
				told.order = append(told.order, string(d.ID))
			}
		case record.KindAlarm:
			a, err := record.Decode[esp.Alarm](r)
			if err == nil && first(r.Kind, a.ID) && a.Change != esp.Cleared {
				told.alarms[a.ID] = a
				told.order = append(told.order, a.ID)
			}
		default:
		}
	}
	return told, nil
}
