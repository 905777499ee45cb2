package paper

import (
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
)

// twoColors is a picture of black and white in one bit a pixel.
func twoColors(m *image.Gray) *image.Paletted {
	out := image.NewPaletted(m.Rect, color.Palette{color.Black, color.White})
	for i, v := range m.Pix {
		out.Pix[i] = v >> 7
	}
	return out
}

// withResolution adds a PNG's chunk that says its dots per inch across and down, after the
// header, whose length is always the same.
func withResolution(b []byte, x, y int) []byte {
	const head = 8 + 25
	perMetre := func(dpi int) uint32 { return uint32(float64(dpi)/0.0254 + 0.5) }
	chunk := binary.BigEndian.AppendUint32([]byte("pHYs"), perMetre(x))
	chunk = append(binary.BigEndian.AppendUint32(chunk, perMetre(y)), 1)
	out := append([]byte{}, b[:head]...)
	out = binary.BigEndian.AppendUint32(out, 9)
	out = append(out, chunk...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
	return append(out, b[head:]...)
}
