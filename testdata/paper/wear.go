package paper

import (
	"image"
	"math"
	"math/rand/v2"
	"sync"
)

// Level is how worn paper is and how well it was scanned.
type Level string

// The levels, in the order of wear.
const (
	Clean  Level = "clean"
	Office Level = "office"
	Worn   Level = "worn"
	Bad    Level = "bad"
)

// Levels are all of them.
var Levels = []Level{Clean, Office, Worn, Bad}

// Wear is what happened to a page between the printer and the file. The zero
// value is a perfect grey scan; DPI must be set. Amounts in pixels are meant at
// 300 dots per inch.
type Wear struct {
	DPIX, DPIY int     // of the scan; a fax has 204 and 98 or 196
	Bits       int     // 1 or 8
	Threshold  float64 // one bit: the grey that parts ink from paper, in shares of the paper's
	Faint      float64 // share of the toner that is gone
	Patchy     bool    // unevenly
	Copies     int     // generations of photocopies
	Paper      float64 // grey of the paper, 255 is white
	Stains     int     // rings of coffee
	Folds      int
	Bleed      float64 // how dark the other side shines through
	Holes      int     // punch holes at the left edge: 2 or 3
	Edges      float64 // inches of black around the paper
	Skew       float64 // degrees clockwise
	Blur       float64 // pixels
	Shade      float64 // depth of a shadow across the page, 0 to 1
	Noise      float64 // standard deviation in greys
	Speckle    float64 // specks a square inch
	Lost       float64 // share of a fax's lines that are lost
	Quality    int     // of JPEG coding, 0 where the scan is not coded so
	Photo      bool    // taken by a telephone over a desk; its file knows no resolution
	Turn       int     // degrees clockwise by which the sheet lay wrongly
}

// WearOf draws the wear of a page of a level.
func WearOf(level Level, rng *rand.Rand) Wear {
	between := func(a, b float64) float64 { return a + (b-a)*rng.Float64() }
	sign := func(v float64) float64 { return v * float64(1-2*rng.IntN(2)) }
	w := Wear{DPIX: pick(rng, []int{200, 300, 300, 300}), Bits: 8, Paper: 255}
	switch level {
	case Clean:
		w.Bits = pick(rng, []int{1, 8, 8})
		w.Threshold = between(0.55, 0.7)
		w.Skew = sign(between(0, 0.2))
		if rng.IntN(12) == 0 {
			w.DPIX = 600
			w.Bits = 1
		}
	case Office:
		w.Bits, w.Threshold = pick(rng, []int{1, 8, 8}), between(0.6, 0.75)
		w.Paper, w.Skew, w.Blur, w.Noise = between(238, 255), sign(between(0, 0.7)), between(0.3, 0.7), between(1, 4)
		w.Faint, w.Speckle = between(0, 0.15), between(0, 0.3)
		w.Holes = pick(rng, []int{0, 0, 2, 3})
		w.Quality = 60 + rng.IntN(30)
	case Worn:
		w.Bits, w.Threshold = pick(rng, []int{1, 8, 8}), between(0.58, 0.8)
		w.Paper, w.Skew, w.Blur, w.Noise = between(215, 250), sign(between(0.2, 2)), between(0.6, 1.1), between(4, 12)
		w.Faint, w.Patchy, w.Copies = between(0.05, 0.4), chance(rng, 0.5), rng.IntN(3)
		w.Stains, w.Folds, w.Holes, w.Speckle = rng.IntN(2), rng.IntN(2), pick(rng, []int{0, 2, 3}), between(0.3, 2)
		w.Quality = 40 + rng.IntN(35)
		rareFaults(&w, rng, 0.2)
		if chance(rng, 0.15) {
			w.DPIX, w.DPIY, w.Bits, w.Lost = 204, 196, 1, 0.001
		}
	case Bad:
		w.Bits, w.Threshold = pick(rng, []int{1, 1, 8}), between(0.5, 0.8)
		w.Paper, w.Skew, w.Blur, w.Noise = between(185, 245), sign(between(0.5, 3.5)), between(0.8, 1.5), between(8, 20)
		w.Faint, w.Patchy, w.Copies = between(0.15, 0.55), chance(rng, 0.6), 1+rng.IntN(3)
		w.Stains, w.Folds, w.Holes, w.Speckle = rng.IntN(3), rng.IntN(3), pick(rng, []int{0, 2, 3}), between(1, 6)
		w.Quality = 25 + rng.IntN(30)
		rareFaults(&w, rng, 0.4)
		switch rng.IntN(7) {
		case 6:
			w.DPIX, w.Bits, w.Photo, w.Edges, w.Noise, w.Copies = 200, 8, true, 0, min(w.Noise, 12), w.Copies/2
			w.Shade = max(w.Shade, between(0.15, 0.6))
		case 0:
			w.DPIX, w.DPIY, w.Bits, w.Lost = 204, 98*(1+rng.IntN(2)), 1, 0.004
		case 1:
			w.DPIX, w.Bits, w.Quality = pick(rng, []int{100, 150}), 8, max(w.Quality, 45)
		}
	}
	if w.DPIY == 0 {
		w.DPIY = w.DPIX
	}
	return w
}

// rareFaults adds each of some faults with a probability.
func rareFaults(w *Wear, rng *rand.Rand, p float64) {
	if chance(rng, p) {
		w.Edges = 0.05 + 0.3*rng.Float64()
	}
	if chance(rng, p) {
		w.Bleed = 0.06 + 0.14*rng.Float64()
	}
	if w.Bits == 8 && chance(rng, p) {
		w.Shade = 0.2 + 0.45*rng.Float64()
	}
}

// Apply wears a printed page down: it was printed at w's greater resolution or
// at a multiple, 255 is its paper. The page given is used up.
func (w Wear) Apply(m *image.Gray, over int, rng *rand.Rand) *image.Gray {
	dpi := float64(max(w.DPIX, w.DPIY) * over)
	px := dpi / 300
	w.toner(m, dpi, rng)
	for range w.Copies {
		blur(m, 0.7*px)
		photocopy(m, rng)
	}
	if w.Bleed > 0 {
		bleed(m, w.Bleed)
	}
	w.paper(m, dpi, rng)
	if w.Photo {
		m = photograph(m, w.Skew, rng)
	} else if w.Edges > 0 || math.Abs(w.Skew) > 0.02 {
		m = lay(m, w.Skew, w.Edges*dpi, rng)
	}
	blur(m, w.Blur*px)
	if over > 1 {
		m = reduce(m, over)
	}
	w.light(m, rng)
	w.specks(m, float64(max(w.DPIX, w.DPIY)), rng)
	if w.Bits == 1 {
		w.bits(m)
	}
	if w.DPIX != w.DPIY {
		m = thin2(m, w.DPIX, w.DPIY)
	}
	if w.Lost > 0 {
		loseLines(m, w.Lost, rng)
	}
	return Turned(m, w.Turn)
}

// mostFaint is the share of toner that a patch may lack: a person can still
// read what is left, also after a copier.
const mostFaint = 0.5

// toner takes ink away, evenly or in patches.
func (w Wear) toner(m *image.Gray, dpi float64, rng *rand.Rand) {
	if w.Faint <= 0 {
		return
	}
	patches := newCloud(rng, m.Rect, dpi*1.2)
	for y := range m.Rect.Dy() {
		row := m.Pix[y*m.Stride:][:m.Rect.Dx()]
		keep, step := 256-int(w.Faint*256), patches.row(y)
		for x, v := range row {
			if v == 255 {
				continue
			}
			k := keep
			if w.Patchy {
				k = 256 - int(256*min(2*w.Faint*step(x), mostFaint))
			}
			row[x] = uint8(255 - (255-int(v))*k>>8)
		}
	}
}

// photocopy makes dark darker and light lighter, with a drum's grain.
func photocopy(m *image.Gray, rng *rand.Rand) {
	var curve [256]uint8
	middle := 150 + rng.Float64()*40
	for i := range curve {
		curve[i] = uint8(255 / (1 + math.Exp((middle-float64(i))/22)))
	}
	grain := noiseTable(rng)
	for y := range m.Rect.Dy() {
		at := rng.IntN(len(grain))
		row := m.Pix[y*m.Stride:][:m.Rect.Dx()]
		for x, v := range row {
			if v < 250 {
				v = clamp(int(v) + int(grain[(at+x)&(len(grain)-1)])*9>>5)
			}
			row[x] = curve[v]
		}
	}
}

// noiseTable holds normally distributed numbers of a deviation of 32.
var noise = sync.OnceValue(func() []int8 {
	t, rng := make([]int8, 1<<16), rand.New(rand.NewPCG(7, 7))
	for i := range t {
		t[i] = int8(min(max(rng.NormFloat64()*32, -127), 127))
	}
	return t
})

func noiseTable(*rand.Rand) []int8 { return noise() }

func clamp(v int) uint8 { return uint8(min(max(v, 0), 255)) }

// bleed lets the other side show: the page itself in a mirror, somewhat lower.
func bleed(m *image.Gray, dark float64) {
	k, width, down := int(dark*256), m.Rect.Dx(), m.Rect.Dy()/23
	back := make([]uint8, len(m.Pix))
	copy(back, m.Pix)
	for y := range m.Rect.Dy() {
		row, other := m.Pix[y*m.Stride:][:width], back[(y+down)%m.Rect.Dy()*m.Stride:][:width]
		for x, v := range row {
			if o := other[width-1-x]; o < 255 {
				row[x] = uint8(max(int(v)-(255-int(o))*k>>8, 0))
			}
		}
	}
}

// paper is the sheet itself: its grey, stains, folds and holes.
func (w Wear) paper(m *image.Gray, dpi float64, rng *rand.Rand) {
	if w.Paper > 0 && w.Paper < 255 {
		k := int(w.Paper)
		for i, v := range m.Pix {
			m.Pix[i] = uint8(int(v) * k / 255)
		}
	}
	width, height := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	for range w.Stains {
		ring(m, rng.Float64()*width, rng.Float64()*height, (0.8+rng.Float64()*0.9)*dpi, 0.05*dpi, 20+rng.Float64()*30)
	}
	for i := range w.Folds {
		fold(m, int(height*(float64(i)+1)/(float64(w.Folds)+1)+rng.NormFloat64()*8), dpi, rng)
	}
	for i := range w.Holes {
		disc(m, 0.4*dpi, height/2+(float64(i)-float64(w.Holes-1)/2)*map[int]float64{2: 3.15, 3: 4.25}[w.Holes]*dpi, 0.14*dpi, 12)
	}
}

// ring darkens a circle's border, as a cup's.
func ring(m *image.Gray, cx, cy, r, thick, dark float64) {
	each(m, cx, cy, r+thick*3, func(d float64, v uint8) uint8 {
		e := (d - r) / thick
		return clamp(int(float64(v) - dark*math.Exp(-e*e) - dark*0.25*float64(b2i(d < r))))
	})
}

// disc fills a circle.
func disc(m *image.Gray, cx, cy, r float64, grey uint8) {
	each(m, cx, cy, r, func(d float64, v uint8) uint8 {
		if d < r {
			return grey
		}
		return v
	})
}

// each changes the pixels around a place, by their distance from it.
func each(m *image.Gray, cx, cy, reach float64, f func(float64, uint8) uint8) {
	box := image.Rect(int(cx-reach), int(cy-reach), int(cx+reach)+1, int(cy+reach)+1).Intersect(m.Rect)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			p := &m.Pix[y*m.Stride+x]
			*p = f(math.Hypot(float64(x)-cx, float64(y)-cy), *p)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fold is a crease from side to side: a thin dark line beside a light one.
func fold(m *image.Gray, y int, dpi float64, rng *rand.Rand) {
	thick := max(int(dpi/150), 1)
	slope := rng.NormFloat64() * 0.004
	for x := range m.Rect.Dx() {
		for k := range thick * 2 {
			py := y + k + int(float64(x)*slope)
			if py < 0 || py >= m.Rect.Dy() {
				continue
			}
			p := &m.Pix[py*m.Stride+x]
			if k < thick {
				*p = clamp(int(*p) - 45)
			} else {
				*p = clamp(int(*p) + 50)
			}
		}
	}
}

// lay puts the sheet on the glass askew: by so many degrees, the lid around it
// white or, with edges, black.
func lay(m *image.Gray, degrees, edges float64, rng *rand.Rand) *image.Gray {
	out := image.NewGray(m.Rect)
	outside := uint8(250)
	if edges > 0 {
		outside = 10
	}
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	width, height := m.Rect.Dx(), m.Rect.Dy()
	dx, dy := edges*(rng.Float64()*2-1), edges*(rng.Float64()*2-1)
	const one = 1 << 16
	stepX, stepY := int(cos*one), int(-sin*one)
	for y := range height {
		ry, rx := float64(y)-float64(height)/2-dy, -float64(width)/2-dx
		sx, sy := int((rx*cos+ry*sin+float64(width)/2)*one), int((-rx*sin+ry*cos+float64(height)/2)*one)
		row := out.Pix[y*out.Stride:][:width]
		for x := range row {
			ix, iy := sx>>16, sy>>16
			if ix < 0 || iy < 0 || ix >= width-1 || iy >= height-1 {
				row[x] = outside
			} else {
				at := iy*m.Stride + ix
				fx, fy := sx&(one-1)>>8, sy&(one-1)>>8
				p, q := m.Pix[at:at+2], m.Pix[at+m.Stride:at+m.Stride+2]
				top := int(p[0])*(256-fx) + int(p[1])*fx
				low := int(q[0])*(256-fx) + int(q[1])*fx
				row[x] = uint8((top*(256-fy) + low*fy) >> 16)
			}
			sx += stepX
			sy += stepY
		}
	}
	return out
}

// blur is a soft lens: sigma in pixels, by one pass of three across and down.
func blur(m *image.Gray, sigma float64) {
	if sigma < 0.2 {
		return
	}
	for ; sigma > 0.8; sigma = math.Sqrt(sigma*sigma - 0.64) {
		soften(m, 0.8)
	}
	soften(m, sigma)
}

// soften weighs each pixel with its neighbours so that the deviation is sigma.
func soften(m *image.Gray, sigma float64) {
	side := int(min(sigma*sigma/2, 0.33) * 256)
	middle := 256 - 2*side
	width, height := m.Rect.Dx(), m.Rect.Dy()
	above, here := make([]uint8, width), make([]uint8, width)
	across := func(to []uint8, y int) {
		row := m.Pix[y*m.Stride:][:width]
		last := int(row[0])
		for x, v := range row {
			next := int(row[min(x+1, width-1)])
			to[x] = uint8((last*side + int(v)*middle + next*side + 128) >> 8)
			last = int(v)
		}
	}
	below := make([]uint8, width)
	across(here, 0)
	copy(above, here)
	for y := range height {
		across(below, min(y+1, height-1))
		row := m.Pix[y*m.Stride:][:width]
		for x := range row {
			row[x] = uint8((int(above[x])*side + int(here[x])*middle + int(below[x])*side + 128) >> 8)
		}
		above, here, below = here, below, above
	}
}

// reduce averages squares of pixels.
func reduce(m *image.Gray, by int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, m.Rect.Dx()/by, m.Rect.Dy()/by))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sum := 0
			for k := range by {
				for _, v := range m.Pix[(y*by+k)*m.Stride+x*by:][:by] {
					sum += int(v)
				}
			}
			out.Pix[y*out.Stride+x] = uint8(sum / (by * by))
		}
	}
	return out
}

// light is the lamp and the sensor: shade over the page, and noise.
func (w Wear) light(m *image.Gray, rng *rand.Rand) {
	if w.Shade <= 0 && w.Noise <= 0 {
		return
	}
	grain, amount := noise(), int(w.Noise*8)
	corner, tilt := rng.Float64()*1.2, rng.Float64()*2-1
	width, height := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	for y := range m.Rect.Dy() {
		at := rng.IntN(len(grain))
		row := m.Pix[y*m.Stride:][:m.Rect.Dx()]
		lit := 256
		for x, v := range row {
			if w.Shade > 0 && x&15 == 0 {
				edge := (float64(x)/width + tilt*(float64(y)/height-0.5) - corner) * 5
				lit = int(256 * (1 - w.Shade/(1+math.Exp(-edge))))
			}
			row[x] = clamp(int(v)*lit>>8 + int(grain[(at+x)&(len(grain)-1)])*amount>>8)
		}
	}
}

// specks are dirt on the glass, dark on paper.
func (w Wear) specks(m *image.Gray, dpi float64, rng *rand.Rand) {
	area := float64(len(m.Pix)) / dpi / dpi
	for range int(w.Speckle * area) {
		disc(m, rng.Float64()*float64(m.Rect.Dx()), rng.Float64()*float64(m.Rect.Dy()), (0.3+rng.ExpFloat64()*0.8)*dpi/300, uint8(rng.IntN(110)))
	}
}

// bits makes black and white.
func (w Wear) bits(m *image.Gray) {
	paper := w.Paper
	if paper == 0 {
		paper = 255
	}
	limit := uint8(w.Threshold * paper)
	for i, v := range m.Pix {
		if v < limit {
			m.Pix[i] = 0
		} else {
			m.Pix[i] = 255
		}
	}
}

// thin2 takes the nearest pixels for a fax's resolution; m has the greater one
// both ways.
func thin2(m *image.Gray, x, y int) *image.Gray {
	dpi := max(x, y)
	out := image.NewGray(image.Rect(0, 0, m.Rect.Dx()*x/dpi, m.Rect.Dy()*y/dpi))
	for py := range out.Rect.Dy() {
		row := m.Pix[py*m.Rect.Dy()/out.Rect.Dy()*m.Stride:]
		for px := range out.Rect.Dx() {
			out.Pix[py*out.Stride+px] = row[px*m.Rect.Dx()/out.Rect.Dx()]
		}
	}
	return out
}

// loseLines repeats a line of a fax where the next was lost.
func loseLines(m *image.Gray, share float64, rng *rand.Rand) {
	for y := 1; y < m.Rect.Dy(); y++ {
		if chance(rng, share) {
			copy(m.Pix[y*m.Stride:(y+1)*m.Stride], m.Pix[(y-1)*m.Stride:y*m.Stride])
		}
	}
}

// Turned is a page turned clockwise by a multiple of 90 degrees.
func Turned(m *image.Gray, degrees int) *image.Gray {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	switch degrees {
	case 90, 270:
		out := image.NewGray(image.Rect(0, 0, h, w))
		for y := range h {
			for x, v := range m.Pix[y*m.Stride:][:w] {
				if degrees == 90 {
					out.Pix[x*out.Stride+h-1-y] = v
				} else {
					out.Pix[(w-1-x)*out.Stride+y] = v
				}
			}
		}
		return out
	case 180:
		out := image.NewGray(m.Rect)
		for y := range h {
			to := out.Pix[(h-1-y)*out.Stride:][:w]
			for x, v := range m.Pix[y*m.Stride:][:w] {
				to[w-1-x] = v
			}
		}
		return out
	}
	return m
}

// cloud is smooth randomness between 0 and 1: a coarse grid, looked up between
// its points.
type cloud struct {
	grid  []float64
	width int
	step  float64
}

func newCloud(rng *rand.Rand, r image.Rectangle, step float64) cloud {
	c := cloud{width: int(float64(r.Dx())/step) + 3, step: step}
	c.grid = make([]float64, c.width*(int(float64(r.Dy())/step)+3))
	for i := range c.grid {
		c.grid[i] = rng.Float64()
	}
	return c
}

// row is the cloud along a line.
func (c cloud) row(y int) func(x int) float64 {
	iy := int(float64(y) / c.step)
	fy := float64(y)/c.step - float64(iy)
	top, low := c.grid[iy*c.width:][:c.width], c.grid[(iy+1)*c.width:][:c.width]
	return func(x int) float64 {
		ix := int(float64(x) / c.step)
		fx := float64(x)/c.step - float64(ix)
		return (top[ix]*(1-fx)+top[ix+1]*fx)*(1-fy) + (low[ix]*(1-fx)+low[ix+1]*fx)*fy
	}
}
