package sim

// Param is a quantity that a scenario may change.
type Param uint8

// Parameters of the well, the drive and their surroundings. A share is 0 to 1.
const (
	ReservoirPressure  Param = iota // bar
	Productivity                    // m3/d per bar
	WaterCut                        // share of water in the liquid
	GasOilRatio                     // all gas that comes with the oil, m3/m3
	Separation                      // factor on the natural separation of gas at the intake
	GasSurge                        // what gas slugs add to the gas fraction at the intake, a share
	LinePressure                    // bar
	CasingPressure                  // bar
	ChokeOpening                    // share
	WingValve                       // opening of the valve after the transmitters, which is not measured; a share
	TubingLeak                      // from the tubing back to the annulus, m3/d
	Wear                            // share of head lost to worn stages, which take less power too
	Scale                           // share of head lost to deposits in the stages, which take more power
	Drag                            // torque taken by what rubs or plugs, a share of the rated one
	ShaftTurns                      // 1: the shaft drives the pump; 0: it is broken
	CheckValveLeak                  // m3/d per bar backwards through the check valve
	FluidTemperature                // at the intake, degC
	Slugging                        // what slugs in the tubing add to rate and tubing head pressure, a share
	RunCommand                      // 1: run; 0: stop
	Setpoint                        // drive frequency wanted, Hz
	PhaseOrder                      // of the cable as it is connected; 1: right, -1: two phases swapped
	RotationSetting                 // of the drive; 1: forward, -1: reverse
	DriveCooling                    // share of the cooling that the drive's fans give
	SupplyVoltage                   // V
	AmbientTemperature              // degC
	Leakage                         // of cable and motor to earth, mA
	paramCount
)

// params are the values of all parameters at one time.
type params [paramCount]float64

// usual is the well of the simulator's design, producing as it always does.
func usual() params {
	return params{
		ReservoirPressure:  180,
		Productivity:       0.8,
		WaterCut:           0.60,
		GasOilRatio:        60,
		Separation:         1,
		LinePressure:       8,
		CasingPressure:     8,
		ChokeOpening:       1,
		WingValve:          1,
		ShaftTurns:         1,
		PhaseOrder:         1,
		RotationSetting:    1,
		DriveCooling:       1,
		FluidTemperature:   85,
		RunCommand:         1,
		Setpoint:           52,
		SupplyVoltage:      480,
		AmbientTemperature: 18,
		Leakage:            0.12,
	}
}

// bound keeps the parameters where the model means something, whatever the sum of
// noise and changes is.
func (p *params) bound() {
	share := func(i Param) { p[i] = min(max(p[i], 0), 1) }
	positive := func(i Param) { p[i] = max(p[i], 0) }
	share(WaterCut)
	share(Separation)
	share(Wear)
	share(Scale)
	share(ShaftTurns)
	positive(GasOilRatio)
	positive(TubingLeak)
	positive(Drag)
	positive(CheckValveLeak)
	positive(Setpoint)
	positive(Leakage)
	positive(Productivity)
	positive(SupplyVoltage)
	for _, valve := range [...]Param{ChokeOpening, WingValve} {
		p[valve] = min(max(p[valve], 1e-3), 1) // a shut valve weeps
	}
	p[DriveCooling] = min(max(p[DriveCooling], 0.05), 1) // a standing fan leaves convection
	p[LinePressure] = max(p[LinePressure], 1)
	p[CasingPressure] = max(p[CasingPressure], 1)
}
