package yamldoc_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/config/yamldoc"
)

type level int

func (l *level) UnmarshalText(b []byte) error {
	switch string(b) {
	case "low":
		*l = 1
	case "high":
		*l = 2
	default:
		return fmt.Errorf("%q is no level; write low or high", b)
	}
	return nil
}

// bound decodes itself from a number or a map.
type bound struct{ from, to float64 }

func (b *bound) DecodeYAML(n yamldoc.Node) {
	switch n.Shape() {
	case "number":
		n.Decode(&b.from)
		b.to = b.from
	case "list":
		var pair []float64
		n.Decode(&pair)
		if len(pair) != 2 {
			n.Complain("has %d numbers; want from and to", len(pair))
			return
		}
		b.from, b.to = pair[0], pair[1]
	default:
		n.Complain("want a number or a pair")
	}
}

type device struct {
	Name   string        `yaml:"name"`
	Unit   uint8         `yaml:"unit"`
	Period time.Duration `yaml:"period"`
}

type document struct {
	Title   string             `yaml:"title"`
	Ratio   float64            `yaml:"ratio"`
	On      bool               `yaml:"on"`
	Level   level              `yaml:"level"`
	Bounds  []bound            `yaml:"bounds"`
	Devices []device           `yaml:"devices"`
	Maybe   *device            `yaml:"maybe"`
	Codes   map[int]string     `yaml:"codes"`
	Scales  map[string]float64 `yaml:"scales"`
	Hidden  string
}

func decode(text string) (document, error) {
	doc := yamldoc.Parse("f.yaml", []byte(text))
	var got document
	doc.Decode(&got)
	return got, doc.Err()
}

func TestDecode(t *testing.T) {
	got, err := decode(`
title: off
ratio: 0.1
on: true
level: high
bounds: [3, [0x10, 2.5e1]]
devices:
  - {name: drive, unit: 0x0A, period: 500ms}
  - name: gauge
maybe:
codes: {2310: Overcurrent}
scales:
  a: 1
`)
	if err != nil {
		t.Fatal(err)
	}
	want := document{
		Title: "off", Ratio: 0.1, On: true, Level: 2,
		Bounds:  []bound{{3, 3}, {16, 25}},
		Devices: []device{{"drive", 10, 500 * time.Millisecond}, {Name: "gauge"}},
		Codes:   map[int]string{2310: "Overcurrent"},
		Scales:  map[string]float64{"a": 1},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(bound{})); diff != "" {
		t.Errorf("document differs (-want +got):\n%s", diff)
	}
}

// The keys of an embedded struct stand beside those around it.
func TestEmbedded(t *testing.T) {
	type place struct {
		Ref int `yaml:"ref"`
	}
	type point struct {
		place

		Name string `yaml:"name"`
	}
	var got point
	doc := yamldoc.Parse("f.yaml", []byte("{name: a, ref: 3, nam: b}"))
	doc.Decode(&got)
	if got.Name != "a" || got.Ref != 3 {
		t.Errorf("got %+v", got)
	}
	if err := doc.Err(); err == nil || err.Error() != "f.yaml:1:19: nam: unknown key; did you mean \"name\"?" {
		t.Errorf("error: %v", err)
	}
}

// All mistakes come at once, each at its place.
func TestProblems(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // line:column path
	}{
		{"syntax", "a: [1\nb: 2\n", []string{"2:1 "}},
		{"unknown key", "titel: x\n", []string{"1:1 titel"}},
		{"untagged field", "Hidden: x\n", []string{"1:1 Hidden"}},
		{"doubled key", "title: a\ntitle: b\n", []string{"2:1 title"}},
		{"several", "ratio: much\non: 3\nlevel: mid\ndevices:\n  - {name: d, unit: 300}\n  - {period: 5, colour: red}\n", []string{
			"1:8 ratio", "2:5 on", "3:8 level", "5:21 devices[0].unit", "6:14 devices[1].period", "6:17 devices[1].colour",
		}},
		{"wrong shapes", "devices: drive\nmaybe: [1]\nscales: 3\ntitle: {a: 1}\nbounds: [[1]]\n", []string{
			"1:10 devices", "2:8 maybe", "3:9 scales", "4:8 title", "5:10 bounds[0]",
		}},
		{"empty value", "title:\n", []string{"1:1 title"}},
		{"aliases", "title: &a x\nmaybe: *a\n", []string{"1:8 title", "2:8 maybe"}},
		{"not a number", "ratio: .nan\n", []string{"1:8 ratio"}},
		{"two documents", "title: a\n---\ntitle: b\n", []string{"3:1 "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode(tt.text)
			all, ok := errors.AsType[*yamldoc.Error](err)
			if !ok {
				t.Fatalf("error is %v, want problems", err)
			}
			var got []string
			for _, p := range all.Problems {
				got = append(got, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Path))
				if p.File != "f.yaml" || p.Text == "" {
					t.Errorf("problem %+v lacks file or text", p)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestComplainFindsTheNearestPlace(t *testing.T) {
	doc := yamldoc.Parse("f.yaml", []byte("devices:\n  - name: d\n"))
	var v document
	doc.Decode(&v)
	doc.Complain("devices[0].unit", "is missing")
	doc.Complain("ratio", "is missing")
	all, ok := errors.AsType[*yamldoc.Error](doc.Err())
	if !ok || len(all.Problems) != 2 {
		t.Fatalf("error is %v, want two problems", doc.Err())
	}
	if p := all.Problems[1]; p.Line != 2 || p.Path != "devices[0].unit" {
		t.Errorf("problem is at line %d, path %q; want line 2, devices[0].unit", p.Line, p.Path)
	}
	if !doc.Has("devices[0].name") || doc.Has("ratio") {
		t.Error("Has does not tell what is there")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"title: x\n", "devices: [{name: a}]", "a: &b [*b]", "? [x]\n: y", "- 1\n- 2", "<<: {a: 1}", "!!binary x", "codes: {a: b}", "title: |\n  x\n"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		doc := yamldoc.Parse("f.yaml", []byte(text))
		var v document
		doc.Decode(&v)
		_ = doc.Err()
	})
}
