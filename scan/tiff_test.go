package scan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"chartroom/scan/scantest"
)

// sheet is small enough to code often.
var sheet = scantest.Consent.Draw(30, 30)

func frames(n int) []scantest.Frame {
	out := make([]scantest.Frame, n)
	for i := range out {
		out[i] = scantest.Frame{Picture: sheet, Compression: 4, Bits: 1, WhiteIsZero: true, DPIX: 30, DPIY: 30}
	}
	return out
}

func TestTIFFsAsScannersWriteThem(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, big := range []bool{false, true} {
			for _, f := range []scantest.Frame{
				{Compression: 1, Bits: 1}, {Compression: 1, Bits: 1, WhiteIsZero: true}, {Compression: 1, Bits: 8}, {Compression: 1, Bits: 8, Color: true},
				{Compression: 3, Bits: 1}, {Compression: 4, Bits: 1}, {Compression: 5, Bits: 8, Strips: 7}, {Compression: 8, Bits: 8, Color: true}, {Compression: 32773, Bits: 1, Strips: 3},
				{Compression: 4, Bits: 1, Centimetres: true}, {Compression: 4, Bits: 1, Orientation: 8},
			} {
				f.Picture, f.DPIX, f.DPIY = sheet, 204, 196
				name := fmt.Sprintf("%v big %v compression %d bits %d colour %v", order, big, f.Compression, f.Bits, f.Color)
				s := mustOpen(t, scantest.TIFF(order, big, f, f))
				for i, p := range s.Pages {
					if p.Width != 255 || p.Height != 330 || p.DPIX != 204 || p.DPIY != 196 || p.Frame != i || len(s.Pages) != 2 {
						t.Errorf("%s: page %+v of %d", name, p, len(s.Pages))
					}
				}
			}
		}
	}
}

func TestOrientationsAreTold(t *testing.T) {
	want := map[int]string{0: "0 false", 1: "0 false", 2: "0 true", 3: "180 false", 4: "180 true", 5: "270 true", 6: "90 false", 7: "90 true", 8: "270 false", 9: "0 false"}
	for o, w := range want {
		f := frames(1)
		f[0].Orientation, f[0].DPIY = o, 60
		for name, content := range map[string][]byte{"tiff": scantest.TIFF(binary.LittleEndian, false, f...), "jpeg": scantest.JPEG(sheet, o, 30)} {
			s := mustOpen(t, content)
			p := s.Pages[0]
			if got := fmt.Sprint(p.Turn, p.Mirror); got != w {
				t.Errorf("%s orientation %d: %s, want %s", name, o, got, w)
			}
			img, err := s.Image(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			img.Close()
			if got := fmt.Sprint(img.Turn, img.Mirror); name == "jpeg" && got != w || name == "tiff" && got != "0 false" {
				t.Errorf("%s orientation %d: %s is left to the reader", name, o, got)
			}
			if swapped := o >= 5 && o <= 8; name == "tiff" && swapped != (img.DPIX == 60) {
				t.Errorf("tiff orientation %d: resolution of the picture turned is %dx%d", o, img.DPIX, img.DPIY)
			}
		}
		if turn, mirror := upright(o); o >= 1 && o <= 8 && oriented(turn, mirror) != o {
			t.Errorf("orientation %d does not come back", o)
		}
	}
}

func TestReducedPicturesAreNoPagesButSaid(t *testing.T) {
	f := frames(4)
	f[0].Reduced, f[2].Reduced = true, true
	s := mustOpen(t, scantest.TIFF(binary.LittleEndian, false, f...))
	if len(s.Pages) != 2 || s.Pages[0].Frame != 1 || s.Pages[1].Frame != 3 || len(s.Remarks) != 1 {
		t.Errorf("pages %+v, remarks %q", s.Pages, s.Remarks)
	}
	s = mustOpen(t, scantest.TIFF(binary.LittleEndian, false, f[0], f[2]))
	if len(s.Pages) != 2 {
		t.Errorf("where all are called reduced, %d pages came out of 2", len(s.Pages))
	}
}

func TestOddTIFFs(t *testing.T) {
	le := binary.LittleEndian
	one := scantest.TIFF(le, false, frames(1)...)
	link := func(b []byte) int { return 8 + 2 + 12*int(le.Uint16(b[8:])) }
	loop := bytes.Clone(one)
	le.PutUint32(loop[link(loop):], 8)
	s := mustOpen(t, loop)
	if len(s.Pages) != 1 || len(s.Remarks) != 1 {
		t.Errorf("a circle: %d pages, remarks %q", len(s.Pages), s.Remarks)
	}
	beyond := bytes.Clone(one)
	le.PutUint32(beyond[link(beyond):], uint32(len(beyond)+1000))
	_, err := open(t, beyond, Limits{})
	wantReject(t, err, CodeTruncated)
	unwritten := bytes.Clone(one)
	le.PutUint32(unwritten[4:], 0)
	_, err = open(t, unwritten, Limits{})
	wantReject(t, err, CodeTruncated)
	sizeless := bytes.Clone(one)
	le.PutUint32(sizeless[8+2+8:], 0)
	_, err = open(t, sizeless, Limits{})
	wantReject(t, err, CodeDamaged)
	_, err = open(t, scantest.TIFF(le, false, frames(2001)...), Limits{})
	wantReject(t, err, CodeTooManyPages)
}

func TestOneBadPageDoesNotTakeTheOthersAlong(t *testing.T) {
	le := binary.LittleEndian
	b := scantest.TIFF(le, false, frames(3)...)
	second := int(le.Uint32(b[8+2+12*int(le.Uint16(b[8:])):]))
	le.PutUint32(b[second+2+8:], 0) // no width
	s := mustOpen(t, b)
	if len(s.Pages) != 3 {
		t.Fatalf("%d pages", len(s.Pages))
	}
	for n := 1; n <= 3; n++ {
		img, err := s.Image(t.Context(), n)
		if (err != nil) != (n == 2) {
			t.Errorf("page %d: %v", n, err)
		}
		if err == nil {
			img.Close()
		}
	}
}

// Some scanners count the last strip as full although it is not.
func TestAGenerousLastStripIsTolerated(t *testing.T) {
	f := scantest.Frame{Picture: sheet, Compression: 1, Bits: 8, DPIX: 30, DPIY: 30, Strips: 4}
	b := scantest.TIFF(binary.LittleEndian, false, f)
	at := bytes.Index(b, binary.LittleEndian.AppendUint32(nil, uint32(81*255))) // 330 rows in strips of 83
	if at < 0 {
		t.Fatal("no count of the last strip")
	}
	binary.LittleEndian.PutUint32(b[at:], 83*255)
	mustOpen(t, b)
}
