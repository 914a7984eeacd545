package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"wellkeeper.internal/modbus/profile"
)

type importFlags struct {
	out, id, kind, order string
	base                 int64
	fc                   int
}

func newProfileImport(streams Streams) *cobra.Command {
	f := importFlags{}
	cmd := &cobra.Command{
		Use:   "import FILE.csv",
		Short: "Make a profile from a register list",
		Long: `Makes a profile from a register list, as manuals and other programs have them: one row
a register, a heading with at least an address and a name; type, scale (or divisor),
unit, function code and notes where there are such columns. Separators are commas,
semicolons or tabs; numbers may have a decimal comma, addresses may be hexadecimal
(0x2104, 2104H). Addresses such as 40001 need --base, the number that the manual prints
for the first register.

Names that are certainly a signal of this program become that signal; the others are
kept as they are, and every decision is told. Columns about writing are passed over: a
profile cannot write. Rows that cannot be understood are told with their line and left
out; the command then ends with an error, and what could be understood is written.`,
		Example: "  wellkeeper profile import registers.csv --base 40001 --out mydrive.yaml",
		Args:    oneArg("a CSV file"),
		RunE:    func(_ *cobra.Command, args []string) error { return runImport(streams, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "file to write (default: standard output); it must not exist")
	flags.StringVar(&f.id, "id", "", "id of the profile (default: from the file's name)")
	flags.StringVar(&f.kind, "kind", "drive", "drive, controller, softstarter, gauge or protector")
	flags.Int64Var(&f.base, "base", -1, "the number that the manual prints for the first register: 40001, 30001, 1 or 0")
	flags.IntVar(&f.fc, "fc", 3, "function code of rows that do not say: 3 holding registers, 4 input registers, 1 coils, 2 discrete inputs")
	flags.StringVar(&f.order, "word-order", "hilo", "hilo (high word first) or lohi, of values of two registers")
	return cmd
}

func runImport(streams Streams, file string, f importFlags) error {
	switch {
	case f.fc < 1 || f.fc > 4:
		return usageError{errors.New("--fc is 1, 2, 3 or 4")}
	case f.order != "hilo" && f.order != "lohi":
		return usageError{errors.New("--word-order is hilo or lohi")}
	}
	if _, ok := templatePoints(f.kind); !ok {
		return usageError{fmt.Errorf("--kind is drive, controller, softstarter, gauge or protector, not %q", f.kind)}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the register list: %w", err)
	}
	list, err := readRegisterList(string(text), f.base, f.fc)
	if err != nil {
		return fmt.Errorf("%s:%w", file, err)
	}
	for _, note := range list.notes {
		fmt.Fprintf(streams.Err, "%s:%s\n", file, note)
	}
	if len(list.rows) == 0 {
		return fmt.Errorf("%s: no row could be understood; see above", file)
	}
	body := list.profile(file, f)
	if _, err := profile.Parse(orStdout(f.out), body); err != nil {
		return fmt.Errorf("the profile would be bad:\n%w", err)
	}
	if err := writeNew(streams, f.out, body); err != nil {
		return err
	}
	fmt.Fprintf(streams.Err, "%s: %d registers taken, %d rows left out\n", file, len(list.rows), list.bad)
	if list.bad > 0 {
		return fmt.Errorf("%s: %d rows could not be understood and were left out", file, list.bad)
	}
	return nil
}

func orStdout(name string) string {
	if name == "" {
		return "profile"
	}
	return name
}

var notInID = regexp.MustCompile(`[^a-z0-9._-]+`)

// profile writes the list in the schema of profiles.
func (l *registerList) profile(file string, f importFlags) []byte {
	id := f.id
	if id == "" {
		name := strings.ToLower(filepath.Base(file))
		id = strings.Trim(notInID.ReplaceAllString(strings.TrimSuffix(name, filepath.Ext(name)), "-"), "-._")
	}
	if id == "" {
		id = "imported"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# Made from %s. Compare every value that matters with the panel of the device, then say so in verified.\n", oneLine(filepath.Base(file)))
	fmt.Fprintf(&out, "schema: esp-profile/1\nid: %s\nvendor: \"\"\nmodel: \"\"\nkind: %s\n", id, f.kind)
	fmt.Fprintf(&out, "sources:\n  - {doc: %q, seen: whole}\nverified: draft\n\n", oneLine(filepath.Base(file)))
	fmt.Fprintf(&out, "defaults: {fc: %d, base: %d, word_order: %s, max_regs: 16, max_hole: 0}\n\npoints:\n", f.fc, l.base, f.order)
	for i := range l.rows {
		l.rows[i].write(&out, f.fc)
	}
	out.WriteString("\nwrites: forbidden\n")
	return []byte(out.String())
}

func (r *registerRow) write(out *strings.Builder, fc int) {
	fmt.Fprintf(out, "  - {name: %s, ref: %s", r.name, r.printed)
	if r.fc != fc {
		fmt.Fprintf(out, ", fc: %d", r.fc)
	}
	if r.fc > 2 && r.typ != "u16" {
		fmt.Fprintf(out, ", type: %s", r.typ)
	}
	if r.scale != "" {
		fmt.Fprintf(out, ", scale: %s", r.scale)
	}
	if r.offset != "" {
		fmt.Fprintf(out, ", offset: %s", r.offset)
	}
	if r.unit != "" {
		fmt.Fprintf(out, ", unit: %q", r.unit)
	}
	fmt.Fprintf(out, "}  # line %d: %s\n", r.line, oneLine(r.title))
}

// oneLine keeps a text from a foreign file inside its comment.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7F || c == 0x85 || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == 0xFFFD {
			return ' '
		}
		return c
	}, text))
}
