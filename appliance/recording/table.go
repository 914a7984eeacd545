package recording

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// table is one open file.
type table struct {
	path   string
	file   *os.File
	csv    *csv.Reader
	fields []string // of the present row
	line   int

	well, time int // columns; well −1: the file's name is the well
	tag, value int // columns of the long form; −1: wide
	tags       []string
	only       string // the well where there is no column for it
}

// Names of the columns that every file has, as historians call them.
var (
	wellNames  = []string{"well", "well_id", "wellid", "well_name"}
	timeNames  = []string{"time", "timestamp", "datetime", "date", "ts"}
	tagNames   = []string{"tag", "signal", "tag_name", "tagname"}
	valueNames = []string{"value", "val"}
)

// openTable opens a file and reads its header.
func openTable(path string) (_ *table, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	in := bufio.NewReaderSize(f, 1<<16)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: not a gzip file: %w", path, err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3)
	}
	t := &table{path: path, file: f, csv: csv.NewReader(in)}
	t.csv.Comma = separator(in)
	t.csv.ReuseRecord, t.csv.FieldsPerRecord, t.csv.TrimLeadingSpace = true, -1, true
	return t, t.header()
}

// separator looks at the header: spreadsheets of some countries use semicolons.
func separator(in *bufio.Reader) rune {
	head, _ := in.Peek(1 << 12)
	head, _, _ = bytes.Cut(head, []byte("\n"))
	for _, c := range []rune{';', '\t'} {
		if bytes.ContainsRune(head, c) && !bytes.ContainsRune(head, ',') {
			return c
		}
	}
	return ','
}

func (t *table) header() error {
	fields, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is empty", t.path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	t.tags = make([]string, len(fields))
	for i, f := range fields {
		t.tags[i] = strings.ToLower(strings.TrimSpace(f))
	}
	find := func(names []string) int {
		return slices.IndexFunc(t.tags, func(s string) bool { return slices.Contains(names, s) })
	}
	t.well, t.time, t.tag, t.value = find(wellNames), find(timeNames), find(tagNames), find(valueNames)
	if t.tag < 0 || t.value < 0 {
		t.tag, t.value = -1, -1
	}
	if t.time < 0 {
		return fmt.Errorf("%s:1: no column %q; write well,time,tag,value (one value per row) or well,time and one column per tag", t.path, "time")
	}
	if t.well < 0 {
		t.only, _, _ = strings.Cut(filepath.Base(t.path), ".")
	}
	return nil
}

// rows calls each with every row that could be split into fields, and remark with what
// is wrong with the others.
func (t *table) rows(ctx context.Context, each func(), remark func(line int, what string)) error {
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		fields, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			remark(bad.StartLine, "rows that are no CSV were left out")
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.path, err)
		}
		t.line, _ = t.csv.FieldPos(0)
		t.fields = fields
		each()
	}
}

// field is a field of the present row; empty where the row is too short.
func (t *table) field(i int) string {
	if i < 0 || i >= len(t.fields) {
		return ""
	}
	return t.fields[i]
}

// wellOf is the well of the present row.
func (t *table) wellOf() string {
	if t.well < 0 {
		return t.only
	}
	return strings.TrimSpace(t.field(t.well))
}

// isTag reports whether a column of a wide file holds values.
func (t *table) isTag(i int) bool { return i != t.well && i != t.time }

func (t *table) close() error { return t.file.Close() }
