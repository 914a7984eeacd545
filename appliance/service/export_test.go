package service

// Hear has messages told to a function.
func Hear(m *Manager, told func(state string)) {
	m.send = func(state string) error {
		told(state)
		return nil
	}
}
