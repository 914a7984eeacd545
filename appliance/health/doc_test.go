package health_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"wellkeeper.internal/appliance/health"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/monitoring.md")

// The tables of docs/monitoring.md are those of the program.
func TestMonitoringDocument(t *testing.T) {
	const file = "../../docs/monitoring.md"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old := string(b)
	want := between(t, old, "conditions", conditionTable())
	want = between(t, want, "metrics", metricTable(rows(t)))
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != old {
		t.Errorf("%s is not what the program says; run: go test ./appliance/health -run MonitoringDocument -update", file)
	}
	known(t, file, old, rows(t))
}

// between puts text between the marks of a document.
func between(t *testing.T, document, mark, text string) string {
	t.Helper()
	begin, end := strings.Index(document, "<!-- "+mark+": begin"), strings.Index(document, "<!-- "+mark+": end")
	if begin < 0 || end < begin {
		t.Fatalf("the document has no marks for %s", mark)
	}
	head := begin + strings.Index(document[begin:], "\n") + 1
	return document[:head] + text + document[end:]
}

func conditionTable() string {
	var b strings.Builder
	b.WriteString("| code | severity | means | do | who |\n|---|---|---|---|---|\n")
	for _, k := range health.Catalogue() {
		marks := ""
		if k.Failing {
			marks += " †"
		}
		if k.Banner {
			marks += " *"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s | %s | %s |\n", k.Code, marks, k.Severity, k.Means, k.Action, k.Who)
	}
	return b.String()
}

func metricTable(rows []health.Row) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, r := range rows {
		labels := ""
		if len(r.Labels) > 0 {
			labels = "`" + strings.Join(r.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, r.Type, labels, r.Help)
	}
	return b.String()
}

// rows are all metrics of a running page: those of the table, and what the page adds.
func rows(t *testing.T) []health.Row {
	t.Helper()
	url := serve(t, collector(full(time.Now())))
	get(t, url+"/")
	text := string(get(t, url+"/metrics"))
	rows := health.Rows()
	listed := func(name string) bool {
		return slices.ContainsFunc(rows, func(r health.Row) bool { return r.Name == name })
	}
	help := regexp.MustCompile(`(?m)^# HELP (wellkeeper_\S+) (.*)$`)
	label := regexp.MustCompile(`(\w+)="`)
	for _, m := range help.FindAllStringSubmatch(text, -1) {
		if listed(m[1]) {
			continue
		}
		kind := regexp.MustCompile(`(?m)^# TYPE ` + m[1] + ` (\S+)$`).FindStringSubmatch(text)
		row := health.Row{Name: m[1], Help: m[2], Type: kind[1]}
		sample := regexp.MustCompile(`(?m)^` + m[1] + `(?:_count)?\{(.*)\} `).FindStringSubmatch(text)
		if sample != nil {
			for _, l := range label.FindAllStringSubmatch(sample[1], -1) {
				row.Labels = append(row.Labels, l[1])
			}
		}
		rows = append(rows, row)
	}
	for _, name := range []string{"wellkeeper_http_requests_total", "wellkeeper_http_request_duration_seconds"} {
		if !listed(name) {
			t.Errorf("the page does not offer %s", name)
		}
	}
	return rows
}

// known fails where a text names a metric, or a label of one, that there is not.
func known(t *testing.T, file, text string, rows []health.Row) {
	t.Helper()
	name := regexp.MustCompile(`\bwellkeeper_[a-z0-9_]+[a-z0-9]\b(?:\{([^}]*)\})?`)
	label := regexp.MustCompile(`(\w+)\s*=~?"([^"]*)"`)
	for _, m := range name.FindAllStringSubmatch(text, -1) {
		base, _, _ := strings.Cut(m[0], "{")
		i := slices.IndexFunc(rows, func(r health.Row) bool {
			suffixes := map[string][]string{"summary": {"", "_sum", "_count"}, "histogram": {"_bucket", "_sum", "_count", ""}}[r.Type]
			return base == r.Name || slices.ContainsFunc(suffixes, func(s string) bool { return base == r.Name+s })
		})
		if i < 0 {
			t.Errorf("%s: there is no metric %s", file, base)
			continue
		}
		for _, l := range label.FindAllStringSubmatch(m[1], -1) {
			if !slices.Contains(append(rows[i].Labels, "quantile", "le"), l[1]) {
				t.Errorf("%s: %s has no label %s", file, base, l[1])
			}
			if l[1] == "code" && !slices.ContainsFunc(health.Catalogue(), func(k health.Kind) bool { return string(k.Code) == l[2] }) {
				t.Errorf("%s: there is no condition %s", file, l[2])
			}
		}
	}
}

// The alert rules are well formed, and ask for metrics that there are.
func TestAlertRules(t *testing.T) {
	const file = "../../configs/prometheus/wellkeeper.rules.yaml"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(b, &rules, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	all := rows(t)
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			if r.Alert == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("rule %+v lacks something", r)
			}
			if !strings.Contains(r.Expr, "wellkeeper") {
				t.Errorf("%s asks for nothing of ours: %s", r.Alert, r.Expr)
			}
			known(t, file, r.Expr, all)
		}
	}
	if n < 15 {
		t.Errorf("%d rules", n)
	}
	if tool, err := exec.LookPath("promtool"); err == nil {
		if out, err := exec.CommandContext(t.Context(), tool, "check", "rules", file).CombinedOutput(); err != nil {
			t.Errorf("promtool: %v\n%s", err, out)
		}
	}
}
