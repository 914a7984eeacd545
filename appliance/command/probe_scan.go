package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus"
)

// scanFlags are the flags of probe --scan.
type scanFlags struct {
	on       bool
	units    string
	lines    []string
	register string
	all      bool
}

const (
	scanTimeout  = 300 * time.Millisecond
	firstUnits   = 10 // 1 to so many are tried where nothing is said
	scanRegister = "3:0"
)

// runScan looks for devices on a line and prints those that answer.
func runScan(ctx context.Context, streams Streams, device string, timeout time.Duration, f *scanFlags, asJSON bool) error {
	known, err := knownLinks(configs.Profiles)
	if err != nil {
		return err
	}
	log, err := newLog(streams.Err, "error")
	if err != nil {
		return err
	}
	c := modbus.ScanConfig{Timeout: timeout, All: f.all, Log: log}
	if c.Timeout == 0 {
		c.Timeout = scanTimeout
	}
	if c.FC, c.Address, err = parseRegister(f.register); err != nil {
		return usageError{err}
	}
	if c.Units, err = parseUnits(f.units, known); err != nil {
		return usageError{err}
	}
	if c.URLs, err = scanURLs(device, f.lines, known); err != nil {
		return usageError{err}
	}
	n, longest := c.Attempts()
	fmt.Fprintf(streams.Err, "asking for one register (function %d, wire address %d), at most %d times, %s at the longest; "+
		"a serial line must have no other master meanwhile\n", c.FC, c.Address, n, longest.Round(time.Second))
	var all []modbus.Found
	if err := modbus.Scan(ctx, c, func(one modbus.Found) { all = append(all, one) }); err != nil {
		return err
	}
	return printScan(streams, all, asJSON)
}

// printScan prints who answered, and what else was heard.
func printScan(streams Streams, all []modbus.Found, asJSON bool) error {
	heard := slices.DeleteFunc(slices.Clone(all), func(f modbus.Found) bool { return f.Kind == modbus.FoundSilent })
	if asJSON {
		encoder := json.NewEncoder(streams.Out)
		encoder.SetIndent("", "  ")
		if heard == nil {
			heard = []modbus.Found{}
		}
		if err := encoder.Encode(map[string]any{"attempts": len(all), "heard": heard}); err != nil {
			return err
		}
	} else if len(heard) > 0 {
		w := tabwriter.NewWriter(streams.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "LINE\tUNIT\tANSWER")
		for _, one := range heard {
			answer := string(one.Kind) + ": " + one.Text
			if one.Word != nil {
				answer = fmt.Sprintf("value %d (0x%04X)", *one.Word, *one.Word)
			}
			fmt.Fprintf(w, "%s\t%d\t%s\n", one.URL, one.Unit, answer)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(all, func(f modbus.Found) bool { return f.Kind.Device() }) {
		return fmt.Errorf("no device answered %d attempts: check power, wiring (A and B swapped?), the unit in the device's menu, and whether its port is switched on", len(all))
	}
	return nil
}

// known is what the carried profiles say of lines and units.
type known struct {
	units []uint8
	lines []string // baud,parity,stop as in a URL's query
}

// knownLinks collects the links of all carried profiles, without doubles.
func knownLinks(files fs.FS) (known, error) {
	var k known
	for _, name := range config.Carried(files) {
		p, err := config.LoadProfile(name, "", files)
		if err != nil {
			return k, err
		}
		if u := p.Link.Unit; u > 0 && !slices.Contains(k.units, u) {
			k.units = append(k.units, u)
		}
		l := p.Link
		if l.Baud == 0 {
			continue
		}
		if line := lineQuery(l.Baud, l.Parity, max(l.StopBits, 1)); !slices.Contains(k.lines, line) {
			k.lines = append(k.lines, line)
		}
	}
	return k, nil
}

func lineQuery(baud int, parity string, stop int) string {
	if parity == "" {
		parity = "E"
	}
	return fmt.Sprintf("baud=%d&parity=%s&stop=%d", baud, parity, stop)
}

// scanURLs are the lines to try: of a serial port those that were named, or the usual
// ones and those of the carried profiles; of TCP the address.
func scanURLs(device string, lines []string, k known) ([]string, error) {
	if err := modbus.ParseURL(device); err != nil {
		return nil, err
	}
	u, err := url.Parse(device)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "rtu" {
		if len(lines) > 0 {
			return nil, errors.New("--line is for serial ports (rtu://)")
		}
		return []string{device}, nil
	}
	base := "rtu://" + u.Path
	if u.RawQuery != "" && len(lines) == 0 {
		return []string{device}, nil
	}
	var queries []string
	for _, line := range lines {
		query, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		queries = append(queries, query)
	}
	if len(lines) == 0 {
		queries = append([]string{lineQuery(9600, "N", 1), lineQuery(19200, "E", 1), lineQuery(9600, "E", 1), lineQuery(19200, "N", 1)}, k.lines...)
	}
	var urls []string
	for _, q := range queries {
		if one := base + "?" + q; !slices.Contains(urls, one) {
			urls = append(urls, one)
		}
	}
	return urls, nil
}

// parseLine reads 9600-8N1, or 9600N1.
func parseLine(text string) (string, error) {
	bad := fmt.Errorf("--line %q: write rate, parity and stop bits as in 9600-8N1", text)
	baud, rest, ok := strings.Cut(strings.ToUpper(text), "-8")
	rate, err := strconv.Atoi(baud)
	if !ok || err != nil || len(rest) != 2 || !strings.ContainsAny(rest[:1], "NEO") || !strings.ContainsAny(rest[1:], "12") {
		return "", bad
	}
	return lineQuery(rate, rest[:1], int(rest[1]-'0')), nil
}

// parseUnits reads 1-10,31; nothing stands for the first ten and those of the profiles.
func parseUnits(text string, k known) ([]uint8, error) {
	var units []uint8
	add := func(u uint64) {
		if !slices.Contains(units, uint8(u)) {
			units = append(units, uint8(u))
		}
	}
	if text == "" {
		for u := range uint64(firstUnits) {
			add(u + 1)
		}
		for _, u := range k.units {
			add(uint64(u))
		}
		return units, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			high = low
		}
		from, err := strconv.ParseUint(low, 10, 8)
		to, err2 := strconv.ParseUint(high, 10, 8)
		if err != nil || err2 != nil || from < 1 || to > 247 || from > to {
			return nil, fmt.Errorf("--units %q: write units from 1 to 247, as in 1-10,31", text)
		}
		for u := from; u <= to; u++ {
			add(u)
		}
	}
	return units, nil
}

// parseRegister reads FC:ADDRESS.
func parseRegister(text string) (fc uint8, address uint16, err error) {
	code, at, ok := strings.Cut(text, ":")
	f, err := strconv.ParseUint(code, 10, 8)
	a, err2 := strconv.ParseUint(at, 0, 16)
	if !ok || err != nil || err2 != nil || f < 1 || f > 4 {
		return 0, 0, fmt.Errorf("--register %q: write function code (1 to 4) and wire address, as in 3:0 or 4:0x100", text)
	}
	return uint8(f), uint16(a), nil
}
