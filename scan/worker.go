package scan

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"

	"chartroom/jail"
)

// The files a PDF worker is started with, beside a task on standard input and
// a plan on standard output.
const (
	pdfFD   = 3
	spoolFD = 4
)

// Worker is the body of the hidden command "scan-worker": it enters the jail,
// reads the PDF it was handed and writes the plan of its pages. What is wrong
// with the PDF stands in the plan; the error is of the jail or the pipes.
func Worker() error {
	out := os.Stdout
	os.Stdout = os.Stderr // whatever a library may print
	var t task
	if err := json.NewDecoder(os.Stdin).Decode(&t); err != nil {
		return fmt.Errorf("read task: %w", err)
	}
	debug.SetMemoryLimit(t.Memory * 3 / 4)
	if _, err := jail.Enter(jail.Spec{Memory: t.Memory, FileSize: spoolLimit, AllowUnjailed: t.AllowUnjailed}); err != nil {
		return err
	}
	file, sp := os.NewFile(pdfFD, "pdf"), &spool{w: os.NewFile(spoolFD, "spool")}
	return json.NewEncoder(out).Encode(survey(file, sp, t))
}

// survey reads a PDF and plans its pages. A fault of the reader is a failure
// of the plan: poppler will have to do.
func survey(r io.ReaderAt, sp *spool, t task) (p plan) {
	defer func() {
		if v := recover(); v != nil {
			p = plan{Failure: fmt.Sprintf("read PDF: %v", v)}
		}
	}()
	d, err := readDocument(r, sp, t)
	if err != nil {
		return plan{Failure: err.Error()}
	}
	p = plan{Count: d.count(), Attached: d.attached()}
	for i, l := range d.pages {
		if int64(i) > t.Pages {
			break
		}
		p.Pages = append(p.Pages, d.planPage(l))
	}
	return p
}

// planPage follows a page's instructions. Whatever is odd about it, it can
// still be drawn.
func (d *document) planPage(l leaf) (p planned) {
	box, turn := d.box(l), d.turned(l)
	p.Width, p.Height = box.width(), box.height()
	if turn%180 == 90 {
		p.Width, p.Height = p.Height, p.Width
	}
	defer func() {
		if recover() != nil {
			p.Stream = nil
		}
	}()
	content, err := d.contents(l)
	if err != nil {
		return p
	}
	steps := 0
	c := &canvas{doc: d, state: state{ctm: identity, clip: everywhere}, steps: &steps}
	c.run(content, l.resources)
	p.Hidden = c.hidden
	shown, ok := c.whole(box)
	if !ok || d.annotated(l) {
		return p
	}
	s, ok := d.stream(shown.image)
	if ok {
		p.Stream = s
	} else if s, ok = d.kept(shown.image); ok {
		s.Place = placeOn(box, shown.rect, turn)
		p.Kept = s
	} else {
		return p
	}
	place(s, shown.ctm, turn)
	return p
}

// place fills in how the pixels are to be set upright on a page that is
// turned, and how many there are to the inch.
func place(s *stream, m matrix, pageTurn int) {
	turn, mirror := placed(m)
	s.Turn, s.Mirror = (turn+pageTurn)%360, mirror
	s.DPIX = perInch(float64(s.Width)/math.Hypot(m.a, m.b), 72)
	s.DPIY = perInch(float64(s.Height)/math.Hypot(m.c, m.d), 72)
}

// placeOn is where a rectangle lies on a page that is turned, as parts of 1.
func placeOn(page, r rect, turn int) [4]float64 {
	x0, x1 := (r.x0-page.x0)/page.width(), (r.x1-page.x0)/page.width()
	y0, y1 := (r.y0-page.y0)/page.height(), (r.y1-page.y0)/page.height()
	switch turn {
	case 90:
		return [4]float64{y0, 1 - x1, y1, 1 - x0}
	case 180:
		return [4]float64{1 - x1, 1 - y1, 1 - x0, 1 - y0}
	case 270:
		return [4]float64{1 - y1, x0, 1 - y0, x1}
	}
	return [4]float64{x0, y0, x1, y1}
}
