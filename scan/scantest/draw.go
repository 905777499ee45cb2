// Package scantest makes scans: small files of every kind that scanners,
// phones and fax servers drop, drawn and coded by this package alone, for the
// tests of all rooms. Nobody on these sheets exists.
package scantest

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Sheet is a US letter page of text: the first line is its heading.
type Sheet []string

// Draw draws a sheet in grey at a resolution, which may differ across and
// down as a fax's does. It panics only if the fonts built in are broken.
func (s Sheet) Draw(dpiX, dpiY int) *image.Gray {
	dpi := max(dpiX, dpiY)
	m := image.NewGray(image.Rect(0, 0, dpi*17/2, dpi*11))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	y := dpi
	for i, line := range s {
		ttf, size := goregular.TTF, 12.0
		if i == 0 {
			ttf, size = gobold.TTF, 18
		}
		d := font.Drawer{Dst: m, Src: image.Black, Face: face(ttf, size, dpi), Dot: fixed.P(dpi, y)}
		d.DrawString(line)
		y += int(size * 1.6 * float64(dpi) / 72)
	}
	return squeeze(m, dpi*17/2*dpiX/dpi, dpi*11*dpiY/dpi)
}

func face(ttf []byte, size float64, dpi int) font.Face {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic(err)
	}
	made, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: float64(dpi), Hinting: font.HintingFull})
	if err != nil {
		panic(err)
	}
	return made
}

// squeeze takes the nearest pixels for a picture of another size.
func squeeze(m *image.Gray, w, h int) *image.Gray {
	if m.Rect.Dx() == w && m.Rect.Dy() == h {
		return m
	}
	out := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			out.SetGray(x, y, m.GrayAt(x*m.Rect.Dx()/w, y*m.Rect.Dy()/h))
		}
	}
	return out
}

// Stored is a picture as it lies in a file whose orientation tag (1 to 8, as
// in EXIF and TIFF) makes upright out of it.
func Stored(m *image.Gray, orientation int) *image.Gray {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if orientation > 4 {
		w, h = h, w
	}
	out := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			ux, uy := uprightPlace(x, y, w, h, orientation)
			out.SetGray(x, y, m.GrayAt(ux, uy))
		}
	}
	return out
}

// uprightPlace is where the stored pixel (x, y) of w by h stands upright.
func uprightPlace(x, y, w, h, orientation int) (int, int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return y, w - 1 - x
	}
	return x, y
}

// bilevel packs a picture in one bit a pixel; a set bit is white if whiteIsOne.
func bilevel(m *image.Gray, whiteIsOne bool) []byte {
	stride := (m.Rect.Dx() + 7) / 8
	out := make([]byte, stride*m.Rect.Dy())
	for y := range m.Rect.Dy() {
		for x, black := range blacks(m, y) {
			if black != whiteIsOne {
				out[y*stride+x/8] |= 0x80 >> (x % 8)
			}
		}
	}
	return out
}

// rgb is a picture's samples in colour, on paper a little yellow.
func rgb(m *image.Gray) []byte {
	out := make([]byte, 0, 3*len(m.Pix))
	for _, v := range m.Pix {
		c := color.RGBA{v, v, uint8(int(v) * 9 / 10), 255}
		out = append(out, c.R, c.G, c.B)
	}
	return out
}
