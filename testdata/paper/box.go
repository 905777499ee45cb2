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
	"time"
)

// Options say what is in a box. The zero value is a mixed one.
type Options struct {
	Patients int      // registered; default 2000
	Layouts  []string // names of the layouts to use; default all
	Levels   []Level  // default all
	Trapless bool     // no strangers, impostors, wrong labels or ambiguous papers
	Upright  bool     // no page turned
	Turned   float64  // share of scans that were turned; default 0.1

	coarse bool // printed coarsely, where only the truth is looked at
}

// Traps are why a scan may be filed to nobody without a person: it is about
// somebody who is not registered, perhaps much like somebody who is; another
// patient's label is stuck on it, or the mother's on an infant's; its barcode
// contradicts its print; it does not tell twins, or father and son, apart; it
// names nobody; or it holds two patients' papers (Truth.Parts).
var Traps = []string{"stranger", "impostor", "label", "newborn", "barcode", "ambiguous", "nobody", "two-patients"}

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
		if len(o.Layouts) == 0 && !(o.Trapless && l.nameless) || slices.Contains(o.Layouts, l.name) {
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
	Trap        string            `json:"trap"`            // why nobody may be filed to: see Traps
	Alike       string            `json:"alike,omitempty"` // how another registered person is like the patient
	Identifiers map[string]string `json:"identifiers"`
	Decoys      []string          `json:"decoys"`
	Roles       map[string]string `json:"roles"` // of each decoy
	Barcodes    []string          `json:"barcodes"`
	Turned      []int             `json:"turned"` // degrees clockwise by which each page lies
	Pages       [][]string        `json:"pages"`
	Hands       [][]string        `json:"hands,omitempty"` // what is written by hand, page by page; not in Pages
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
	s := &Scan{Truth: &Truth{Layout: l.name, Level: level, DocType: l.docType, Identifiers: map[string]string{}, Roles: map[string]string{}, Decoys: []string{}, Barcodes: []string{}}}
	s.Wear = WearOf(level, rng)
	if b.o.coarse {
		s.Wear.DPIX, s.Wear.DPIY = 72, 72
	}
	if lies := rand.New(rand.NewPCG(b.seed, uint64(n)<<8|3)); chance(lies, b.o.Turned) { // of its own, so that a box may be had turned and upright
		s.Wear.Turn = pick(lies, []int{90, 180, 180, 270})
	}
	a := b.author(rng, l, s.Truth, float64(max(s.Wear.DPIX, s.Wear.DPIY)*oversampling(s.Wear)))
	b.cast(a, l)
	b.write(a, l)
	for _, c := range a.pages {
		s.Pages, s.Hands = append(s.Pages, c.lines), append(s.Hands, c.hands)
	}
	return s, a.pages, rng
}

// oversampling is how much finer than the scan a page is printed: coarse scans
// blend what lies in a pixel.
func oversampling(w Wear) int {
	if max(w.DPIX, w.DPIY) <= 150 {
		return 2
	}
	return 1
}

// author is somebody who is about to write a document.
func (b *Box) author(rng *rand.Rand, l layout, truth *Truth, dpi float64) *author {
	a := &author{rng: rng, reg: b.reg, doctor: newPerson(rng), site: pick(rng, hospitals), forms: pick(rng, usDates), size: l.size, dpi: dpi, truth: truth}
	if l.uk {
		a.site, a.forms = pick(rng, trusts), pick(rng, ukDates)
	}
	return a
}

// write has the author write, once it is known about whom.
func (b *Box) write(a *author, l layout) {
	if l.infant {
		a.date = a.who.Born.AddDate(0, 0, a.rng.IntN(3))
	} else {
		a.date = day(a.rng, max(1985, a.who.Born.Year()+1), 2025)
	}
	a.truth.Date = a.date.Format(time.DateOnly)
	l.write(a)
	switch a.truth.Trap {
	case "label":
		other := a.wrong
		a.paste(a.sticker(*other, ""), 370, 660, a.rng.NormFloat64()*2)
		a.other("unclear", "name", plain(other.Last)+"|"+plain(other.First))
		a.other("unclear", "mrn", other.MRN)
	case "two-patients":
		b.second(a, l)
	}
}

// second adds another patient's document to the batch.
func (b *Box) second(a *author, first layout) {
	l := pick(a.rng, b.layouts)
	for l.infant || l.nameless {
		l = pick(a.rng, layouts)
	}
	t := &Truth{Identifiers: map[string]string{}, Roles: map[string]string{}}
	next := b.author(a.rng, l, t, a.dpi)
	next.who = b.someone(a.rng, l)
	for next.who.MRN == a.who.MRN {
		next.who = b.someone(a.rng, l)
	}
	b.write(next, l)
	a.truth.Parts = []Part{{[2]int{1, len(a.pages)}, &a.who.MRN, first.docType}, {[2]int{len(a.pages) + 1, len(a.pages) + len(next.pages)}, &next.who.MRN, l.docType}}
	a.pages = append(a.pages, next.pages...)
	a.truth.Barcodes = append(a.truth.Barcodes, t.Barcodes...)
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

// cast decides whom a document is about, and whether it is a trap: a paper
// that may be filed to nobody.
func (b *Box) cast(a *author, l layout) {
	a.who = b.someone(a.rng, l)
	if how := pick(a.rng, likenesses); chance(a.rng, 0.15) && len(b.reg.alike[how]) > 0 && !l.infant {
		pair := pick(a.rng, b.reg.alike[how])
		a.who, a.truth.Alike = b.reg.people[pair[a.rng.IntN(2)]], string(how)
	}
	a.truth.Patient = &a.who.MRN
	a.wrong = new(b.someone(a.rng, layout{}))
	for a.wrong.MRN == a.who.MRN {
		a.wrong = new(b.someone(a.rng, layout{}))
	}
	if l.nameless {
		a.truth.Trap = "nobody"
	} else if !b.o.Trapless {
		a.truth.Trap = b.trap(a, l)
	}
	if a.truth.Trap != "" {
		a.truth.Patient = nil
	}
}

// trap chooses a trap that the layout allows, or none, and sets it.
func (b *Box) trap(a *author, l layout) string {
	if l.name == "memo" && chance(a.rng, 0.4) {
		how := pick(a.rng, []likeness{twins, fatherSon})
		if pairs := b.reg.alike[how]; len(pairs) > 0 {
			pair := pick(a.rng, pairs)
			p, q := b.reg.people[pair[0]], b.reg.people[pair[1]]
			if how == twins && initial(plain(p.First)) != initial(plain(q.First)) {
				return ""
			}
			a.who, a.truth.Alike = p, string(how)
			return "ambiguous"
		}
	}
	switch k := a.rng.Float64(); {
	case k < 0.04:
		a.who, a.truth.Alike = b.reg.stranger(a.rng), ""
		if l.infant {
			a.who.Born = day(a.rng, 1985, 2024)
		}
		return "stranger"
	case k < 0.08 && !l.infant:
		a.who, a.truth.Alike = b.reg.impostor(a.rng), ""
		return "impostor"
	case k < 0.11 && !l.infant && !l.uk:
		return "two-patients"
	case k < 0.2 && l.room:
		return "label"
	case k < 0.4 && l.name == "label_chart":
		return "barcode"
	case k < 0.6 && l.infant:
		return "newborn"
	}
	return ""
}
