package recording

import "fmt"

// remarks counts what is wrong with files, by file and kind.
type remarks struct {
	order []remarkKey
	count map[remarkKey]*remark
}

type remarkKey struct{ path, what string }

type remark struct{ line, times int }

func (r *remarks) add(path string, line int, what string) {
	key := remarkKey{path, what}
	if r.count == nil {
		r.count = make(map[remarkKey]*remark)
	}
	if r.count[key] == nil {
		r.count[key] = &remark{line: line}
		r.order = append(r.order, key)
	}
	r.count[key].times++
}

func (r *remarks) list() []string {
	var list []string
	for _, key := range r.order {
		m := r.count[key]
		list = append(list, fmt.Sprintf("%s:%d: %s (%d)", key.path, m.line, key.what, m.times))
	}
	return list
}

// first is the first remark as the end of an error; empty where there is none.
func (r *remarks) first() string {
	if list := r.list(); len(list) > 0 {
		return "; " + list[0]
	}
	return ""
}
