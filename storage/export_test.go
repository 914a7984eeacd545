package storage

// Tick is one turn of Run.
func Tick(s *Store) error { return s.tick() }
