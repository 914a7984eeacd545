package profile

import (
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// Describe reads a point outside the columns, such as one of Settings or Identity: its
// reading, and how people write it. For a text the reading has no value. The text is
// empty where there is none; the reading says why.
func (p *Point) Describe(words Words) (r esp.Reading, text string) {
	if p.Type == Str {
		return p.describeText(words)
	}
	profile := Profile{}
	r = profile.decode(p, words)
	if !r.Quality.Shown() {
		return r, ""
	}
	if text = p.Text(r.Raw); text == "" {
		text = p.Stored.Label(strconv.FormatFloat(r.Value, 'g', 10, 64))
	}
	return r, text
}

// Warnings are what the author of the profile warns of: the comments "# Warning: …" of
// the file.
func (p *Profile) Warnings() []string {
	var all []string
	for line := range strings.Lines(string(p.content)) {
		if text, ok := strings.CutPrefix(line, "# Warning:"); ok {
			all = append(all, strings.TrimSpace(text))
		}
	}
	return all
}

// describeText joins the characters, the first in the high byte. Texts are padded with
// zeros or spaces, and what is not printable is left out.
func (p *Point) describeText(words Words) (esp.Reading, string) {
	var b []byte
	for i := range p.Registers() {
		w, why := words(p.FC, p.Wire+uint16(i))
		if why != esp.NoReason {
			return esp.LostReading(why), ""
		}
		if p.bytesSwapped {
			w = w<<8 | w>>8
		}
		b = append(b, byte(w>>8), byte(w))
	}
	text, _, _ := strings.Cut(string(b), "\x00")
	text = strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, text))
	return esp.Reading{Quality: esp.Good}, text
}
