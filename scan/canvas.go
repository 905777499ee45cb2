package scan

// canvas follows the instructions of a page to find out whether all it shows
// is one picture. It draws nothing; it only remembers what was drawn over
// what.
type canvas struct {
	doc     *document
	state   state
	stack   []state
	depth   int // of forms within forms
	steps   *int
	path    path
	shown   *placement // the picture
	under   bool       // something was drawn before it
	complex bool       // anything that keeps the page from being one picture
	hidden  bool       // text that does not show
}

// state is what q saves and Q brings back.
type state struct {
	ctm     matrix
	clip    rect
	text    int  // rendering mode
	colored bool // the fill colour may be other than black
}

// placement is a picture and where it is shown.
type placement struct {
	image raster
	ctm   matrix
	rect  rect
	mask  bool // it is a stencil, painted in black
}

// path is the outline being built; box is where it runs, plain whether it is
// nothing but that box.
type path struct {
	box     rect
	any     bool
	plain   bool
	clipped bool // W was said
}

const (
	maxForms = 8         // forms within forms
	maxSteps = 4_000_000 // instructions of a page
	maxStack = 512       // q within q
)

// run follows a content stream with its resources.
func (c *canvas) run(content []byte, res resources) {
	instructions(content, func(in instruction) bool {
		if *c.steps++; *c.steps > maxSteps {
			c.complex = true
			return false
		}
		c.step(in, res)
		return true
	})
}

// step follows one instruction.
func (c *canvas) step(in instruction, res resources) {
	n := in.operands
	switch in.op {
	case "q":
		c.save()
	case "Q":
		c.restore()
	case "cm":
		c.concat(n)
	case "gs":
		c.complex = c.complex || !c.doc.harmless(res, lastName(n))
	case "Do":
		c.object(res, lastName(n))
	case "BI", "sh":
		c.paint()
	case "BDC":
		c.complex = c.complex || len(n) > 0 && n[0].name == "OC"
	case "Tr":
		c.state.text = int(lastNumber(n))
	case "Tj", "TJ", "'", "\"":
		c.write(n)
	case "m", "l", "c", "v", "y", "h", "re", "W", "W*", "n", "S", "s", "f", "F", "f*", "B", "B*", "b", "b*":
		c.outline(in)
	case "g", "rg", "k", "cs", "sc", "scn":
		c.state.colored = !black(in)
	}
}

func (c *canvas) save() {
	if len(c.stack) >= maxStack {
		c.complex = true
		return
	}
	c.stack = append(c.stack, c.state)
}

func (c *canvas) restore() {
	if n := len(c.stack); n > 0 {
		c.state, c.stack = c.stack[n-1], c.stack[:n-1]
	}
}

func (c *canvas) concat(n []operand) {
	if m, ok := matrixOf(n); ok {
		c.state.ctm = m.times(c.state.ctm)
	}
}

// black reports whether an instruction sets the fill colour to plain black.
func black(in instruction) bool {
	switch in.op {
	case "g", "rg":
		for _, o := range in.operands {
			if o.number != 0 {
				return false
			}
		}
		return true
	case "k":
		return len(in.operands) == 4 && in.operands[3].number == 1
	}
	return false
}

// paint is anything drawn that is not a picture: it makes the page more than
// one unless the picture comes later and covers it.
func (c *canvas) paint() {
	if c.shown != nil {
		c.complex = true
	}
	c.under = true
}

// write is text shown: in mode 3 it leaves no mark.
func (c *canvas) write(n []operand) {
	any := false
	for _, o := range n {
		any = any || o.kind == '('
	}
	switch {
	case !any:
	case c.state.text == 3:
		c.hidden = true
	case c.state.text == 7: // it clips
		c.complex, c.hidden = true, true
	default:
		c.paint()
	}
}

// outline follows the building, clipping and painting of paths.
func (c *canvas) outline(in instruction) {
	switch in.op {
	case "m", "l", "c", "v", "y":
		for i := 0; i+1 < len(in.operands); i += 2 {
			x, y := in.operands[i].number, in.operands[i+1].number
			c.path.add(rect{x, y, x, y}.mapped(c.state.ctm), false)
		}
	case "re":
		if n := in.operands; len(n) >= 4 {
			n = n[len(n)-4:]
			x, y, w, h := n[0].number, n[1].number, n[2].number, n[3].number
			r := rect{min(x, x+w), min(y, y+h), max(x, x+w), max(y, y+h)}
			c.path.add(r.mapped(c.state.ctm), c.state.ctm.straight())
		}
	case "h":
	case "W", "W*":
		c.path.clipped = true
	default:
		if in.op != "n" && c.path.any {
			c.paint()
		}
		c.endPath()
	}
}

func (p *path) add(r rect, plain bool) {
	if p.any {
		p.box = rect{min(p.box.x0, r.x0), min(p.box.y0, r.y0), max(p.box.x1, r.x1), max(p.box.y1, r.y1)}
		p.plain = false
		return
	}
	p.box, p.plain, p.any = r, plain, true
}

func (c *canvas) endPath() {
	if c.path.clipped {
		if !c.path.plain { // a mask of another shape
			c.complex = true
		}
		c.state.clip = c.state.clip.intersect(c.path.box)
	}
	c.path = path{}
}

// object draws a picture or a form.
func (c *canvas) object(res resources, name string) {
	x, ok := c.doc.object(res, name)
	switch {
	case !ok:
		c.complex = true
	case x.form != nil:
		c.form(x.form, res)
	default:
		c.picture(x.image)
	}
}

// form follows a form as if its instructions stood here.
func (c *canvas) form(f *form, outer resources) {
	if c.depth >= maxForms || f.optional {
		c.complex = true
		return
	}
	res := f.resources
	if res == nil {
		res = outer
	}
	before, stack, p := c.state, c.stack, c.path
	c.state.ctm = f.matrix.times(c.state.ctm)
	c.state.clip = c.state.clip.intersect(f.box.mapped(c.state.ctm))
	c.stack, c.path, c.depth = nil, path{}, c.depth+1
	c.run(f.content, res)
	c.state, c.stack, c.path, c.depth = before, stack, p, c.depth-1
}

// picture is a picture drawn: the first one may be the page.
func (c *canvas) picture(img raster) {
	if c.shown != nil {
		c.complex = true
		return
	}
	p := &placement{image: img, ctm: c.state.ctm, rect: rect{0, 0, 1, 1}.mapped(c.state.ctm), mask: img.mask}
	if !p.ctm.straight() || p.rect.area() <= 0 || img.mask && c.state.colored || img.optional {
		c.complex = true
	}
	if seen := p.rect.intersect(c.state.clip); seen.area() < 0.98*p.rect.area() {
		c.complex = true
	}
	c.shown = p
}

// whole is the picture that is the page, if one is: shown uncut, with nothing
// over it, and nothing under it that it does not cover.
func (c *canvas) whole(page rect) (*placement, bool) {
	p := c.shown
	if p == nil || c.complex {
		return nil, false
	}
	seen := p.rect.intersect(page)
	if seen.area() < 0.95*p.rect.area() {
		return nil, false
	}
	if c.under && (p.mask || seen.area() < 0.98*page.area()) {
		return nil, false
	}
	return p, true
}

func lastName(n []operand) string {
	if len(n) == 0 {
		return ""
	}
	return n[len(n)-1].name
}

func lastNumber(n []operand) float64 {
	if len(n) == 0 {
		return 0
	}
	return n[len(n)-1].number
}

func matrixOf(n []operand) (matrix, bool) {
	if len(n) < 6 {
		return matrix{}, false
	}
	n = n[len(n)-6:]
	return matrix{n[0].number, n[1].number, n[2].number, n[3].number, n[4].number, n[5].number}, true
}
