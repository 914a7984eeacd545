package profile_test

import (
	"testing"

	"wellkeeper.internal/modbus/profile"
)

// The rules are those that the manuals print (ABB: 16 and 32 bits apart; Danfoss:
// parameter number times ten), and the registers are their own examples.
func TestFormula(t *testing.T) {
	const abb = "schema: esp-profile/1\nid: p\nkind: drive\nformula: {base: 400001, p16: \"400000 + 100*g + i\", p32: \"420000+200*g+2*i\"}\n"
	const danfoss = "schema: esp-profile/1\nid: p\nkind: drive\nformula: {base: 1, p16: 1000*g + i*10, p32: 1000*g + 10*i}\n"
	cases := []struct {
		name, text string
		ref        int64
		wire       uint16
		address    string
	}{
		{"16 bits", abb + "points: [{name: a, p: 3.18}]", 400318, 317, "parameter 3.18 → 400318 → wire 317, FC3"},
		{"32 bits", abb + "points: [{name: a, p: \"1.27\", type: u32}]", 420254, 20253, "parameter 1.27 → 420254 → wire 20253, FC3"},
		{"leading zeros", abb + "points: [{name: a, p: 01.07}]", 400107, 106, "parameter 01.07 → 400107 → wire 106, FC3"},
		{"an index that ends in zero", abb + "points: [{name: a, p: 1.10}]", 400110, 109, "parameter 1.10 → 400110 → wire 109, FC3"},
		{"a dash", danfoss + "points: [{name: a, p: 16-13}]", 16130, 16129, "parameter 16-13 → 16130 → wire 16129, FC3"},
		{"a dash, 32 bits", danfoss + "points: [{name: a, p: 15-00, type: u32}]", 15000, 14999, "parameter 15-00 → 15000 → wire 14999, FC3"},
		{"in status", abb + "points: [{name: a, p: 1.01}]\nstatus: {p: 6.11, running: {bit: 2}}", 400611, 610, "parameter 6.11 → 400611 → wire 610, FC3"},
		{"in faults", abb + "points: [{name: a, p: 1.01}]\nfaults: {code: {p: 4.01}}", 400401, 400, "parameter 4.01 → 400401 → wire 400, FC3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := mustParse(t, c.text)
			var point *profile.Point
			for i := range p.Points {
				point = &p.Points[i]
			}
			if point.Ref != c.ref || point.Wire != c.wire || point.Address() != c.address {
				t.Errorf("got ref %d, wire %d, %q; want %d, %d, %q", point.Ref, point.Wire, point.Address(), c.ref, c.wire, c.address)
			}
		})
	}
}
