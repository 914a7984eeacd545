package web

import (
	"context"
	"iter"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

// What the Trends page needs of the store. The rules of views.go hold here too.

// Curves reads the stored readings of a well for charts and exports.
type Curves interface {
	// Stored gives the times of the oldest and the newest stored scan; zero: nothing is
	// stored. ErrNoWell.
	Stored(ctx context.Context, well esp.WellID) (oldest, newest time.Time, err error)
	// Buckets sums up columns, by name, over the time From..To in pieces of Width: one
	// answer per signal in the order asked for, one bucket per piece, empty ones
	// included. A name that was never stored gives empty buckets.
	Buckets(ctx context.Context, q BucketQuery) ([]Buckets, error)
	// Scans goes through the stored scans, oldest first. A row is valid until the next
	// one; an error ends the iteration.
	Scans(ctx context.Context, q ScanQuery) iter.Seq2[StoredScan, error]
}

// Notes reads the log of records.
type Notes interface {
	// Notes gives the records of a well, and of the appliance itself, whose time is from
	// and including from until before to, newest first, and gaps in the readings that
	// reach into that time. more says that there are more than limit.
	Notes(ctx context.Context, well esp.WellID, from, to time.Time, limit int) (list []record.Record, more bool, err error)
	// Trips are the newest trips of a well with what was read around them, the newest
	// first. ErrNoWell.
	Trips(ctx context.Context, well esp.WellID, limit int) ([]record.Trip, error)
}

// BucketQuery asks for sums over pieces of time.
type BucketQuery struct {
	Well     esp.WellID
	Signals  []string
	From, To time.Time // From included, To not
	Width    time.Duration
}

// Buckets are the sums of one signal.
type Buckets struct {
	Signal string
	Unit   esp.Unit // of the values; empty also where the signal was never stored
	List   []Bucket
}

// Bucket sums up one signal over one piece of time.
type Bucket struct {
	Start time.Time
	// Min, Max, Mean and Last are of the usable values; NaN where there are none.
	Min, Max, Mean, Last float64
	// Count is how many usable values there are, Doubtful how many suspect, implausible
	// or stale ones, Bad how many invalid or lost ones. All zero: nothing was due, or
	// nothing is stored.
	Count, Doubtful, Bad int
}

// ScanQuery asks for stored scans.
type ScanQuery struct {
	Well     esp.WellID
	Signals  []string
	From, To time.Time // From included, To not
}

// StoredScan is the asked part of one scan.
type StoredScan struct {
	Time time.Time
	// Readings stand in the order of the signals asked for.
	Readings []esp.Reading
}
