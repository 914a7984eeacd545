package diagnosis

// Published sources of courses and limits; what a rule has of its own says what proves it.
const (
	sourceChart       = "a guide to ammeter charts (text-id.123dok.com, document 7qvj9j2gq)"
	sourcePurge       = "US patent application 2009/0000789"
	sourceGas         = "Cirilo and Doty (scribd 179135580)"
	sourcePeer        = "the ESP-GUARDX manual (esp-guardx-manual.pages.dev)"
	sourceNoLoad      = "Nidec, Digistart D4 manual, p. 51"
	sourceSoftStarter = sourceNoLoad
	sourceHead        = "BETA Pump Diagnostic (github.com/alkavf71/BETA_Pump_Diagnostic)"
	sourceLoad        = "field practice (epaper.myedisi.com/bse/51745)"
	sourceSolids      = "ABB, ACS880 ESP manuals (easymanua.ls 438464, p. 57)"
	sourceMonitor     = "Franklin, SubMonitor Connect manual, p. 22 (motors in general)"
	sourceStall       = "Sensia, Instruct manual (manualslib 3732914, p. 10 f.)"
	sourceSupply      = "JEPT 2022 4(4) (lidsen.com, jept-04-04-036)"
	sourceBackspin    = "ABB, ACS880-04XT manual, p. 42"
	sourceSag         = "IEEE 1159, on monitoring the quality of electric power (a sag: 10 to 90 % of the voltage, half a cycle to a minute)"
	sourceStarts      = "Solcon, MPS-3000 manual, p. 31"
)
