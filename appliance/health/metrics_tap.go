package health

func tapMetrics() []metric {
	return []metric{
		{name: "tap_clients", help: "Other masters that are connected. Metrics of the tap are absent while it is off.", kind: gauge, read: tap(func(t *Tap, put put) { put(float64(t.Clients)) })},
		{name: "tap_connections_total", help: "Connections of other masters since the start: taken in, turned away for their network or because as many as allowed were connected, or cut off for what they sent.", kind: counter, labels: []string{"result"}, read: tap(func(t *Tap, put put) {
			put(float64(t.Connections), "accepted")
			put(float64(t.Strangers), "not_allowed")
			put(float64(t.Crowded), "too_many")
			put(float64(t.Malformed), "cut_off")
		})},
		{name: "tap_requests_total", help: "Requests of other masters since the start: answered with values, refused because their function is not served (writes above all), or for what is not there or too old.", kind: counter, labels: []string{"result"}, read: tap(func(t *Tap, put put) {
			put(float64(t.Answered), "answered")
			put(float64(t.Refused), "refused")
			put(float64(t.Exceptions), "exception")
		})},
	}
}

func tap(read func(*Tap, put)) func(*Report, put) {
	return func(r *Report, put put) {
		if t := r.Facts.Tap; t != nil {
			read(t, put)
		}
	}
}
