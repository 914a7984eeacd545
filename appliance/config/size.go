package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is a number of bytes as people write it: "100 MB".
type Size int64

const (
	megabyte = 1_000_000
	leastLog = 2 * megabyte
)

// UnmarshalText reads a whole number of MB or GB, at least 2 MB.
func (s *Size) UnmarshalText(b []byte) error {
	number, unit, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	n, err := strconv.ParseInt(number, 10, 32)
	factor := map[string]int64{"MB": megabyte, "GB": 1000 * megabyte}[strings.TrimSpace(unit)]
	if err != nil || factor == 0 || n*factor < leastLog {
		return fmt.Errorf("%q is no size; write a number and MB or GB, at least 2 MB, for example 50 MB", b)
	}
	*s = Size(n * factor)
	return nil
}

// String is the size in MB.
func (s Size) String() string { return fmt.Sprintf("%d MB", int64(s)/megabyte) }
