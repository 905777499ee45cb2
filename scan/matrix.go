package scan

import "math"

// matrix maps (x, y) to (a·x + c·y + e, b·x + d·y + f), as PDF has it.
type matrix struct{ a, b, c, d, e, f float64 }

var identity = matrix{a: 1, d: 1}

// times is first m, then n.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m.a*n.a + m.b*n.c, m.a*n.b + m.b*n.d,
		m.c*n.a + m.d*n.c, m.c*n.b + m.d*n.d,
		m.e*n.a + m.f*n.c + n.e, m.e*n.b + m.f*n.d + n.f,
	}
}

func (m matrix) apply(x, y float64) (float64, float64) {
	return m.a*x + m.c*y + m.e, m.b*x + m.d*y + m.f
}

// straight reports whether the matrix keeps horizontal and vertical lines so,
// but for half a degree.
func (m matrix) straight() bool {
	const slack = 0.009
	along := math.Hypot(m.a, m.b) * slack
	up := math.Hypot(m.c, m.d) * slack
	return math.Abs(m.b) <= along && math.Abs(m.c) <= up || math.Abs(m.a) <= along && math.Abs(m.d) <= up
}

// rect is an upright rectangle.
type rect struct{ x0, y0, x1, y1 float64 }

var everywhere = rect{math.Inf(-1), math.Inf(-1), math.Inf(1), math.Inf(1)}

func (r rect) width() float64  { return max(0, r.x1-r.x0) }
func (r rect) height() float64 { return max(0, r.y1-r.y0) }
func (r rect) area() float64   { return r.width() * r.height() }

func (r rect) intersect(o rect) rect {
	return rect{max(r.x0, o.x0), max(r.y0, o.y0), min(r.x1, o.x1), min(r.y1, o.y1)}
}

// mapped is the smallest upright rectangle around r under m.
func (r rect) mapped(m matrix) rect {
	out := rect{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, p := range [4][2]float64{{r.x0, r.y0}, {r.x1, r.y0}, {r.x0, r.y1}, {r.x1, r.y1}} {
		x, y := m.apply(p[0], p[1])
		out = rect{min(out.x0, x), min(out.y0, y), max(out.x1, x), max(out.y1, y)}
	}
	return out
}

// placed is how pixels come to stand by a straight matrix that maps the unit
// square to where a picture is shown: mirrored first, then turned clockwise.
func placed(m matrix) (turn int, mirror bool) {
	if math.Abs(m.a) >= math.Abs(m.b) { // the picture's right points left or right
		switch mirror = m.a*m.d < 0; {
		case m.a > 0 && m.d > 0, m.a < 0 && m.d > 0:
			return 0, mirror
		default:
			return 180, mirror
		}
	}
	mirror = m.b*m.c > 0
	if m.c > 0 { // the picture's top points right
		return 90, mirror
	}
	return 270, mirror
}
