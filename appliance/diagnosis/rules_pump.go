package diagnosis

// pumpRules speak of the pump, the tubing and the well: intake pressure and head moved.
var pumpRules []rule
