package paper

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"golang.org/x/text/unicode/norm"
)

// author writes one document about a person, and keeps account of what it
// gives away about whom. The embedded canvas is the page being written.
type author struct {
	*canvas
	rng    *rand.Rand
	reg    *registry
	who    Person    // whom the document is about
	wrong  *Person   // another registered person, for what is stuck or printed on it in error
	doctor Person    // who signs it
	date   time.Time // what it is dated
	site   hospital
	forms  [2]string // how dates are written: short, long
	size   [2]float64
	dpi    float64
	pages  []*canvas
	truth  *Truth
}

// hospital is where a document was written.
type hospital struct {
	name, address, phone string
	grouped              bool // numbers are printed in groups of two, as charts are shelved
}

var hospitals = []hospital{
	{"Elmford General Hospital", "40 Quarry Lane, Elmford, OH 43912", "(740) 555-0110", false}, {"Saint Orrin Parish Medical Center", "1 Levee Road, Saint Orrin, LA 70411", "(985) 555-0133", false},
	{"Kettle River Clinic", "212 Foundry Street, Kettle River, MN 55757", "(218) 555-0171", false}, {"Brightwater Women's and Children's", "9 Beacon Way, Brightwater, WA 98312", "(360) 555-0188", false},
	{"DUNMORE HEIGHTS HOSPITAL", "1600 Copper Avenue, Dunmore Heights, PA 18512", "(570) 555-0104", true}, {"Las Palomas Community Health", "77 Juniper Drive, Las Palomas, NM 87045", "(505) 555-0196", false},
	{"Port Ashby Memorial", "Ferry Road, Port Ashby, ME 04109", "(207) 555-0162", false}}

var trusts = []hospital{
	{"Thornaby & Wexcombe NHS Foundation Trust", "The Royal Wexcombe Infirmary, Gable Road, Wexcombe WX3 4TB", "01632 960112", false},
	{"Aldermere Community Hospital", "Chapel Lane, Aldermere AM1 9QD", "01632 960187", false}, {"Hawthorn Medical Practice", "3 Hawthorn Close, Little Marlow, Thornaby TB2 6HR", "01632 960140", false}}

// The ways to write dates, each with a long form that fits.
var (
	usDates = [][2]string{{"01/02/2006", "January 2, 2006"}, {"1/2/2006", "January 2, 2006"}, {"01-02-2006", "Jan 2, 2006"}, {"02-Jan-2006", "January 2, 2006"}, {"2006-01-02", "Jan 2, 2006"}, {"Jan 02, 2006", "January 2, 2006"}}
	ukDates = [][2]string{{"02/01/2006", "2 January 2006"}, {"02.01.2006", "2 January 2006"}, {"02-Jan-2006", "2 January 2006"}, {"2 Jan 2006", "2 January 2006"}}
)

// page begins another page.
func (a *author) page() {
	a.canvas = newCanvas(a.size[0], a.size[1], a.dpi, a.rng)
	a.pages = append(a.pages, a.canvas)
}

// plain is text as printers write it that know no accents.
func plain(s string) string {
	s = strings.NewReplacer("ø", "o", "Ø", "O", "ł", "l", "Ł", "L", "ß", "ss", "æ", "ae").Replace(s)
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// nameForm is a way to write a name.
type nameForm string

// The ways to write a name.
const (
	lastFirst  nameForm = "Last, First M"
	capsFirst  nameForm = "LAST, FIRST M"
	firstLast  nameForm = "First M. Last"
	titledLast nameForm = "Mrs First LAST"
	lowerFirst nameForm = "last, first m."
	firstCaps  nameForm = "FIRST M LAST"
	initialed  nameForm = "F. Last"
)

// write gives a person's name in a form.
func (f nameForm) write(p Person) string {
	first, middle, last, suffix := plain(p.First), plain(p.Middle), plain(p.Last), p.Suffix
	dotted := middle
	if len(middle) == 1 {
		dotted += "."
	}
	join := func(parts ...string) string { return strings.Join(strings.Fields(strings.Join(parts, " ")), " ") }
	switch f {
	case capsFirst:
		return strings.ToUpper(join(last+",", first, middle, suffix))
	case firstLast:
		return join(first, dotted, last, suffix)
	case titledLast:
		title := "Mr"
		if p.Sex == "F" {
			title = pick(rand.New(rand.NewPCG(uint64(len(p.MRN)), uint64(p.Born.Unix()))), []string{"Mrs", "Ms", "Miss"})
		}
		return join(title, first, strings.ToUpper(last))
	case lowerFirst:
		return strings.ToLower(join(last+",", first, dotted, suffix))
	case firstCaps:
		return strings.ToUpper(join(first, middle, last, suffix))
	case initialed:
		return initial(first) + ". " + last
	}
	return join(last+",", first, middle, suffix)
}

// own notes a value of the patient's that stands on the page.
func (a *author) own(kind, value string) { a.truth.Identifiers[kind] = value }

// other notes a value on the page that is somebody else's.
func (a *author) other(role, kind, value string) {
	entry := kind + ":" + value
	if _, known := a.truth.Roles[entry]; !known {
		a.truth.Decoys = append(a.truth.Decoys, entry)
	}
	a.truth.Roles[entry] = role
}

// name is the patient's, as it is written here.
func (a *author) name(f nameForm) string {
	middle, suffix := plain(a.who.Middle), a.who.Suffix
	if f == titledLast {
		middle, suffix = "", ""
	}
	a.own("name", plain(a.who.Last)+"|"+plain(a.who.First)+"|"+middle+"|"+suffix)
	return f.write(a.who)
}

// someone is another person's name in a role.
func (a *author) someone(role string, p Person, f nameForm) string {
	a.other(role, "name", plain(p.Last)+"|"+plain(p.First))
	return f.write(p)
}

// The patient's other facts, as they are written here.
func (a *author) dob() string {
	a.own("dob", a.who.Born.Format(time.DateOnly))
	return a.who.Born.Format(a.forms[0])
}

func (a *author) longDOB() string {
	a.dob()
	return a.who.Born.Format(a.forms[1])
}

// mrn is the patient's number as this hospital prints it.
func (a *author) mrn() string {
	a.own("mrn", a.who.MRN)
	if m := a.who.MRN; a.site.grouped && len(m) == 8 {
		return m[:2] + "-" + m[2:4] + "-" + m[4:6] + "-" + m[6:]
	}
	return a.who.MRN
}

func (a *author) sex() string { a.own("sex", a.who.Sex); return a.who.Sex }

func (a *author) sexWord() string {
	if a.sex() == "F" {
		return "Female"
	}
	return "Male"
}

func (a *author) phone() string { a.own("phone", onlyDigits(a.who.Phone)); return a.who.Phone }

func (a *author) street() string { a.own("address", a.who.Street); return a.who.Street }

func (a *author) ssn() string { a.own("ssn", onlyDigits(a.who.SSN)); return a.who.SSN }

func (a *author) mbi() string {
	a.own("mbi", a.who.MBI)
	m := a.who.MBI
	return m[:4] + "-" + m[4:7] + "-" + m[7:]
}

func (a *author) nhs() string {
	a.own("nhs", a.who.NHS)
	n := a.who.NHS
	return n[:3] + " " + n[3:6] + " " + n[6:]
}

// number makes up a number of the document's own, as an accession number.
func (a *author) number(kind, prefix string, n int) string {
	v := prefix + digits(a.rng, n)
	a.own(kind, v)
	return v
}

// on is a day in the document's short form, today the document's own.
func (a *author) on(t time.Time) string { return t.Format(a.forms[0]) }
func (a *author) today() string         { return a.on(a.date) }
func (a *author) longToday() string     { return a.date.Format(a.forms[1]) }

// ago is a day some days before the document's.
func (a *author) ago(most int) time.Time { return a.date.AddDate(0, 0, -1-a.rng.IntN(most)) }

func (a *author) age() int { return int(a.date.Sub(a.who.Born).Hours() / 24 / 365.25) }

func (a *author) md() string { return a.someone("provider", a.doctor, firstLast) + ", MD" }

// relative makes up somebody of the patient's family.
func (a *author) relative() Person {
	p := newPerson(a.rng)
	p.Born = day(a.rng, 1925, 1998)
	if chance(a.rng, 0.7) {
		p.Last = a.who.Last
	}
	if p.First == a.who.First {
		p.First = "Zelda"
	}
	return p
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// text, title and so on are styles that go together on a document.
func (a *author) pickFace(from []typeface) typeface { return pick(a.rng, from) }

// letterhead writes the hospital at the top and gives the next baseline.
func (a *author) letterhead(s style, mid bool, x float64) float64 {
	put := func(s style, y float64, text string) {
		if mid {
			a.centre(s, a.width()/2, y, text)
		} else {
			a.say(s, x, y, text)
		}
	}
	put(s.at(s.size*1.45).strong(), 58, a.site.name)
	put(s.at(s.size*0.85), 58+s.size*1.4, a.site.address)
	put(s.at(s.size*0.85), 58+s.size*2.5, "Telephone "+a.site.phone)
	return 58 + s.size*5
}

// pair writes a label and its value, the value at a place of its own.
func (a *author) pair(s style, x, y, at float64, label, value string) {
	a.say(s, x, y, label)
	a.say(s, at, y, value)
}

// cell draws a box of a form with its small label above the value.
func (a *author) cell(label, value style, x, y, w, h float64, caption, text string) {
	a.frame(x, y, w, h, 0.7)
	a.say(label, x+2.5, y+label.size+1, caption)
	a.say(value, x+5, y+h-4, text)
}

// signed is somebody's hand over a line. Hands are not in the truth.
func (a *author) signed(x, y, w float64, p Person) {
	a.scribble(style{face: pick(a.rng, hands), size: 15 + a.rng.Float64()*6, grey: 30}, x+8, y-3, initialed.write(p))
	a.rule(x, y, w, 0, 0.6)
}

// bars prints a Code 128 barcode w points wide or less, in whole pixels a module.
func (a *author) bars(c *canvas, x, y, w, h float64, content string) {
	code, err := code128.Encode(content)
	if err != nil {
		panic(fmt.Sprintf("barcode: %v", err)) // digits and capitals always go
	}
	drawBars(c, code, x, y, w, h)
	a.truth.Barcodes = append(a.truth.Barcodes, content)
}

func drawBars(c *canvas, code barcode.Barcode, x, y, w, h float64) {
	n := code.Bounds().Dx()
	module := max(c.px(w)/n, 1)
	left, top, high := c.px(x), c.px(y), c.px(h)
	for i := range n {
		if r, _, _, _ := code.At(i, 0).RGBA(); r > 0x7fff {
			continue
		}
		for py := top; py < min(top+high, c.m.Rect.Dy()); py++ {
			for k := range module {
				if px := left + i*module + k; px < c.m.Rect.Dx() {
					c.m.Pix[py*c.m.Stride+px] = 0
				}
			}
		}
	}
}
