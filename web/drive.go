package web

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/web/auth"
)

func drivePath(id esp.WellID) string { return wellPath(id) + "/drive" }

// driveView is the body of the page of the devices of a well.
type driveView struct {
	Banner  bannerView
	Path    string
	Login   string // where to log in; empty: may read and compare
	Role    string // of who has logged in and may not; empty: nobody has
	Devices []deviceView
	Form    readForm
	Result  *resultView
	Wrong   string // what was wrong with what was asked for
	Said    string // that something was recorded
	Version string
}

// deviceView is one device.
type deviceView struct {
	ID, Kind, Model string
	Facts           []factView
	Checks          []checkView
	Firmware        string
	Compared        []comparedView
	When            Clock
	Agreed          bool
}

// checkView is one value to enter.
type checkView struct {
	Name, Label, Unit, Address, Typed string
	Choices                           []string
}

// comparedView is one value of the last comparison.
type comparedView struct {
	Label, Panel, Read, Deviation, Unit string
	Agreed                              bool
}

// readForm is the form of the register tester, as it was filled in.
type readForm struct {
	Devices                                      []string
	Device, FC, Ref, Base, Quantity, Scale, Type string
	Order                                        string
	FCs, Types, Orders                           []optionView
}

type optionView struct {
	Value, Label string
	Chosen       bool
}

// resultView is what was read.
type resultView struct {
	Title  string
	When   Clock
	Took   string
	As     string // the type that was asked for
	Values []decodedView
	Words  []wordView
	Text   string
	Bits   bool
}

type decodedView struct{ Address, Value, Scaled string }

// wordView is one register and what it means in every usual type.
type wordView struct {
	Address, Hex, Binary string
	U16, S16             string
	Scaled               string // of u16; empty without a scale
	Pairs                []pairView
}

// pairView is a register with the next one.
type pairView struct{ Order, U32, S32, F32 string }

// drivePage is GET /wells/{well}/drive.
func (s *Server) drivePage(c echo.Context) error {
	v, f, err := s.driveView(c)
	if err != nil {
		return err
	}
	if c.QueryParam("compared") != "" {
		v.Said = "The comparison is on record."
	}
	return s.driveShow(c, http.StatusOK, v, f)
}

func (s *Server) driveShow(c echo.Context, status int, v *driveView, f *frameView) error {
	v.Form.choices()
	f.Body = v
	return s.html(c, status, "drive", f)
}

// driveView is the page as it is without an answer.
func (s *Server) driveView(c echo.Context) (*driveView, *frameView, error) {
	ctx, well := c.Request().Context(), wellParam(c)
	o, err := s.cfg.Wells.Overview(ctx, well)
	if err != nil {
		return nil, nil, err
	}
	panels, err := s.cfg.Devices.Panels(ctx, well)
	if err != nil {
		return nil, nil, err
	}
	several := len(s.cfg.Wells.Wells(ctx)) > 1
	home := "/"
	if several {
		home = wellPath(well)
	}
	f := s.wellFrameView(o, home, several, "Drive")
	f.AlarmCount = s.render.overview(o).Alarms
	m := s.render.model(o)
	v := &driveView{Banner: m.banner(), Path: drivePath(well), Version: s.cfg.Version, Form: newReadForm(panels)}
	who, known := auth.From(ctx)
	if known {
		v.Role = who.User.Role.String()
	}
	if !known || who.User.Role < auth.Technician {
		v.Login = "/login?next=" + url.QueryEscape(v.Path)
	}
	for i := range panels {
		v.Devices = append(v.Devices, m.deviceView(&panels[i]))
	}
	return v, &f, nil
}

func (m *model) deviceView(p *Panel) deviceView {
	v := deviceView{ID: string(p.Device), Kind: p.Kind, Model: strings.TrimSpace(p.Vendor + " " + p.Model)}
	for i := range m.o.Devices {
		if d := &m.o.Devices[i]; d.ID == p.Device {
			f := m.deviceFact(d)
			f.Label = "Modbus poll"
			v.Facts = append(
				v.Facts, f, factView{Label: "Address", Text: text(fmt.Sprintf("%s, unit %d", d.URL, d.Unit))},
				factView{Label: "Polls without an answer", Text: text(fmt.Sprintf("%d of %d since start", d.Failed, d.Polls))},
			)
		}
	}
	v.Facts = append(v.Facts, factView{Label: "Profile", Text: text(p.Profile + " (" + verifiedWords(p.Verified) + ")")}, m.comparedFact(p))
	for _, c := range p.Checks {
		v.Checks = append(v.Checks, checkView{Name: c.Name, Label: labelOf(c.Name), Unit: string(c.Unit), Address: c.Address, Choices: c.Choices})
	}
	if p.Last == nil {
		return v
	}
	v.Firmware, v.When, v.Agreed = p.Last.Firmware, clock(p.Last.Time, m.now, m.loc), p.Last.Agreed
	for i := range p.Last.Values {
		v.Compared = append(v.Compared, newComparedView(&p.Last.Values[i]))
	}
	return v
}

// comparedFact says whether the device was ever compared with its panel.
func (m *model) comparedFact(p *Panel) factView {
	f := factView{Label: "Compared with the panel"}
	switch {
	case len(p.Checks) == 0:
		f.Text = text("the profile names nothing to compare")
	case p.Last == nil:
		f.Text = text("not yet compared")
	default:
		words := "on " + p.Last.Time.In(m.loc).Format("2 Jan 2006") + " by " + p.Last.By
		switch {
		case !p.Last.Agreed:
			f.Warn, words = true, words+": it did not agree"
		case p.Last.Hash != p.Hash:
			words += ", with another version of the profile: compare again"
		default:
			words += ": it agreed"
		}
		f.Text = text(words)
	}
	return f
}

func verifiedWords(verified string) string {
	switch verified {
	case "field":
		return "compared with a device in the field"
	case "bench":
		return "compared with a device on a bench"
	case "document":
		return "from the maker's document, not compared with a device"
	}
	return "a draft: compare every value"
}

func newComparedView(v *record.PanelValue) comparedView {
	c := comparedView{
		Label: labelOf(v.Name), Unit: string(v.Unit), Agreed: v.Agreed,
		Panel: v.PanelText, Read: v.ReadText, Deviation: plainNumber(float64(v.Deviation)),
	}
	if c.Panel == "" {
		c.Panel = plainNumber(float64(v.Panel))
	}
	if c.Read == "" {
		c.Read = plainNumber(float64(v.Read))
	}
	return c
}

// labelOf is the label of a signal, or the device's own name with spaces.
func labelOf(name string) string {
	id, _ := esp.Lookup(name)
	return label(&Signal{Name: name, ID: id})
}

// plainNumber is a number as it is written: a whole one with all its digits, another
// with seven that say something.
func plainNumber(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return absent
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 7, 64)
}

func newReadForm(panels []Panel) readForm {
	f := readForm{FC: "3", Quantity: "2", Scale: "1", Type: "u16", Order: "hilo", Base: "0"}
	for i := range panels {
		f.Devices = append(f.Devices, string(panels[i].Device))
	}
	if len(panels) > 0 && panels[0].Base >= 0 {
		f.Base = strconv.FormatInt(panels[0].Base, 10)
		f.Ref = f.Base
	}
	return f
}

// choices fills the lists of the form with what is chosen.
func (f *readForm) choices() {
	f.FCs = chosen(f.FC, "3", "3 · holding registers", "4", "4 · input registers", "1", "1 · coils (bits)", "2", "2 · discrete inputs (bits)")
	f.Types = chosen(
		f.Type, "u16", "u16", "s16", "s16", "u32", "u32", "s32", "s32", "f32", "f32 (float)", "u64", "u64", "s64", "s64", "f64", "f64 (double)",
		"bcd16", "bcd16", "bcd32", "bcd32", "u8h", "u8h (high byte)", "u8l", "u8l (low byte)",
	)
	f.Orders = chosen(f.Order, "hilo", "high word first", "lohi", "low word first")
}

func chosen(value string, pairs ...string) []optionView {
	var list []optionView
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, optionView{pairs[i], pairs[i+1], pairs[i] == value})
	}
	return list
}

// take reads the form as it was sent.
func (f *readForm) take(c echo.Context) (RegisterQuery, error) {
	f.Device, f.FC, f.Ref, f.Base = c.FormValue("device"), c.FormValue("fc"), strings.TrimSpace(c.FormValue("ref")), strings.TrimSpace(c.FormValue("base"))
	f.Quantity, f.Scale, f.Type, f.Order = strings.TrimSpace(c.FormValue("quantity")), strings.TrimSpace(c.FormValue("scale")), c.FormValue("type"), c.FormValue("word_order")
	d := readDoc{Device: esp.DeviceID(f.Device), Type: f.Type, Order: f.Order}
	whole := func(text, what string) (int64, error) {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return 0, errInvalid(what, "the "+what+" must be a whole number, not “"+text+"”")
		}
		return n, nil
	}
	fc, err := whole(f.FC, "function")
	if err != nil {
		return RegisterQuery{}, err
	}
	ref, err := whole(f.Ref, "address")
	if err != nil {
		return RegisterQuery{}, err
	}
	base, err := whole(f.Base, "first address of the manual")
	if err != nil {
		return RegisterQuery{}, err
	}
	quantity, err := whole(f.Quantity, "length")
	if err != nil {
		return RegisterQuery{}, err
	}
	scale, err := strconv.ParseFloat(strings.Replace(f.Scale, ",", ".", 1), 64)
	if err != nil {
		return RegisterQuery{}, errInvalid("scale", "the scale must be a number, not “"+f.Scale+"”")
	}
	d.FC, d.Ref, d.Base, d.Quantity, d.Scale = int(fc), &ref, &base, int(quantity), &scale
	return d.query()
}

// driveRead is POST /wells/{well}/drive/read: the page with the answer. Reading changes
// nothing, so that it may be sent again.
func (s *Server) driveRead(c echo.Context) error {
	v, f, err := s.driveView(c)
	if err != nil {
		return err
	}
	q, err := v.Form.take(c)
	var a *RegisterAnswer
	if err == nil {
		a, err = s.readRegisters(c.Request().Context(), wellParam(c), q)
	}
	if err != nil {
		return s.driveWrong(c, v, f, err)
	}
	v.Result = s.resultView(&q, a)
	return s.driveShow(c, http.StatusOK, v, f)
}

// driveWrong shows what was wrong on the page itself, with what was entered.
func (s *Server) driveWrong(c echo.Context, v *driveView, f *frameView, err error) error {
	e, logged := asAPIError(err)
	if logged || e.status == http.StatusNotFound {
		return err
	}
	v.Wrong = sentence(e.message)
	return s.driveShow(c, e.status, v, f)
}

// driveCompare is POST /wells/{well}/drive/compare.
func (s *Server) driveCompare(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return errInvalid("body", "the form cannot be read")
	}
	e := PanelEntry{Device: esp.DeviceID(form.Get("device")), Firmware: form.Get("firmware"), Values: map[string]string{}}
	for name := range form {
		if signal, ok := strings.CutPrefix(name, "value-"); ok {
			e.Values[signal] = form.Get(name)
		}
	}
	if _, err = s.compare(c, &e); err == nil {
		return c.Redirect(http.StatusSeeOther, drivePath(wellParam(c))+"?compared=1#device-"+url.PathEscape(string(e.Device)))
	}
	v, f, viewErr := s.driveView(c)
	if viewErr != nil {
		return viewErr
	}
	for i := range v.Devices {
		d := &v.Devices[i]
		if d.ID != string(e.Device) {
			continue
		}
		d.Firmware = e.Firmware
		for k := range d.Checks {
			d.Checks[k].Typed = e.Values[d.Checks[k].Name]
		}
	}
	return s.driveWrong(c, v, f, err)
}

// resultView is an answer as it is shown.
func (s *Server) resultView(q *RegisterQuery, a *RegisterAnswer) *resultView {
	loc := s.render.look().location
	r := &resultView{
		Title: fmt.Sprintf("%s, function %d, wire address %d", q.Device, q.FC, q.Address), When: clockSeconds(a.Time, s.cfg.Now(), loc),
		Took: a.Took.Round(time.Millisecond).String(), As: strings.TrimSpace(q.Type + " " + q.Order), Text: a.Text, Bits: q.FC <= 2,
	}
	scaled := q.Scale != esp.Identity()
	for _, d := range a.As {
		v := decodedView{Address: strconv.Itoa(int(q.Address) + d.At), Value: plainNumber(d.Value)}
		if scaled {
			v.Scaled = plainNumber(d.Scaled)
		}
		r.Values = append(r.Values, v)
	}
	for i, w := range a.Words {
		v := wordView{Address: strconv.Itoa(int(q.Address) + i), Hex: fmt.Sprintf("%04X", w), U16: strconv.Itoa(int(w))}
		if !r.Bits {
			b := fmt.Sprintf("%016b", w)
			v.Binary = b[:4] + " " + b[4:8] + " " + b[8:12] + " " + b[12:]
		}
		v.fill(a.All, i, scaled)
		r.Words = append(r.Words, v)
	}
	return r
}

// fill takes the decodings that begin at a word.
func (v *wordView) fill(all []Decoding, at int, scaled bool) {
	pairs := map[string]*pairView{}
	var order []string
	for _, d := range all {
		if d.At != at {
			continue
		}
		value := plainNumber(d.Value)
		switch d.Type {
		case "u16":
			if scaled {
				v.Scaled = plainNumber(d.Scaled)
			}
			continue
		case "s16":
			v.S16 = value
			continue
		}
		p := pairs[d.Order]
		if p == nil {
			p = &pairView{Order: d.Order}
			pairs[d.Order] = p
			order = append(order, d.Order)
		}
		if scaled {
			value += " → " + plainNumber(d.Scaled)
		}
		switch d.Type {
		case "u32":
			p.U32 = value
		case "s32":
			p.S32 = value
		case "f32":
			p.F32 = value
		}
	}
	for _, o := range order {
		v.Pairs = append(v.Pairs, *pairs[o])
	}
}
