package pdf

// matrix maps (x, y) to (a·x + c·y + e, b·x + d·y + f), as PDF has it.
type matrix [6]float64

// times is first m, then n.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

func (m matrix) String() (s string) {
	for i, v := range m {
		if i > 0 {
			s += " "
		}
		s += num(v)
	}
	return s
}

func scaled(x, y float64) matrix { return matrix{x, 0, 0, y, 0, 0} }

// standing maps a picture, stored in the unit square with its top at 1, to the
// unit square in which it stands upright: mirrored left to right first, then
// turned clockwise.
func standing(turn int, mirror bool) matrix {
	m := matrix{1, 0, 0, 1, 0, 0}
	if mirror {
		m = matrix{-1, 0, 0, 1, 1, 0}
	}
	switch turn {
	case 90:
		return m.times(matrix{0, -1, 1, 0, 0, 1})
	case 180:
		return m.times(matrix{-1, 0, 0, -1, 1, 1})
	case 270:
		return m.times(matrix{0, 1, -1, 0, 1, 0})
	}
	return m
}
