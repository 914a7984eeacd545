package tap

// What identifies the program (MODBUS Application Protocol V1.1b3, 6.21).
const (
	identification = 14   // MEI type
	conformity     = 0x82 // basic and regular objects, as a stream and one by one
	basicLevel     = 1
	oneObject      = 4
	basicObjects   = 3
)

// vendor and product identify the program.
const (
	vendor      = "Wellkeeper"
	productCode = "wellkeeper"
	product     = "Wellkeeper read-only tap"
	longestText = 64 // of an object, so that all of them stay within a frame
)

type object struct {
	id   uint8
	text string
}

// identify appends the answer to a request for the identification: the basic or all
// objects from one on, or one of them.
func (s *Server) identify(dst, data []byte) ([]byte, exception) {
	if len(data) != 3 {
		return dst, illegalValue
	}
	if data[0] != identification {
		return dst, illegalFunction
	}
	objects := []object{{0, vendor}, {1, productCode}, {2, s.version[:min(len(s.version), longestText)]}, {4, product}}
	level, from := data[1], data[2]
	switch {
	case level < basicLevel || level > oneObject:
		return dst, illegalValue
	case level == basicLevel:
		objects = objects[:basicObjects]
	}
	first := -1
	for i := range objects {
		if objects[i].id == from {
			first = i
		}
	}
	switch {
	case level == oneObject && first < 0:
		return dst, illegalAddress
	case level == oneObject:
		objects = objects[first : first+1]
	case first > 0: // one that is not known begins the stream anew, as the standard wants
		objects = objects[first:]
	}
	dst = append(dst, identification, level, conformity, 0, 0, byte(len(objects)))
	for _, o := range objects {
		dst = append(append(dst, o.id, byte(len(o.text))), o.text...)
	}
	return dst, 0
}
