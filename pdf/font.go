package pdf

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"
)

// glyphless is a font without shapes, for text that does not show: every
// character has a code of its own, in the order in which they first come, and
// all codes share one empty glyph. What a code means stands in the ToUnicode
// map, so that any script can be searched and copied.
type glyphless struct {
	object int
	codes  map[rune]int
	order  []rune
}

const (
	// glyphWidth is that of every character, in thousandths of the type size.
	glyphWidth = 500
	// maxCodes is how many characters a font may have; those beyond it become
	// U+FFFD, which has code 1.
	maxCodes = 65_000
)

// code gives the code of a character, from 1.
func (g *glyphless) code(r rune) int {
	if g.codes == nil {
		g.codes = map[rune]int{'\uFFFD': 1}
		g.order = []rune{'\uFFFD'}
	}
	c, ok := g.codes[r]
	if ok {
		return c
	}
	if len(g.order) >= maxCodes {
		return 1
	}
	g.order = append(g.order, r)
	g.codes[r] = len(g.order)
	return len(g.order)
}

// write writes the font, if there was text.
func (g *glyphless) write(o *objects) {
	if len(g.order) == 0 {
		g.code(' ')
	}
	cid, descriptor, file, toUnicode, gids := o.reserve(), o.reserve(), o.reserve(), o.reserve(), o.reserve()
	o.object(g.object, fmt.Sprintf("<</Type/Font/Subtype/Type0/BaseFont/ChartroomGlyphless/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>", cid, toUnicode))
	o.object(cid, fmt.Sprintf("<</Type/Font/Subtype/CIDFontType2/BaseFont/ChartroomGlyphless/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"+
		"/FontDescriptor %d 0 R/DW %d/CIDToGIDMap %d 0 R>>", descriptor, glyphWidth, gids))
	o.object(descriptor, fmt.Sprintf("<</Type/FontDescriptor/FontName/ChartroomGlyphless/Flags 4/FontBBox[0 -1 %d 1000]/ItalicAngle 0/Ascent 1000/Descent -1/CapHeight 1000/StemV 80/FontFile2 %d 0 R>>", glyphWidth, file))
	program := trueType()
	o.packed(file, fmt.Sprintf("/Length1 %d", len(program)), program)
	o.packed(toUnicode, "", []byte(g.toUnicode()))
	o.packed(gids, "", []byte(strings.Repeat("\x00\x01", len(g.order)+1)))
}

// toUnicode maps every code to its character.
func (g *glyphless) toUnicode() string {
	var b strings.Builder
	b.WriteString("/CIDInit/ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n/CMapName/Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n")
	for from := 0; from < len(g.order); from += 100 {
		part := g.order[from:min(from+100, len(g.order))]
		fmt.Fprintf(&b, "%d beginbfchar\n", len(part))
		for i, r := range part {
			fmt.Fprintf(&b, "<%04X><%s>\n", from+i+1, strings.ToUpper(hex.EncodeToString(utf16be(string(r)))))
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict/CMap defineresource pop\nend\nend\n")
	return b.String()
}

// trueType is the font itself: two glyphs without outlines, the first for what
// is missing.
func trueType() []byte {
	u16 := func(values ...int) (b []byte) {
		for _, v := range values {
			b = binary.BigEndian.AppendUint16(b, uint16(v))
		}
		return b
	}
	u32 := func(values ...int) (b []byte) {
		for _, v := range values {
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		}
		return b
	}
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	name := "ChartroomGlyphless"
	names := u16(0, 4, 6+4*12)
	for _, id := range []int{1, 2, 4, 6} {
		names = append(names, u16(3, 1, 0x409, id, 2*len(name), 0)...)
	}
	os2 := join(u16(4, glyphWidth, 400, 5, 0), make([]byte, 20), u16(0), make([]byte, 10), u32(0, 0, 0, 0), []byte("CHRM"),
		u16(0x40, 0x20, 0x20, 1000, -1&0xFFFF, 0, 1000, 1), u32(1, 0), u16(500, 1000, 0, 0x20, 1))
	tables := []struct {
		tag     string
		content []byte
	}{
		{"OS/2", os2},
		{"cmap", join(u16(0, 1, 3, 1), u32(12), u16(4, 32, 0, 4, 4, 1, 0, 0x20, 0xFFFF, 0, 0x20, 0xFFFF, (1-0x20)&0xFFFF, 1, 0, 0))},
		{"glyf", u32(0)}, // a table must have something in it; no glyph does
		{"head", join(u32(0x10000, 0x10000, 0, 0x5F0F3CF5), u16(0, 1000), make([]byte, 16), u16(0, 0, glyphWidth, 1000, 0, 8, 2, 0, 0))},
		{"hhea", join(u32(0x10000), u16(1000, -1&0xFFFF, 0, glyphWidth, 0, 0, 0, 1, 0, 0), make([]byte, 8), u16(0, 2))},
		{"hmtx", u16(glyphWidth, 0, glyphWidth, 0)},
		{"loca", u16(0, 0, 0)},
		{"maxp", join(u32(0x10000), u16(2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0))},
		{"name", join(names, utf16be(name))},
		{"post", u32(0x30000, 0, 0, 1, 0, 0, 0, 0)},
	}
	n := len(tables)
	log := bits.Len(uint(n)) - 1
	head := join(u32(0x10000), u16(n, 16<<log, log, 16*n-16<<log))
	var body []byte
	start := 12 + 16*n
	adjust := 0
	for _, t := range tables {
		if t.tag == "head" {
			adjust = start + len(body) + 8
		}
		padded := append(t.content, make([]byte, (4-len(t.content)%4)%4)...)
		head = join(head, []byte(t.tag), u32(int(sum32(padded)), start+len(body), len(t.content)))
		body = append(body, padded...)
	}
	font := append(head, body...)
	binary.BigEndian.PutUint32(font[adjust:], 0xB1B0AFBA-sum32(font))
	return font
}

// sum32 is TrueType's checksum.
func sum32(b []byte) (sum uint32) {
	for i := 0; i+3 < len(b); i += 4 {
		sum += binary.BigEndian.Uint32(b[i:])
	}
	return sum
}
