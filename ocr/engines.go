package ocr

import (
	"cmp"
	"slices"
)

// maxEngines bounds how many sets of languages a worker holds: each takes from
// twenty megabytes up.
const maxEngines = 3

// engines are a worker's engines, one for each set of languages, opened when
// the first page asks for it. The set that was not asked for longest makes room.
type engines struct {
	tessdata string
	usual    string
	open     []opened // the one asked for last comes last
}

type opened struct {
	languages string
	*engine
}

// of gives the engine for languages that are installed; "" are the usual ones.
// It stays open until two others have been asked for.
func (e *engines) of(languages string) (*engine, error) {
	languages = cmp.Or(languages, e.usual)
	if at := slices.IndexFunc(e.open, func(o opened) bool { return o.languages == languages }); at >= 0 {
		o := e.open[at]
		e.open = append(slices.Delete(e.open, at, at+1), o)
		return o.engine, nil
	}
	if len(e.open) == maxEngines {
		e.open[0].close()
		e.open = slices.Delete(e.open, 0, 1)
	}
	made, err := openEngine(e.tessdata, languages)
	if err != nil {
		return nil, err
	}
	e.open = append(e.open, opened{languages, made})
	return made, nil
}

// speak makes the reader read the next page in these languages.
func (r *reader) speak(languages string) (err error) {
	r.engine, err = r.engines.of(languages)
	return err
}

func (e *engines) close() {
	for _, o := range e.open {
		o.close()
	}
	e.open = nil
}
