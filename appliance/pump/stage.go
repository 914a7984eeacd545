package pump

// Point is one point of a stage curve.
type Point struct {
	Flow  float64 // m3/d
	Head  float64 // m
	Power float64 // kW
}

// Affine is the point that p becomes when the speed changes by ratio (new ÷ old).
//
// Affinity laws: Q∝f, H∝f², P∝f³.
func (p Point) Affine(ratio float64) Point {
	return Point{Flow: p.Flow * ratio, Head: p.Head * ratio * ratio, Power: p.Power * ratio * ratio * ratio}
}

// Stage is one pump stage on water at its base frequency: polynomials of the flow in
// m3/d, lowest power first.
type Stage struct {
	Frequency float64    // Hz at which the curve was measured
	Head      [6]float64 // m
	Power     [6]float64 // W, at specific gravity 1
	// Measured is the end of the measured range, m3/d. Beyond it the curves go on
	// along their tangents, because a fifth-order polynomial means nothing there.
	Measured float64
	// Minimum and Maximum bound the maker's recommended range, m3/d; Best is the flow
	// of best efficiency.
	Minimum, Best, Maximum float64
}

// AN550 is the stage of a Reda AN550 at 60 Hz.
//
// Least-squares fit of the catalogue points in unifloc/esp_design (ESP_json.db): rms
// 0.017 m and 0.49 W. The recommended range is 63.595 to 111.291 m3/d; the best
// efficiency of the fitted curves lies at 95.2 m3/d.
func AN550() Stage {
	return Stage{
		Frequency: 60,
		Head:      [6]float64{6.756015, 7.761774e-3, -8.886595e-4, 1.202266e-5, -8.621707e-8, 1.869764e-10},
		Power:     [6]float64{78.20738, -0.4164481, 2.044866e-2, -1.190529e-4, -1.023325e-6, 7.395649e-9},
		Measured:  130,
		Minimum:   63.595,
		Best:      95.2,
		Maximum:   111.291,
	}
}

// At is the stage at a frequency in Hz, pumping water at a flow in m3/d measured at
// that frequency. A negative flow counts as none; a frequency that is not positive
// gives no head and takes no power.
//
// The curve is read at Q·f0/f and brought to f by the affinity laws.
func (s *Stage) At(flow, frequency float64) Point {
	if frequency <= 0 {
		return Point{Flow: flow}
	}
	ratio := frequency / s.Frequency
	q := max(flow, 0) / ratio
	p := Point{Flow: q, Head: s.extend(&s.Head, q), Power: s.extend(&s.Power, q) / 1000}.Affine(ratio)
	p.Flow = flow
	return p
}

// Range is the recommended range of flow at a frequency, m3/d.
//
// Qmin·f/f0 ≤ Q ≤ Qmax·f/f0.
func (s *Stage) Range(frequency float64) (lowest, highest float64) {
	return s.Minimum * frequency / s.Frequency, s.Maximum * frequency / s.Frequency
}

// extend is the polynomial within the measured range and its tangent beyond.
func (s *Stage) extend(c *[6]float64, q float64) float64 {
	if q <= s.Measured {
		return poly(c, q)
	}
	return poly(c, s.Measured) + slope(c, s.Measured)*(q-s.Measured)
}

func poly(c *[6]float64, x float64) float64 {
	return c[0] + x*(c[1]+x*(c[2]+x*(c[3]+x*(c[4]+x*c[5]))))
}

func slope(c *[6]float64, x float64) float64 {
	return c[1] + x*(2*c[2]+x*(3*c[3]+x*(4*c[4]+x*5*c[5])))
}
