package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"wellkeeper.internal/modbus"
)

// printPlan prints how a device would be read, without asking it.
func printPlan(out io.Writer, p *modbus.Plan, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(p)
	}
	fmt.Fprintf(out, "%s unit %d, profile %s\n", p.URL, p.Unit, p.Profile)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "EVERY\tFC\tWIRE\tREGISTERS\tREF\tUNUSED\tTIME\tPOINTS")
	for i := range p.Groups {
		g := &p.Groups[i]
		for k := range g.Requests {
			r := &g.Requests[k]
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%d\t%s\t%s\n", g.Period, r.FC, between(int64(r.First), int64(r.Last)), r.Quantity(), refs(r.Refs),
				r.Unused, millis(r.Time), strings.Join(r.Points, " "))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		kind := ""
		if g.Fast {
			kind = " between the polls, for the records of trips"
		}
		fmt.Fprintf(out, "every %s%s: requests: %d, line time about %s\n", g.Period, kind, len(g.Requests), millis(g.Time))
	}
	_, err := fmt.Fprintf(out, "a poll of everything: requests: %d, line time about %s; %.0f %% of the line's time in the long run\n", p.Requests, millis(p.Time), 100*p.Share)
	return err
}

func between(first, last int64) string {
	if first == last {
		return strconv.FormatInt(first, 10)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

func refs(r []int64) string {
	if len(r) != 2 {
		return "-"
	}
	return between(r[0], r[1])
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 0, 64) + " ms"
}
