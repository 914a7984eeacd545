package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus/profile"
)

// shownProfile is what profile show prints.
type shownProfile struct {
	listedProfile

	Hash     string            `json:"hash"`
	Sources  []profile.Source  `json:"sources,omitempty"`
	Firmware *profile.Firmware `json:"firmware,omitempty"`
	Checks   []string          `json:"checks,omitempty"` // to compare with the panel
	Link     shownLink         `json:"link"`
	Variants []shownVariant    `json:"variants,omitempty"`
	Warnings []string          `json:"warnings,omitempty"`
	// Registers are the columns, Identity and History are read once, Settings when
	// somebody asks.
	Registers []shownRegister `json:"registers"`
	Identity  []shownRegister `json:"identity,omitempty"`
	History   []shownRegister `json:"fault_history,omitempty"`
	Settings  []shownRegister `json:"settings,omitempty"`
}

type shownLink struct {
	Unit     uint8  `json:"unit,omitempty"`
	Port     int    `json:"port,omitempty"`
	Baud     int    `json:"baud,omitempty"`
	Parity   string `json:"parity,omitempty"`
	StopBits int    `json:"stop_bits,omitempty"`
	Timeout  string `json:"timeout,omitempty"`
	MaxRegs  int    `json:"max_regs"`
	MaxHole  int    `json:"max_hole"`
}

type shownVariant struct {
	Name    string   `json:"name"`
	Options []string `json:"options"`
	Default string   `json:"default,omitempty"`
	From    string   `json:"from,omitempty"` // the register that tells; empty: the operator chooses
	Text    string   `json:"text,omitempty"`
}

type shownRegister struct {
	Name      string   `json:"name"`
	Signal    bool     `json:"signal"` // a canonical signal
	Ref       *int64   `json:"ref,omitempty"`
	Parameter string   `json:"parameter,omitempty"`
	Wire      uint16   `json:"wire"`
	FC        uint8    `json:"fc"`
	Type      string   `json:"type"`
	Registers int      `json:"registers"`
	Scale     float64  `json:"scale"`
	Offset    float64  `json:"offset,omitempty"`
	Unit      esp.Unit `json:"unit"`
	Group     string   `json:"group,omitempty"`
	Source    string   `json:"confidence,omitempty"`
	Text      string   `json:"text,omitempty"`
}

func newProfileShow(streams Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID|FILE",
		Short: "Show the registers of a profile",
		Long: `Shows what a profile reads: each register as the manual prints it, as it is sent on the
wire, with type, scale, unit and signal; the device's communication defaults; and what
to look after before it is trusted.`,
		Example: "  wellkeeper profile show simulated-drive\n  wellkeeper profile show ./mydrive.yaml --json",
		Args:    oneArg("the id of a carried profile or a file"),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := config.LoadProfile(args[0], ".", configs.Profiles)
			if err != nil {
				return err
			}
			s := show(p)
			if asJSON {
				return printJSON(streams.Out, s)
			}
			return s.print(streams.Out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func show(p *profile.Profile) *shownProfile {
	s := &shownProfile{
		listedProfile: listed(p), Hash: p.Hash(), Sources: p.Sources, Checks: p.Checks, Warnings: warningsOf(p),
		Link: shownLink{
			Unit: p.Link.Unit, Port: p.Link.Port, Baud: p.Link.Baud, Parity: p.Link.Parity, StopBits: p.Link.StopBits,
			MaxRegs: p.Link.MaxRegs, MaxHole: p.Link.MaxHole,
		},
		Registers: shownRegisters(p.Points), Identity: shownRegisters(p.Identity),
		History: shownRegisters(p.Faults.History), Settings: shownRegisters(p.Settings),
	}
	if p.Link.Timeout > 0 {
		s.Link.Timeout = p.Link.Timeout.String()
	}
	if p.Firmware != (profile.Firmware{}) {
		s.Firmware = &p.Firmware
	}
	for _, v := range p.Variants {
		shown := shownVariant{Name: v.Name, Options: v.Options, Default: v.Default, Text: v.Text}
		if v.From != nil {
			shown.From = v.From.Address()
		}
		s.Variants = append(s.Variants, shown)
	}
	return s
}

func shownRegisters(points []profile.Point) []shownRegister {
	shown := make([]shownRegister, 0, len(points))
	for i := range points {
		p := &points[i]
		r := shownRegister{
			Name: p.Name, Signal: p.Signal != 0, Parameter: p.Parameter, Wire: p.Wire, FC: p.FC, Type: p.Type.String(),
			Registers: p.Registers(), Scale: p.Printed.Mul / p.Printed.Div, Offset: p.Printed.Offset, Unit: p.Unit,
			Group: p.Group, Source: p.Confidence, Text: p.Label,
		}
		if p.Ref >= 0 {
			r.Ref = new(p.Ref)
		}
		shown = append(shown, r)
	}
	return shown
}

// warningsOf is what to look after before the profile is trusted on a device.
func warningsOf(p *profile.Profile) []string {
	var w []string
	if p.Verified == "draft" {
		w = append(w, "draft: nobody has compared it with a device; compare every value that matters with the panel")
	}
	w = append(w, p.Warnings()...)
	w = append(w, p.Warnings()...)
	if len(p.Checks) > 0 {
		w = append(w, "compare with the panel at commissioning: "+strings.Join(p.Checks, ", "))
	}
	if p.Kind == "drive" || p.Kind == "softstarter" || p.Kind == "controller" {
		w = append(w, "a bus timeout in the device may trip the motor when polling ends: look at that setting before connecting and before unplugging")
	}
	for _, v := range p.Variants {
		if v.From == nil && v.Default == "" {
			w = append(w, fmt.Sprintf("choose in the site configuration: variants: {%s: %s} %s", v.Name, strings.Join(v.Options, " or "), v.Text))
		}
	}
	return w
}

func (s *shownProfile) print(out io.Writer) error {
	fmt.Fprintf(out, "%s: %s %s, %s, verified: %s, hash %s\n", s.ID, s.Vendor, s.Model, s.Kind, s.Verified, s.Hash)
	for _, source := range s.Sources {
		fmt.Fprintf(out, "source: %s, issue %s, %s, seen: %s\n", source.Doc, orDash(source.Issue), orDash(source.Ref), orDash(source.Seen))
	}
	fmt.Fprintf(out, "link: %s\n", s.Link)
	for _, v := range s.Variants {
		how := "chosen by the operator"
		if v.From != "" {
			how = "read from " + v.From
		}
		fmt.Fprintf(out, "variant %s: %s, %s, default %s %s\n", v.Name, strings.Join(v.Options, " or "), how, orDash(v.Default), v.Text)
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(out, "warning: %s\n", w)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tREF\tWIRE\tFC\tTYPE\tSCALE\tUNIT\tSIGNAL\tGROUP\tSURE")
	for _, part := range []struct {
		list  []shownRegister
		group string
	}{{s.Registers, ""}, {s.Identity, "identity"}, {s.History, "history"}, {s.Settings, "setting"}} {
		for i := range part.list {
			part.list[i].print(w, part.group)
		}
	}
	return w.Flush()
}

// String is the defaults that are given.
func (l shownLink) String() string {
	parts := []string{fmt.Sprintf("at most %d registers a request, across at most %d unused", l.MaxRegs, l.MaxHole)}
	add := func(given bool, format string, v any) {
		if given {
			parts = append(parts, fmt.Sprintf(format, v))
		}
	}
	add(l.Unit > 0, "unit %d", l.Unit)
	add(l.Port > 0, "port %d", l.Port)
	add(l.Baud > 0, "%d baud", l.Baud)
	add(l.Parity != "", "parity %s", l.Parity)
	add(l.StopBits > 0, "%d stop bits", l.StopBits)
	add(l.Timeout != "", "timeout %s", l.Timeout)
	return strings.Join(parts, ", ")
}

func (r *shownRegister) print(w io.Writer, group string) {
	ref, signal := "-", "own"
	switch {
	case r.Parameter != "":
		ref = r.Parameter + " → " + strconv.FormatInt(*r.Ref, 10)
	case r.Ref != nil:
		ref = strconv.FormatInt(*r.Ref, 10)
	}
	if r.Signal {
		signal = "signal"
	}
	if group == "" {
		group = orDash(r.Group)
	}
	scale := strconv.FormatFloat(r.Scale, 'g', 6, 64)
	if r.Offset != 0 {
		scale += fmt.Sprintf("%+g", r.Offset)
	}
	fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, ref, r.Wire, r.FC, r.Type, scale, orDash(string(r.Unit)), signal, group, orDash(r.Source))
}
