package webtest

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Gas is gas interference, since 87 minutes before at.
func Gas(well esp.WellID, at time.Time) esp.Diagnosis {
	return esp.Diagnosis{
		Well: well, Time: at, ID: esp.GasInterference, Change: esp.Updated, Severity: esp.SeverityToday, Confidence: esp.Likely,
		Onset: at.Add(-87 * time.Minute), Title: "Gas interference likely",
		Text: "Intake pressure falls and the motor current swings: free gas reaches the pump.",
		Evidence: []esp.Evidence{
			{Signal: "intake_pressure", Text: "Intake pressure 2,840.6 kPa, down 662 kPa in 90 min, below the limit of 3,102.6 kPa", Unit: esp.KPa, Value: 2840.6, Baseline: 4350, Limit: 3102.6},
			{Signal: "motor_current_swing", Text: "Current swings ±3.1 A, 4 times its usual", Unit: esp.Ampere, Value: 3.1, Baseline: .8, Limit: 2.4},
			{Signal: "discharge_pressure", Text: "Discharge pressure 17,140 kPa, 3 % below its usual", Unit: esp.KPa, Value: 17140, Baseline: 17700, Limit: esp.NoNumber()},
			{Signal: "motor_temperature_rise", Text: "Motor temperature up 2.1 degC in 90 min", Unit: esp.Celsius, Value: 2.1, Baseline: .3, Limit: 5},
		},
		Against:     []string{"The motor temperature rises by less than gas lock would make it"},
		NotAssessed: []string{"liquid_rate", "flowline_pressure"},
		Steps: []esp.Step{
			{Text: "Check that the casing valve to the flowline is open and its check valve is free", Who: esp.Technician},
			{Text: "Read the casing pressure; above 700 kPa gas is held back", Who: esp.Technician},
			{Text: "Lower the speed by 2 Hz and watch the current for 15 min", Who: esp.Engineer},
		},
		Rule: "gas", RuleVersion: 1,
	}
}

// GasLock is a gas lock, since 4 minutes before at.
func GasLock(well esp.WellID, at time.Time) esp.Diagnosis {
	d := Gas(well, at)
	d.ID, d.Severity, d.Onset, d.Title = esp.GasLock, esp.SeverityNow, at.Add(-4*time.Minute), "Gas lock likely"
	d.Text = "The pump turns and moves nothing: it is full of gas."
	d.Rule = "gas_lock"
	d.RunnerUp, d.Separate = esp.BrokenShaft, "Lower the frequency by 5 Hz: a gas lock lets go, a broken shaft answers to nothing."
	return d
}

// Lost is a lost drive, since at.
func Lost(well esp.WellID, at time.Time) esp.Diagnosis {
	return esp.Diagnosis{
		Well: well, Time: at, ID: esp.CommunicationLost, Change: esp.Raised, Severity: esp.SeverityToday, Confidence: esp.Likely, Onset: at,
		Title: "Drive does not answer", Text: "No answer from the drive.",
		Evidence: []esp.Evidence{{Signal: "drive", Text: "No answer to 252 polls in a row", Value: 252, Baseline: esp.NoNumber(), Limit: 10}},
		Steps: []esp.Step{
			{Text: "Look at the drive's own panel: is the pump running?", Who: esp.Technician},
			{Text: "Check the cable between this box and the drive", Who: esp.Technician},
		},
		Rule: "communication", RuleVersion: 1,
	}
}
