package paper

import (
	"image"
	"math"
	"math/rand/v2"
	"strings"
)

// canvas is a sheet in print, measured in points (72 to the inch) from its top
// left corner. What is written with say stands in the truth, line by line, in
// reading order.
type canvas struct {
	m     *image.Gray
	dpi   float64
	rng   *rand.Rand
	lines []string
	hands []string // what is written by hand
	sets  map[setKey]*letters
}

type setKey struct {
	name string
	size float64
}

// style is how something is written.
type style struct {
	face   typeface
	size   float64 // points
	bold   bool
	grey   uint8   // 0 is black
	jitter float64 // points by which letters leave the line, as a typewriter's
	white  bool    // white letters on black
	track  float64 // more points between letters
}

func (s style) at(size float64) style { s.size = size; return s }
func (s style) strong() style         { s.bold = true; return s }

// newCanvas is an empty sheet of so many points at a resolution.
func newCanvas(width, height, dpi float64, rng *rand.Rand) *canvas {
	m := image.NewGray(image.Rect(0, 0, int(width*dpi/72+0.5), int(height*dpi/72+0.5)))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	return &canvas{m: m, dpi: dpi, rng: rng, sets: map[setKey]*letters{}}
}

func (c *canvas) width() float64 { return float64(c.m.Rect.Dx()) * 72 / c.dpi }

func (c *canvas) px(pt float64) int { return int(math.Round(pt * c.dpi / 72)) }

func (c *canvas) letters(s style) *letters {
	name := s.face.regular
	if s.bold {
		name = s.face.bold
	}
	k := setKey{name, s.size}
	if c.sets[k] == nil {
		c.sets[k] = newLetters(name, s.size*c.dpi/72)
	}
	return c.sets[k]
}

// measure is how many points wide a text is.
func (c *canvas) measure(s style, text string) float64 {
	l, sum := c.letters(s), 0.0
	for _, r := range text {
		sum += float64(l.glyph(r).advance)/64 + s.track*c.dpi/72
	}
	return sum * 72 / c.dpi
}

// say writes a line, its baseline beginning at (x, y), and gives its end.
func (c *canvas) say(s style, x, y float64, text string) float64 {
	if text != "" {
		c.lines = append(c.lines, text)
	}
	return c.mark(s, x, y, text)
}

// mark writes what is not in the truth, or there in another form.
func (c *canvas) mark(s style, x, y float64, text string) float64 {
	l, pen := c.letters(s), x*c.dpi/72
	for _, r := range text {
		g := l.glyph(r)
		dx, dy, grey := 0.0, 0.0, s.grey
		if s.jitter > 0 {
			dx, dy = c.rng.NormFloat64()*s.jitter/2, c.rng.NormFloat64()*s.jitter
			grey = uint8(min(float64(s.grey)+math.Abs(c.rng.NormFloat64())*s.jitter*60, 140))
		}
		c.stamp(g.ink, int(pen+dx*c.dpi/72+0.5), c.px(y+dy), grey, s.white)
		pen += float64(g.advance)/64 + s.track*c.dpi/72
	}
	return pen * 72 / c.dpi
}

// stamp prints a letter's ink at the pen.
func (c *canvas) stamp(ink *image.Alpha, x, y int, grey uint8, white bool) {
	to := ink.Rect.Add(image.Pt(x, y)).Intersect(c.m.Rect)
	want := int(grey)
	if white {
		want = 255
	}
	for py := to.Min.Y; py < to.Max.Y; py++ {
		from := ink.Pix[ink.PixOffset(to.Min.X-x, py-y):]
		row := c.m.Pix[c.m.PixOffset(to.Min.X, py):]
		for i := range to.Dx() {
			if a := int(from[i]); a > 0 {
				v := (int(row[i])*(255-a) + want*a) / 255
				if white || v < int(row[i]) {
					row[i] = uint8(v)
				}
			}
		}
	}
}

// scribble writes by hand, which nobody is expected to read.
func (c *canvas) scribble(s style, x, y float64, text string) {
	c.hands = append(c.hands, text)
	c.mark(s, x, y, text)
}

// centre and right write a line about or up to x.
func (c *canvas) centre(s style, x, y float64, text string) {
	c.say(s, x-c.measure(s, text)/2, y, text)
}

func (c *canvas) right(s style, x, y float64, text string) {
	c.say(s, x-c.measure(s, text), y, text)
}

// wrap parts a text into lines that fit a width.
func (c *canvas) wrap(s style, width float64, text string) (lines []string) {
	line := ""
	for w := range strings.FieldsSeq(text) {
		if line != "" && c.measure(s, line+" "+w) > width {
			lines = append(lines, line)
			line = w
			continue
		}
		line = strings.TrimSpace(line + " " + w)
	}
	return append(lines, line)
}

// prose sets a paragraph and gives the baseline after it.
func (c *canvas) prose(s style, x, y, width float64, text string) float64 {
	for _, line := range c.wrap(s, width, text) {
		c.say(s, x, y, line)
		y += s.size * 1.3
	}
	return y
}

// fill makes a rectangle of one grey.
func (c *canvas) fill(x, y, w, h float64, grey uint8) {
	r := image.Rect(c.px(x), c.px(y), max(c.px(x+w), c.px(x)+1), max(c.px(y+h), c.px(y)+1)).Intersect(c.m.Rect)
	for py := r.Min.Y; py < r.Max.Y; py++ {
		row := c.m.Pix[c.m.PixOffset(r.Min.X, py):][:r.Dx()]
		for i := range row {
			row[i] = grey
		}
	}
}

// rule draws a line to the right or down; of a length below 0 neither.
func (c *canvas) rule(x, y, w, h, thick float64) {
	if h == 0 {
		c.fill(x, y-thick/2, w, thick, 0)
	} else {
		c.fill(x-thick/2, y, thick, h, 0)
	}
}

// frame draws the rules around a rectangle.
func (c *canvas) frame(x, y, w, h, thick float64) {
	c.rule(x, y, w, 0, thick)
	c.rule(x, y+h, w, 0, thick)
	c.rule(x, y, 0, h, thick)
	c.rule(x+w, y, 0, h, thick)
}

// comb draws cells of a form, one letter in each, and fills them; the cells
// part by ticks as high as a share of the cell. The truth has the text whole.
func (c *canvas) comb(s style, x, y, cell, high float64, n int, tick float64, text string) float64 {
	c.frame(x, y, cell*float64(n), high, 0.6)
	for i := 1; i < n; i++ {
		c.rule(x+cell*float64(i), y+high*(1-tick), 0, high*tick, 0.5)
	}
	i := 0
	for _, r := range text {
		if r != ' ' {
			letter := string(r)
			c.mark(s, x+cell*(float64(i)+0.5)-c.measure(s, letter)/2, y+high*0.76, letter)
		}
		i++
	}
	if text != "" {
		c.lines = append(c.lines, text)
	}
	return x + cell*float64(n)
}

// table writes rows in columns that begin at the given places, with rules
// between if ruled, and gives the baseline after it.
func (c *canvas) table(s style, y, pitch float64, columns []float64, end float64, ruled bool, rows [][]string) float64 {
	top := y - pitch*0.75
	for _, row := range rows {
		if ruled {
			c.rule(columns[0]-3, y-pitch*0.75, end-columns[0]+3, 0, 0.5)
		}
		for i, cell := range row {
			if cell != "" {
				c.say(s, columns[i], y, cell)
			}
		}
		y += pitch
	}
	if ruled {
		c.rule(columns[0]-3, y-pitch*0.75, end-columns[0]+3, 0, 0.5)
		for _, x := range append([]float64{end + 3}, columns...) {
			c.rule(x-3, top, 0, y-pitch*0.75-top, 0.5)
		}
	}
	return y
}

// tick draws a box to be ticked, and a hand's cross in it.
func (c *canvas) tick(x, y, size float64, on bool) {
	c.frame(x, y-size, size, size, 0.6)
	if on {
		for i := range c.px(size) {
			d := float64(i) * 72 / c.dpi
			c.fill(x+d, y-size+d, 1, 0.8, 0)
			c.fill(x+size-d, y-size+d, 1, 0.8, 0)
		}
	}
}

// paste lays a smaller sheet on this one, turned by a few degrees, as a label
// that was stuck on; what is under it is gone.
func (c *canvas) paste(label *canvas, x, y, degrees float64) {
	sin, cos := math.Sincos(-degrees * math.Pi / 180)
	w, h := float64(label.m.Rect.Dx()), float64(label.m.Rect.Dy())
	ox, oy := float64(c.px(x)), float64(c.px(y))
	reach := int((w + h) * math.Abs(sin))
	for py := -reach; py < int(h)+reach; py++ {
		for px := -reach; px < int(w)+reach; px++ {
			dx, dy := float64(px)-w/2, float64(py)-h/2
			sx, sy := dx*cos-dy*sin+w/2, dx*sin+dy*cos+h/2
			if sx < 0 || sy < 0 || sx >= w-1 || sy >= h-1 {
				continue
			}
			to := image.Pt(int(ox)+px, int(oy)+py)
			if to.In(c.m.Rect) {
				c.m.Pix[c.m.PixOffset(to.X, to.Y)] = between(label.m, sx, sy)
			}
		}
	}
	c.lines = append(c.lines, label.lines...)
}

// between is a picture's value between four pixels that all exist.
func between(m *image.Gray, x, y float64) uint8 {
	ix, iy := int(x), int(y)
	fx, fy := x-float64(ix), y-float64(iy)
	p := m.Pix[iy*m.Stride+ix:]
	q := m.Pix[(iy+1)*m.Stride+ix:]
	return uint8((float64(p[0])*(1-fx)+float64(p[1])*fx)*(1-fy) + (float64(q[0])*(1-fx)+float64(q[1])*fx)*fy + 0.5)
}
