package paper

import (
	"image"
	"math"
	"math/rand/v2"
)

// photograph takes a picture of the sheet on a desk from a hand's height: the
// paper is not quite a rectangle any more, and lies a little askew.
func photograph(m *image.Gray, degrees float64, rng *rand.Rand) *image.Gray {
	width, height := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	out := image.NewGray(image.Rect(0, 0, int(width*1.08), int(height*1.08)))
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	var corners [4][2]float64
	for i, c := range [4][2]float64{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}} {
		x, y := c[0]*width/2*(0.98+rng.NormFloat64()*0.012), c[1]*height/2*(0.98+rng.NormFloat64()*0.012)
		corners[i] = [2]float64{x*cos - y*sin + width*0.54, x*sin + y*cos + height*0.54}
	}
	h := plane(corners, [4][2]float64{{0, 0}, {width, 0}, {width, height}, {0, height}})
	desk := 60 + rng.IntN(80)
	grain := noise()
	for y := range out.Rect.Dy() {
		row := out.Pix[y*out.Stride:][:out.Rect.Dx()]
		fy := float64(y)
		for x := range row {
			fx := float64(x)
			w := 1 / (h[6]*fx + h[7]*fy + 1)
			sx, sy := (h[0]*fx+h[1]*fy+h[2])*w, (h[3]*fx+h[4]*fy+h[5])*w
			if sx < 0 || sy < 0 || sx >= width-1 || sy >= height-1 {
				row[x] = clamp(desk + int(grain[(y*31+x/3)&(len(grain)-1)])/8)
				continue
			}
			row[x] = between(m, sx, sy)
		}
	}
	return out
}

// plane is the projection that carries four points to four others, as eight
// numbers: x' = (h0x+h1y+h2)/(h6x+h7y+1), y' = (h3x+h4y+h5)/(h6x+h7y+1).
func plane(from, to [4][2]float64) (h [8]float64) {
	var a [8][9]float64
	for i := range 4 {
		x, y, u, v := from[i][0], from[i][1], to[i][0], to[i][1]
		a[2*i] = [9]float64{x, y, 1, 0, 0, 0, -u * x, -u * y, u}
		a[2*i+1] = [9]float64{0, 0, 0, x, y, 1, -v * x, -v * y, v}
	}
	for c := range 8 {
		best := c
		for r := c; r < 8; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[best][c]) {
				best = r
			}
		}
		a[c], a[best] = a[best], a[c]
		for r := range 8 {
			if r == c {
				continue
			}
			k := a[r][c] / a[c][c]
			for j := c; j < 9; j++ {
				a[r][j] -= k * a[c][j]
			}
		}
	}
	for i := range h {
		h[i] = a[i][8] / a[i][i]
	}
	return h
}
