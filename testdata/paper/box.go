// Package paper makes boxes of paper that never existed: scans of medical
// records with their whole truth, for measuring how well pages are read,
// identified and filed.
//
// A Box has a registry of made-up people and as many scans as are asked for.
// Each scan depends on the box's seed and its own number alone, so that scans
// can be made in any order, by any number of workers, again and again. A scan
// is a document of one of twenty kinds (layout.go), written by an author about
// a person (author.go, people.go, prose.go), printed on a canvas in points
// (canvas.go, font.go), worn down (wear.go) and coded as scanners code
// (file.go). Its Truth is a line of JSON: text lines in reading order,
// identifiers of the patient, decoys that are somebody else's and whose,
// document type and date, and who the patient is, if anybody.
//
//	go run ./testdata/paper/cmd/box -seed 7 -n 100 -out /tmp/box
//
// writes registry.csv, scans/ and truth.jsonl. Fonts come from Debian
// packages, named in Fonts; a missing one is an error, never another font.
package paper

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Options say what is in a box. The zero value is a mixed one.
type Options struct {
	Patients int      // registered; default 2000
	Layouts  []string // names of the layouts to use; default all
	Levels   []Level  // default all
	Trapless bool     // no strangers, impostors, wrong labels or ambiguous papers
	Upright  bool     // no page turned
	Turned   float64  // share of scans that were turned; default 0.1
}

// Box makes scans.
type Box struct {
	seed    uint64
	o       Options
	reg     *registry
	layouts []layout
}

// New makes a box's registry. It fails if a font is missing or a layout is
// not known.
func New(seed uint64, o Options) (*Box, error) {
	if err := checkFonts(); err != nil {
		return nil, err
	}
	if o.Patients == 0 {
		o.Patients = 2000
	}
	if len(o.Levels) == 0 {
		o.Levels = Levels
	}
	if o.Turned == 0 && !o.Upright {
		o.Turned = 0.1
	}
	b := &Box{seed: seed, o: o, reg: newRegistry(rand.New(rand.NewPCG(seed, 1)), o.Patients)}
	for _, l := range layouts {
		if len(o.Layouts) == 0 || slices.Contains(o.Layouts, l.name) {
			b.layouts = append(b.layouts, l)
		}
	}
	if len(b.layouts) == 0 || len(o.Layouts) > len(b.layouts) {
		return nil, fmt.Errorf("make box: of the layouts %q not all are known", o.Layouts)
	}
	return b, nil
}

// Layouts are the names of all layouts.
func Layouts() (names []string) {
	for _, l := range layouts {
		names = append(names, l.name)
	}
	return names
}

// Registry is the people whom the box's hospital knows.
func (b *Box) Registry() []Person { return slices.Clone(b.reg.people) }

// Truth is all there is to know about a scan, as a line of a box's
// truth.jsonl.
type Truth struct {
	File        string            `json:"file"`
	Layout      string            `json:"layout"`
	Level       Level             `json:"level"`
	DocType     string            `json:"doc_type"`
	Date        string            `json:"date"`
	Patient     *string           `json:"patient"`         // the number of the registered patient; nil: nobody may be filed to
	Trap        string            `json:"trap"`            // why nobody may be filed to
	Alike       string            `json:"alike,omitempty"` // how another registered person is like the patient
	Identifiers map[string]string `json:"identifiers"`
	Decoys      []string          `json:"decoys"`
	Roles       map[string]string `json:"roles"` // of each decoy
	Barcodes    []string          `json:"barcodes"`
	Turned      []int             `json:"turned"` // degrees clockwise by which each page lies
	Pages       [][]string        `json:"pages"`
	Parts       []Part            `json:"parts,omitempty"` // the documents of a batch
}

// Part is one document of a batch.
type Part struct {
	Pages   [2]int  `json:"pages"` // from, to
	Patient *string `json:"patient"`
	DocType string  `json:"doc_type"`
}

// Scan makes the scan of a number.
func (b *Box) Scan(n int) *Scan {
	s, pages, rng := b.draft(n)
	s.draw(pages, rng)
	s.name(n, rng)
	return s
}

// draft is a scan whose pages are printed, but neither worn nor scanned.
func (b *Box) draft(n int) (*Scan, []*canvas, *rand.Rand) {
	rng := rand.New(rand.NewPCG(b.seed, uint64(n)<<8|2))
	l := b.layouts[n%len(b.layouts)]
	level := b.o.Levels[(n+n/len(b.layouts))%len(b.o.Levels)] // each layout meets each level
	who, truth := b.subject(rng, l)
	truth.Layout, truth.Level, truth.DocType = l.name, level, l.docType
	s := &Scan{Truth: truth}
	w := WearOf(level, rng)
	if lies := rand.New(rand.NewPCG(b.seed, uint64(n)<<8|3)); chance(lies, b.o.Turned) { // of its own, so that a box may be had turned and upright
		w.Turn = pick(lies, []int{90, 180, 180, 270})
	}
	s.Wear = w
	pages := b.write(rng, l, who, truth, float64(max(w.DPIX, w.DPIY)*oversampling(w)))
	for _, c := range pages {
		s.Pages = append(s.Pages, c.lines)
	}
	return s, pages, rng
}

// oversampling is how much finer than the scan a page is printed: coarse scans
// blend what lies in a pixel.
func oversampling(w Wear) int {
	if max(w.DPIX, w.DPIY) <= 150 {
		return 2
	}
	return 1
}

// write has a document written by an author.
func (b *Box) write(rng *rand.Rand, l layout, who Person, truth *Truth, dpi float64) []*canvas {
	a := &author{rng: rng, reg: b.reg, who: who, doctor: newPerson(rng), site: pick(rng, hospitals), uk: l.uk, forms: pick(rng, usDates), size: l.size, dpi: dpi, truth: truth}
	if l.uk {
		a.site, a.forms = pick(rng, trusts), pick(rng, ukDates)
	}
	born := who.Born.Year()
	if l.infant {
		a.date = who.Born.AddDate(0, 0, rng.IntN(3))
	} else {
		a.date = day(rng, max(1985, born+1), 2025)
	}
	truth.Date = a.date.Format("2006-01-02")
	l.write(a)
	return a.pages
}

// someone is a registered person whom a document may be about: a newborn's page
// is about somebody born since such pages look so.
func (b *Box) someone(rng *rand.Rand, l layout) Person {
	for {
		if p := pick(rng, b.reg.people); !l.infant || p.Born.Year() >= 1985 {
			return p
		}
	}
}

// subject is whom a scan is about, and what that makes of its truth.
func (b *Box) subject(rng *rand.Rand, l layout) (Person, *Truth) {
	t := &Truth{Identifiers: map[string]string{}, Roles: map[string]string{}, Decoys: []string{}, Barcodes: []string{}}
	who := b.someone(rng, l)
	known := true
	switch k := rng.Float64(); {
	case b.o.Trapless:
	case k < 0.05:
		who, known, t.Trap = b.reg.stranger(rng), false, "stranger"
	case k < 0.1:
		who, known, t.Trap = b.reg.impostor(rng), false, "impostor"
	}
	if known {
		t.Patient = &who.MRN
	}
	return who, t
}
