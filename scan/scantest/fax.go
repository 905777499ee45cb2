package scantest

import (
	"image"
	"strings"
)

// The code words of ITU-T T.4 for runs of 0 to 63 pixels, and for multiples
// of 64 up to 1728.
var (
	whiteRuns = strings.Fields(`00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101
		101010 101011 0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010
		00011011 00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100 00000101 00001010
		00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011 01001010 01001011 00110010 00110011 00110100`)
	blackRuns = strings.Fields(`0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000
		0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010 000011001011
		000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011 000011010100 000011010101 000011010110
		000011010111 000001101100 000001101101 000011011010 000011011011 000001010100 000001010101 000001010110 000001010111 000001100100 000001100101
		000001010010 000001010011 000000100100 000000110111 000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100
		000001011010 000001100110 000001100111`)
	whiteLong = strings.Fields(`11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010
		011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 010011010 011000 010011011`)
	blackLong = strings.Fields(`0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 0000001101101
		0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 0000001110101 0000001110110 0000001110111
		0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011 0000001100100 0000001100101`)
	// 1792 to 2560, for both colours
	longest = strings.Fields(`00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111
		000000011100 000000011101 000000011110 000000011111`)
	// vertical modes of T.6, for a change 3 left to 3 right of the one above
	vertical = [7]string{"0000010", "000010", "010", "1", "011", "000011", "0000011"}
)

const (
	endOfLine  = "000000000001"
	passMode   = "0001"
	horizontal = "001"
)

// G4 codes a picture as fax group 4: T.6, highest bit first, black where the
// pixel is darker than half.
func G4(m *image.Gray) []byte {
	var out bits
	above := make([]bool, m.Rect.Dx())
	for y := range m.Rect.Dy() {
		row := blacks(m, y)
		out.twoD(row, above)
		above = row
	}
	out.add(endOfLine + endOfLine)
	return out.b
}

// G3 codes a picture as fax group 3 in one dimension: T.4, an end-of-line
// code before each line.
func G3(m *image.Gray) []byte {
	var out bits
	for y := range m.Rect.Dy() {
		row := blacks(m, y)
		out.add(endOfLine)
		black := false
		for x := 0; x < len(row); {
			end := change(row, x, black)
			out.run(end-x, black)
			x, black = end, !black
		}
	}
	out.add(strings.Repeat(endOfLine, 6))
	return out.b
}

// twoD codes a line by its difference to the line above.
func (o *bits) twoD(row, above []bool) {
	black, a0 := false, 0
	start := true
	for a0 < len(row) {
		a1 := change(row, a0, black)
		b1 := changeAbove(above, a0, black, start)
		if b2 := change(above, b1, !black); b2 < a1 {
			o.add(passMode)
			a0, start = b2, false
			continue
		}
		if d := a1 - b1; d >= -3 && d <= 3 {
			o.add(vertical[d+3])
			a0, black, start = a1, !black, false
			continue
		}
		a2 := change(row, a1, !black)
		o.add(horizontal)
		o.run(a1-a0, black)
		o.run(a2-a1, !black)
		a0, start = a2, false
	}
}

// change is where the line stops being of a colour, from x.
func change(row []bool, x int, black bool) int {
	for x < len(row) && row[x] == black {
		x++
	}
	return x
}

// changeAbove is the first change to the other colour right of a0 in the line
// above; at the start of a line the first pixel may be it.
func changeAbove(above []bool, a0 int, black, start bool) int {
	if start && len(above) > 0 && above[0] != black {
		return 0
	}
	return change(above, change(above, a0, !black), black) // past the rest of a run that began before
}

func blacks(m *image.Gray, y int) []bool {
	row := make([]bool, m.Rect.Dx())
	for x := range row {
		row[x] = m.Pix[y*m.Stride+x] < 128
	}
	return row
}

// bits collects code words, highest bit first.
type bits struct {
	b []byte
	n int
}

func (o *bits) add(word string) {
	for _, c := range word {
		if o.n%8 == 0 {
			o.b = append(o.b, 0)
		}
		if c == '1' {
			o.b[o.n/8] |= 0x80 >> (o.n % 8)
		}
		o.n++
	}
}

func (o *bits) run(n int, black bool) {
	short, long := whiteRuns, whiteLong
	if black {
		short, long = blackRuns, blackLong
	}
	for ; n >= 2560+64; n -= 2560 {
		o.add(longest[12])
	}
	switch {
	case n >= 1792:
		o.add(longest[n/64-28])
	case n >= 64:
		o.add(long[n/64-1])
	}
	o.add(short[n%64])
}
