package health

import (
	"slices"
	"time"
)

func storeMetrics() []metric {
	one := []string{"well"}
	return append(storedMetrics(one),
		metric{name: "store_size_bytes", help: "Size of the files of the store, by part.", kind: gauge, labels: []string{"part"}, read: store(func(s *Store, put put) {
			put(float64(s.Journal), "journal")
			put(float64(s.State), "state")
			put(float64(s.History), "history")
		})},
		metric{name: "store_segments", help: "Files of history.", kind: gauge, read: store(func(s *Store, put put) { put(float64(s.Segments)) })},
		metric{name: "store_written_bytes_total", help: "Bytes that were written to the disk since the start; its rate over a day is the wear of a flash card.", kind: counter, read: store(func(s *Store, put put) { put(float64(s.Written)) })},
		metric{name: "store_commits_total", help: "Commits of the journal since the start.", kind: counter, read: store(func(s *Store, put put) { put(float64(s.Commits)) })},
		metric{name: "store_sealed_blocks_total", help: "Blocks that were sealed into history since the start.", kind: counter, read: store(func(s *Store, put put) { put(float64(s.Sealed)) })},
		metric{name: "store_last_commit_timestamp_seconds", help: "When scans were last put on the disk, seconds since 1970; absent before the first.", kind: gauge, read: store(func(s *Store, put put) { atTime(put, s.LastCommit) })},
		metric{name: "store_looked_timestamp_seconds", help: "When the figures of the store were read, seconds since 1970; every 5 s unless the disk hangs.", kind: gauge, read: store(func(s *Store, put put) { atTime(put, s.Looked) })},
		metric{name: "store_writable", help: "1 while the disk takes readings, 0 while it is full or has failed.", kind: gauge, read: store(func(s *Store, put put) { put(truth(!s.Failed && !s.Full)) })},
		metric{name: "store_lost_scans_total", help: "Scans that could not be stored since the start.", kind: counter, read: store(func(s *Store, put put) { put(float64(s.LostScans)) })},
		metric{name: "store_lost_records_total", help: "Records (alarms, diagnoses, events) that could not be stored since the start.", kind: counter, read: store(func(s *Store, put put) { put(float64(s.LostRecords)) })},
		metric{name: "store_damaged_total", help: "Damage that was found since the start, by what: a torn tail of the journal, a frame of it, a block of history.", kind: counter, labels: []string{"what"}, read: store(func(s *Store, put put) {
			put(float64(s.TornTails), "torn_tail")
			put(float64(s.DamagedFrames), "frame")
			put(float64(s.DamagedBlocks), "block")
		})},
		metric{name: "store_quarantined_files", help: "Damaged files that were set aside at the start.", kind: gauge, read: store(func(s *Store, put put) { put(float64(len(s.Quarantined))) })},
		metric{name: "disk_free_bytes", help: "Free space on the disk of the data folder.", kind: gauge, read: store(func(s *Store, put put) { put(float64(s.DiskFree)) })},
		metric{name: "disk_size_bytes", help: "Size of the disk of the data folder.", kind: gauge, read: store(func(s *Store, put put) { put(float64(s.DiskTotal)) })},
		metric{name: "disk_left_seconds", help: "How long the free space lasts at the present rate; absent while that is not known.", kind: gauge, read: store(func(s *Store, put put) {
			if s.DaysLeft >= 0 {
				put(s.DaysLeft * (24 * time.Hour).Seconds())
			}
		})},
	)
}

func storedMetrics(one []string) []metric {
	return []metric{
		{name: "store_scans_total", help: "Scans that the store numbered since the start, those of a filled past included.", kind: counter, labels: one, read: stored(func(w *StoredWell, put put) {
			put(float64(w.Scans), string(w.ID))
		})},
		{name: "store_durable_lag_scans", help: "Scans that are in memory only.", kind: gauge, labels: one, read: stored(func(w *StoredWell, put put) {
			put(float64(w.Pending), string(w.ID))
		})},
		{name: "store_durable_lag_seconds", help: "Time between the newest scan and the newest that is on the disk: what a power cut would lose.", kind: gauge, labels: one, read: stored(func(w *StoredWell, put put) {
			if !w.Durable.IsZero() {
				put(max(w.Newest.Sub(w.Durable), 0).Seconds(), string(w.ID))
			}
		})},
	}
}

func store(read func(*Store, put)) func(*Report, put) {
	return func(r *Report, put put) { read(&r.Facts.Store, put) }
}

func stored(read func(*StoredWell, put)) func(*Report, put) {
	return func(r *Report, put put) {
		for i := range r.Facts.Store.Wells {
			read(&r.Facts.Store.Wells[i], put)
		}
	}
}

func uplinkMetrics() []metric {
	count := func(of func(*Uplink) uint64) func(*Report, put) {
		return uplink(func(_ *Report, u *Uplink, put put) { put(float64(of(u))) })
	}
	return []metric{
		{name: "uplink_state", help: "1 for what the uplink is doing, 0 for the rest. Metrics of the uplink are absent without a central database.", kind: gauge, labels: []string{"state"}, read: uplink(func(_ *Report, u *Uplink, put put) {
			states := []string{"idle", "connecting", "sending", "waiting", "refused"}
			if !slices.Contains(states, u.State) {
				states = append(states, u.State)
			}
			for _, s := range states {
				put(truth(u.State == s), s)
			}
		})},
		{name: "uplink_backlog_scans", help: "Scans that are on the disk and not at the centre.", kind: gauge, read: count(func(u *Uplink) uint64 { return u.WaitingScans })},
		{name: "uplink_backlog_records", help: "Records that are on the disk and not at the centre.", kind: gauge, read: count(func(u *Uplink) uint64 { return u.WaitingRecords })},
		{name: "uplink_backlog_age_seconds", help: "Age of the oldest of what waits; 0 where nothing does.", kind: gauge, read: uplink(func(r *Report, u *Uplink, put put) {
			age := 0.0
			if !u.Oldest.IsZero() {
				age = max(r.Facts.Time.Sub(u.Oldest), 0).Seconds()
			}
			put(age)
		})},
		{name: "uplink_batches_total", help: "Batches that were delivered since the start.", kind: counter, read: count(func(u *Uplink) uint64 { return u.Batches })},
		{name: "uplink_rows_total", help: "Scans and records that were delivered since the start: new to the centre (applied), or there already (repeated).", kind: counter, labels: []string{"result"}, read: uplink(func(_ *Report, u *Uplink, put put) {
			put(float64(u.Applied), "applied")
			put(float64(u.Repeated), "repeated")
		})},
		{name: "uplink_payload_bytes_total", help: "Bytes of the batches that were delivered since the start.", kind: counter, read: count(func(u *Uplink) uint64 { return u.Payload })},
		{name: "uplink_sent_bytes_total", help: "Bytes sent to the centre since the start, everything included.", kind: counter, read: count(func(u *Uplink) uint64 { return u.Sent })},
		{name: "uplink_received_bytes_total", help: "Bytes received from the centre since the start, everything included.", kind: counter, read: count(func(u *Uplink) uint64 { return u.Received })},
		{name: "uplink_errors_total", help: "Attempts that failed since the start, by class: unreachable, untrusted, not_ready, busy, bad_batch or store (this side).", kind: counter, labels: []string{"class"}, read: uplink(func(_ *Report, u *Uplink, put put) {
			for _, class := range sortedKeys(u.Errors) {
				put(float64(u.Errors[class]), class)
			}
		})},
		{name: "uplink_quarantined_batches", help: "Batches that the centre refused and that are set aside.", kind: gauge, read: uplink(func(_ *Report, u *Uplink, put put) { put(float64(u.Quarantined)) })},
		{name: "uplink_refused_wells", help: "Wells that the centre does not take from this appliance.", kind: gauge, read: uplink(func(_ *Report, u *Uplink, put put) { put(float64(len(u.Held))) })},
		{name: "uplink_last_success_timestamp_seconds", help: "When a batch was last delivered, seconds since 1970; absent before the first.", kind: gauge, read: uplink(func(_ *Report, u *Uplink, put put) { atTime(put, u.LastSuccess) })},
		{name: "uplink_values_not_carried_total", help: "Values since the start that had no place in a batch and went as their quality only.", kind: counter, read: count(func(u *Uplink) uint64 { return u.NotCarried })},
		{name: "uplink_numbers_gone_total", help: "Numbers since the start that the store lost before they were sent.", kind: counter, read: count(func(u *Uplink) uint64 { return u.Gone })},
	}
}

func uplink(read func(*Report, *Uplink, put)) func(*Report, put) {
	return func(r *Report, put put) {
		if u := r.Facts.Uplink; u != nil {
			read(r, u, put)
		}
	}
}
