package diagnosis

// gaugeRules speak of the downhole gauge itself.
var gaugeRules []rule
