package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newProfileNew(streams Streams) *cobra.Command {
	var kind, out string
	cmd := &cobra.Command{
		Use:     "new",
		Short:   "Begin a profile from a commented template",
		Long:    `Writes a commented template. It is whole as it stands; its registers are examples: put those of your manual in their place, then check it and probe the device.`,
		Example: "  wellkeeper profile new --kind drive --out mydrive.yaml",
		Args:    noArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			points, ok := templatePoints(kind)
			if !ok {
				return usageError{fmt.Errorf("--kind is drive, controller, softstarter, gauge or protector, not %q", kind)}
			}
			return writeNew(streams, out, []byte(strings.NewReplacer("KIND", kind, "POINTS", points).Replace(template)))
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "drive", "drive, controller, softstarter, gauge or protector")
	cmd.Flags().StringVar(&out, "out", "", "file to write (default: standard output); it must not exist")
	return cmd
}

func templatePoints(kind string) (string, bool) {
	switch kind {
	case "drive", "controller", "softstarter":
		return driveTemplate, true
	case "gauge":
		return gaugeTemplate, true
	case "protector":
		return protectorTemplate, true
	}
	return "", false
}

const template = `# A device profile: which registers the device has and what they mean.
# The whole format is in docs/profiles.md. The registers here are examples: replace them.
#   wellkeeper profile check FILE                              finds every mistake
#   wellkeeper probe --device tcp://HOST:502 --profile FILE    reads the device once
schema: esp-profile/1
id: my-KIND                       # small letters, digits, '.', '_', '-'
vendor: ""
model: ""
kind: KIND                        # drive, controller, softstarter, gauge or protector
# firmware: {min: "2.1"}
sources:                          # where the numbers come from: document, issue, pages
  - {doc: "the manual that you have at hand", issue: "", pages: "", seen: whole}
verified: draft                   # draft, document, bench or field

link:                             # what the device needs; the site configuration may override
  unit: 1
  timeout_ms: 500
  # rtu: {baud: 9600, parity: none, stop: 1}
  # tcp: {port: 502, pause_after_connect_ms: 200}

defaults:
  fc: 3                           # 3 holding registers, 4 input registers, 1 coils, 2 discrete inputs
  base: 40001                     # the number that the manual prints for the first register: 40001, 30001, 1 or 0
  type: u16
  max_regs: 16                    # most registers in one request
  max_hole: 4                     # unused registers that a request may read across
# never_read: [[200, 299]]        # wire addresses that must not be touched

# A name of docs/signals.md is a signal that the diagnosis uses and needs its unit; any
# other name is kept and charted. value = raw * scale + offset.
points:
POINTS
writes: forbidden                 # this program only reads

# Examples from the manual or from the panel, checked whenever the profile is loaded:
# vectors:
#   - {read: 40002, raw: "1450", gives: {drive_frequency: 52.0}}
`

const driveTemplate = `  - {name: drive_frequency, ref: 40002, scale: 0.01, unit: Hz}
  - {name: output_current, ref: 40004, type: u32, scale: 0.01, unit: A}   # word_order: lohi where the low word comes first
  - {name: dc_bus_voltage, ref: 40013, scale: 0.1, unit: V}
  - {name: drive_temperature, ref: 40023, type: s16, scale: 0.1, unit: degC}

status:                           # the state of the pump from the bits of a register
  ref: 40001
  tripped: {bit: 3}
  running: {mask: 0x0102, is: 0x0102}

faults:                           # texts of the manual; a code that is not listed is shown as a number
  code: {ref: 40030}
  table:
    1: "Overcurrent"
`

const gaugeTemplate = `  - {name: intake_pressure, ref: 40001, scale: 0.1, unit: psi, invalid: 0xFFFF, fresh_by: gauge_packets}
  - {name: discharge_pressure, ref: 40002, scale: 0.1, unit: psi, invalid: 0xFFFF, fresh_by: gauge_packets}
  - {name: intake_temperature, ref: 40005, type: s16, scale: 0.01, unit: degC, invalid: 0x8000, fresh_by: gauge_packets}
  - {name: motor_temperature, ref: 40006, type: s16, scale: 0.01, unit: degC, invalid: 0x8000, fresh_by: gauge_packets}
  - {name: vibration_x, ref: 40013, type: s16, scale: 0.001, unit: g, invalid: 0x8000}
  - {name: gauge_packets, ref: 40028, counter: {wrap: 16}}   # moves while the gauge is heard
`

const protectorTemplate = `  - {name: output_current_a, ref: 40006, scale: 0.1, unit: A, invalid: 0xFFFF}
  - {name: output_current_b, ref: 40007, scale: 0.1, unit: A, invalid: 0xFFFF}
  - {name: output_current_c, ref: 40008, scale: 0.1, unit: A, invalid: 0xFFFF}
  - {name: input_voltage, ref: 40014, scale: 0.1, unit: V, invalid: 0xFFFF}
`
