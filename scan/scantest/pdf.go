package scantest

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
)

// PDFPage is a page of a PDF to be. Size is in points. The picture, if any,
// is drawn by "/Im0 Do" in Content, text in the font /F0.
type PDFPage struct {
	Width, Height float64
	Rotate        int
	Content       string
	Picture       *PDFPicture
	Extra         string // more entries of the page's dictionary
}

// PDFPicture is a picture's stream: dictionary entries beside its size, and
// coded bytes.
type PDFPicture struct {
	Width, Height int
	Dict          string
	Coded         []byte
}

// ScannedPage is a letter page that is one picture, with hidden text over it
// as scanning software leaves it, if any.
func ScannedPage(p PDFPicture, hidden string) PDFPage {
	content := "q 612 0 0 792 0 0 cm /Im0 Do Q"
	if hidden != "" {
		content += fmt.Sprintf(" BT 3 Tr /F0 12 Tf 72 700 Td (%s) Tj ET", hidden)
	}
	return PDFPage{Width: 612, Height: 792, Content: content, Picture: &p}
}

// TypedPage is a letter page of text that a program wrote.
func TypedPage(s Sheet) PDFPage {
	var b bytes.Buffer
	for i, line := range s {
		fmt.Fprintf(&b, "BT /F0 12 Tf 72 %d Td (%s) Tj ET\n", 720-20*i, line)
	}
	return PDFPage{Width: 612, Height: 792, Content: b.String()}
}

// PDF codes pages into a file.
func PDF(pages ...PDFPage) []byte {
	w := &pdf{}
	w.b.WriteString("%PDF-1.4\n%\xE2\xE3\xCF\xD3\n")
	var kids bytes.Buffer
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 4+3*i)
	}
	w.object(1, "<</Type/Catalog/Pages 2 0 R>>", nil)
	w.object(2, fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), len(pages)), nil)
	w.object(3, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", nil)
	for i, p := range pages {
		w.page(4+3*i, p)
	}
	return w.finish()
}

type pdf struct {
	b       bytes.Buffer
	offsets []int
}

func (w *pdf) object(n int, dict string, stream []byte) {
	w.offsets = append(w.offsets, w.b.Len())
	fmt.Fprintf(&w.b, "%d 0 obj\n%s\n", n, dict)
	if stream != nil {
		w.b.WriteString("stream\n")
		w.b.Write(stream)
		w.b.WriteString("\nendstream\n")
	}
	w.b.WriteString("endobj\n")
}

// page writes three objects: the page, its content and its picture.
func (w *pdf) page(n int, p PDFPage) {
	objects := ""
	if p.Picture != nil {
		objects = fmt.Sprintf("/XObject<</Im0 %d 0 R>>", n+2)
	}
	w.object(n, fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %g %g]/Rotate %d/Resources<</Font<</F0 3 0 R>>%s>>/Contents %d 0 R%s>>",
		p.Width, p.Height, p.Rotate, objects, n+1, p.Extra), nil)
	w.object(n+1, fmt.Sprintf("<</Length %d>>", len(p.Content)), []byte(p.Content))
	if m := p.Picture; m != nil {
		w.object(n+2, fmt.Sprintf("<</Type/XObject/Subtype/Image/Width %d/Height %d%s/Length %d>>", m.Width, m.Height, m.Dict, len(m.Coded)), m.Coded)
	} else {
		w.object(n+2, "null", nil)
	}
}

func (w *pdf) finish() []byte {
	at := w.b.Len()
	fmt.Fprintf(&w.b, "xref\n0 %d\n0000000000 65535 f \n", len(w.offsets)+1)
	for _, o := range w.offsets {
		fmt.Fprintf(&w.b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&w.b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(w.offsets)+1, at)
	return w.b.Bytes()
}

// FaxPicture is a picture in fax group 4, or group 3 with k = 0.
func FaxPicture(m *image.Gray, k int) PDFPicture {
	coded, more := G4(m), ""
	if k == 0 {
		coded, more = G3(m), "/EndOfLine true"
	}
	return PDFPicture{m.Rect.Dx(), m.Rect.Dy(), fmt.Sprintf("/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K %d/Columns %d/Rows %d%s>>",
		k, m.Rect.Dx(), m.Rect.Dy(), more), coded}
}

// JPEGPicture is a grey picture as JPEG.
func JPEGPicture(m *image.Gray) PDFPicture {
	return PDFPicture{m.Rect.Dx(), m.Rect.Dy(), "/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode", JPEG(m, 0, 0)}
}

// FlatePicture is a picture deflated: bits 1 or 8, or colour, after PNG's
// predictor if asked.
func FlatePicture(m *image.Gray, bits int, color, predict bool) PDFPicture {
	samples, space, n := m.Pix, "DeviceGray", 1
	switch {
	case color:
		samples, space, n = rgb(m), "DeviceRGB", 3
	case bits == 1:
		samples = bilevel(m, true)
	}
	parms := ""
	if predict {
		samples = up(samples, (m.Rect.Dx()*bits*n+7)/8)
		parms = fmt.Sprintf("/DecodeParms<</Predictor 15/Colors %d/BitsPerComponent %d/Columns %d>>", n, bits, m.Rect.Dx())
	}
	return PDFPicture{m.Rect.Dx(), m.Rect.Dy(), fmt.Sprintf("/ColorSpace/%s/BitsPerComponent %d/Filter/FlateDecode%s", space, bits, parms), Deflate(samples)}
}

// up applies PNG's filter 2 to rows: each byte less the one above.
func up(b []byte, stride int) (out []byte) {
	for at := 0; at < len(b); at += stride {
		out = append(out, 2)
		for i, v := range b[at : at+stride] {
			if at > 0 {
				v -= b[at-stride+i]
			}
			out = append(out, v)
		}
	}
	return out
}

// JPEG codes a picture; an orientation or a resolution of 0 is not stored.
func JPEG(m *image.Gray, orientation, dpi int) []byte { return JPEGOf(m, orientation, dpi, 60) }

// JPEGOf codes a picture at a quality of 1 to 100.
func JPEGOf(m *image.Gray, orientation, dpi, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	if orientation == 0 && dpi == 0 {
		return b.Bytes()
	}
	exif := append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x04"),
		0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0,
		0x01, 0x1A, 0, 5, 0, 0, 0, 1, 0, 0, 0, 62,
		0x01, 0x1B, 0, 5, 0, 0, 0, 1, 0, 0, 0, 62,
		0x01, 0x28, 0, 3, 0, 0, 0, 1, 0, 2, 0, 0,
		0, 0, 0, 0,
		0, 0, byte(dpi>>8), byte(dpi), 0, 0, 0, 1)
	head := append([]byte{0xFF, 0xD8, 0xFF, 0xE1, byte((len(exif) + 2) >> 8), byte(len(exif) + 2)}, exif...)
	return append(head, b.Bytes()[2:]...)
}

// Locked encrypts a PDF with the passwords to open it and to change it.
func Locked(file []byte, user, owner string) ([]byte, error) {
	api.DisableConfigDir()
	conf := model.NewAESConfiguration(user, owner, 256)
	var b bytes.Buffer
	err := api.Encrypt(bytes.NewReader(file), &b, conf)
	return b.Bytes(), err
}
