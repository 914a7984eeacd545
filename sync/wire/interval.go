package wire

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Interval is a run of numbers, both ends included.
type Interval struct{ First, Last uint64 }

// Len is how many numbers i holds.
func (i Interval) Len() uint64 { return i.Last - i.First + 1 }

// MarshalJSON writes [first,last].
func (i Interval) MarshalJSON() ([]byte, error) { return json.Marshal([2]uint64{i.First, i.Last}) }

// UnmarshalJSON reads [first,last].
func (i *Interval) UnmarshalJSON(b []byte) error {
	var pair [2]uint64
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if pair[1] < pair[0] || pair[1] >= 1<<62 {
		return fmt.Errorf("interval %s is not in order", b)
	}
	i.First, i.Last = pair[0], pair[1]
	return nil
}

// Intervals is a set of numbers as ordered runs that do not touch each other. The zero
// value is the empty set. Methods return a new set and leave the old one as it is.
type Intervals []Interval

// With is the set with the numbers of v added.
func (s Intervals) With(v Interval) Intervals {
	out := make(Intervals, 0, len(s)+1)
	i := 0
	for ; i < len(s) && s[i].Last+1 < v.First; i++ {
		out = append(out, s[i])
	}
	for ; i < len(s) && s[i].First <= v.Last+1; i++ {
		v.First, v.Last = min(v.First, s[i].First), max(v.Last, s[i].Last)
	}
	return append(append(out, v), s[i:]...)
}

// Union is the set of the numbers in s or in other.
func (s Intervals) Union(other Intervals) Intervals {
	out := slices.Clone(s)
	for _, v := range other {
		out = out.With(v)
	}
	return out
}

// Without is the set with the numbers of v taken out.
func (s Intervals) Without(v Interval) Intervals {
	out := make(Intervals, 0, len(s)+1)
	for _, have := range s {
		if have.Last < v.First || have.First > v.Last {
			out = append(out, have)
			continue
		}
		if have.First < v.First {
			out = append(out, Interval{have.First, v.First - 1})
		}
		if have.Last > v.Last {
			out = append(out, Interval{v.Last + 1, have.Last})
		}
	}
	return out
}

// Missing are the runs of v that are not in s, in order.
func (s Intervals) Missing(v Interval) Intervals {
	var out Intervals
	from := v.First
	for _, have := range s {
		if have.Last < from {
			continue
		}
		if have.First > v.Last {
			break
		}
		if have.First > from {
			out = append(out, Interval{from, have.First - 1})
		}
		from = have.Last + 1
	}
	if from <= v.Last {
		out = append(out, Interval{from, v.Last})
	}
	return out
}

// Covers reports whether all numbers of v are in s.
func (s Intervals) Covers(v Interval) bool { return len(s.Missing(v)) == 0 }

// Count is how many numbers s holds.
func (s Intervals) Count() uint64 {
	var n uint64
	for _, v := range s {
		n += v.Len()
	}
	return n
}
