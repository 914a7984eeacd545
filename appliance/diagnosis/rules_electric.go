package diagnosis

// electricRules speak of supply, drive and motor.
var electricRules []rule
