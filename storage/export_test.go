package storage

// Tick is one turn of Run.
func Tick(s *Store) error { return s.tick() }

// Disk is what the journal writes through.
type Disk = disk

// WrapDisk puts something between a store and its journal file.
func WrapDisk(s *Store, wrap func(Disk) Disk) { s.journal.file = wrap(s.journal.file) }
