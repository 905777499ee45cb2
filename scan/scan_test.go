package scan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chartroom/scan/scantest"
)

// file writes content under a name that says nothing and opens it.
func file(t testing.TB, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func open(t testing.TB, content []byte, limits Limits) (*Scan, error) {
	t.Helper()
	s, err := Open(t.Context(), testTools(t), file(t, content), limits)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

func mustOpen(t testing.TB, content []byte) *Scan {
	t.Helper()
	s, err := open(t, content, Limits{})
	if err != nil {
		t.Fatalf("open: %v", describe(err))
	}
	return s
}

// describe is an error with what a clerk would read.
func describe(err error) string {
	if r, ok := errors.AsType[*Reject](err); ok {
		return fmt.Sprintf("%v: %s", err, r.Reason)
	}
	if p, ok := errors.AsType[*PageError](err); ok {
		return fmt.Sprintf("%v: %s", err, p.Reason)
	}
	return fmt.Sprint(err)
}

func wantReject(t *testing.T, err error, code Code) {
	t.Helper()
	r, ok := errors.AsType[*Reject](err)
	if !ok || r.Code != code || !strings.HasSuffix(r.Reason, ".") {
		t.Errorf("got %s, want reject %s with a sentence", describe(err), code)
	}
}

// made is testdata by name.
var made = scantest.Files()

func TestMadeFilesHaveTheirPages(t *testing.T) {
	type pages []string // "frame wxh dpixdpi turn mirror codec"
	for name, want := range map[string]pages{
		"stay-g4.tiff":            {"0 2550x3300 300x300 0 false tiff", "1 1700x2200 200x200 0 false tiff", "2 1700x2200 200x200 0 false tiff"},
		"fax-204x98.tiff":         {"0 1734x1078 204x98 0 false tiff"},
		"consent-lzw.tiff":        {"0 850x1100 100x100 0 false tiff"},
		"consent-big.tiff":        {"0 850x1100 100x100 0 false tiff"},
		"laboratory-turned.tiff":  {"0 2200x1700 200x200 90 false tiff"},
		"referral-thumbnail.tiff": {"1 1275x1650 150x150 0 false tiff"},
		"consent-phone.jpg":       {"0 1100x850 100x100 90 false jpeg"},
		"referral.png":            {"0 850x1100 0x0 0 false png"},
		"renamed.pdf":             {"0 850x1100 0x0 0 false png"},
		"referral.gif":            {"0 850x1100 0x0 0 false gif"},
		"referral.bmp":            {"0 850x400 0x0 0 false bmp"},
		"stay.pdf":                {"0 1700x2200 200x200 0 false tiff", "0 850x1100 100x100 0 false png"},
		"typed.pdf":               {"0 2550x3300 300x300 0 false pnm", "0 2550x3300 300x300 0 false pnm"},
		"mixed.pdf":               {"0 850x1100 100x100 180 false jpeg", "0 2550x3300 300x300 0 false pnm"},
	} {
		s := mustOpen(t, made[name])
		var got pages
		for _, p := range s.Pages {
			img, err := s.Image(t.Context(), p.Number)
			if err != nil {
				t.Errorf("%s page %d: %s", name, p.Number, describe(err))
				continue
			}
			got = append(got, fmt.Sprintf("%d %dx%d %dx%d %d %v %s", p.Frame, p.Width, p.Height, p.DPIX, p.DPIY, p.Turn, p.Mirror, img.Codec))
			if img.Frame != p.Frame || img.Number != p.Number {
				t.Errorf("%s page %d: image of page %d, frame %d", name, p.Number, img.Number, img.Frame)
			}
			img.Close()
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: pages %q, want %q", name, got, want)
		}
	}
}

func TestWhatIsNoScanIsRejectedWithAReason(t *testing.T) {
	for name, want := range map[string]Code{"empty.tiff": CodeEmpty, "cut.tiff": CodeTruncated, "cut.pdf": CodeTruncated, "cut.jpg": CodeTruncated,
		"letter.doc": CodeNotAScan, "registry.csv": CodeNotAScan, "nopages.pdf": CodeNoPages} {
		_, err := open(t, made[name], Limits{})
		t.Log(name, describe(err))
		wantReject(t, err, want)
	}
	for content, what := range map[string]string{
		"PK\x03\x04rest": "ZIP", "\xD0\xCF\x11\xE0rest": "Office", "{\\rtf1 x": "RTF", strings.Repeat("\x00", 128) + "DICM": "DICOM",
		"\n <html>": "web page", "MSH|^~\\&|A": "HL7", "\xEF\xBB\xBF<?xml": "XML", "plain": "text", "\x01\x02\x03\x04": "unknown",
	} {
		_, err := open(t, []byte(content), Limits{})
		wantReject(t, err, CodeNotAScan)
		if !strings.Contains(describe(err), what) {
			t.Errorf("%q: %s, want it to name %s", content, describe(err), what)
		}
	}
	_, err := open(t, make([]byte, 5000), Limits{})
	wantReject(t, err, CodeDamaged)
}

func TestACutFileIsKnownToBeCut(t *testing.T) {
	for name, content := range made {
		if len(content) == 0 || strings.HasPrefix(name, "cut") || strings.HasPrefix(name, "letter") || strings.HasPrefix(name, "nopages") || strings.HasSuffix(name, "csv") {
			continue
		}
		if complete, known := Ended(file(t, content), int64(len(content))); !complete || !known {
			t.Errorf("%s: complete %v, known %v", name, complete, known)
		}
		for _, percent := range []int{99, 75, 50, 25} {
			part := content[:len(content)*percent/100]
			if complete, known := Ended(file(t, part), int64(len(part))); complete || !known {
				t.Errorf("%s at %d %%: complete %v, known %v", name, percent, complete, known)
			}
			_, err := open(t, part, Limits{})
			wantReject(t, err, CodeTruncated)
		}
	}
}

// A scanner shows the file while it writes: at every length but the last the
// end must not be seen.
func TestAGrowingFileIsNotCompleteBeforeItsEnd(t *testing.T) {
	for _, name := range []string{"stay-g4.tiff", "consent-big.tiff", "consent-phone.jpg", "referral.png", "referral.gif", "stay.pdf", "typed.pdf"} {
		content := made[name]
		f := file(t, content)
		for size := 16; size < len(content)-16; size += max(1, len(content)/500) {
			if complete, _ := Ended(f, int64(size)); complete {
				t.Errorf("%s is complete at %d of %d bytes", name, size, len(content))
				break
			}
		}
	}
}

func TestBytesAfterTheEndAreTolerated(t *testing.T) {
	for _, name := range []string{"stay-g4.tiff", "consent-phone.jpg", "referral.png", "referral.gif", "referral.bmp", "stay.pdf"} {
		for _, tail := range []string{"\n", strings.Repeat("\x00", 4096), "\x1B%-12345X@PJL EOJ\r\n", strings.Repeat("scanned by somebody ", 300)} {
			content := append(bytes.Clone(made[name]), tail...)
			if complete, known := Ended(file(t, content), int64(len(content))); !complete || !known {
				t.Errorf("%s with %d bytes more: complete %v, known %v", name, len(tail), complete, known)
			}
			s := mustOpen(t, content)
			if img, err := s.Image(t.Context(), 1); err != nil {
				t.Errorf("%s with %d bytes more: %s", name, len(tail), describe(err))
			} else {
				img.Close()
			}
		}
	}
}

func TestNothingIsKnownOfTheEndOfOtherFiles(t *testing.T) {
	if complete, known := Ended(file(t, []byte("hello")), 5); complete || known {
		t.Errorf("text: complete %v, known %v", complete, known)
	}
	for _, reserved := range []int{0, 100, 10_000} { // space is reserved first, or the name is made first
		if complete, known := Ended(file(t, make([]byte, reserved)), int64(reserved)); complete || !known {
			t.Errorf("%d zeros: complete %v, known %v", reserved, complete, known)
		}
	}
}

func TestBombsAreRejectedByTheirHeaders(t *testing.T) {
	be := binary.BigEndian
	ihdr := chunk("IHDR", be32(30_000, 30_000), []byte{8, 0, 0, 0, 0})
	png := append(append([]byte("\x89PNG\r\n\x1A\n"), ihdr...), append(chunk("IDAT", []byte("x")), chunk("IEND")...)...)
	jpg := bytes.Clone(scantest.JPEG(scantest.Blank.Draw(20, 20), 0, 0))
	sof := bytes.Index(jpg, []byte{0xFF, 0xC0})
	be.PutUint16(jpg[sof+5:], 60_000)
	be.PutUint16(jpg[sof+7:], 60_000)
	gif := bytes.Clone(made["referral.gif"])
	binary.LittleEndian.PutUint16(gif[6:], 40_000)
	binary.LittleEndian.PutUint16(gif[8:], 40_000)
	tif := bytes.Clone(made["consent-lzw.tiff"])
	binary.LittleEndian.PutUint32(tif[8+2+8:], 1<<20) // width of the first directory
	for name, content := range map[string][]byte{"png": png, "jpeg": jpg, "gif": gif, "tiff": tif} {
		_, err := open(t, content, Limits{})
		t.Log(name, describe(err))
		wantReject(t, err, CodeTooManyPixels)
	}
}

func TestLimitsHold(t *testing.T) {
	_, err := open(t, made["stay-g4.tiff"], Limits{Pages: 2})
	wantReject(t, err, CodeTooManyPages)
	_, err = open(t, made["typed.pdf"], Limits{Pages: 1})
	wantReject(t, err, CodeTooManyPages)
	_, err = open(t, made["stay-g4.tiff"], Limits{Bytes: 1000})
	wantReject(t, err, CodeTooLarge)
	s, err := open(t, made["typed.pdf"], Limits{Pixels: 1e6})
	if err != nil {
		t.Fatal(describe(err))
	}
	if p := s.Pages[0]; int64(p.Width)*int64(p.Height) > 1e6 || p.DPIX < 90 {
		t.Errorf("a drawn page of %dx%d at %d dpi, want as much as 1 megapixel allows", p.Width, p.Height, p.DPIX)
	}
}

func TestARejectSaysNothingOfTheContent(t *testing.T) {
	for _, content := range [][]byte{[]byte("CANARY is no scan"), []byte("%PDF-1.4 CANARY"), []byte("\x89PNG\r\n\x1A\nCANARY CANARY"), []byte("%PDF-1.4 CANARY\nstartxref\n0\n%%EOF")} {
		_, err := open(t, content, Limits{})
		if err == nil || strings.Contains(describe(err), "CANARY") {
			t.Errorf("%q: %s", content, describe(err))
		}
	}
}

func TestOnePageThatIsMissingIsNamed(t *testing.T) {
	s := mustOpen(t, made["stay-g4.tiff"])
	for _, n := range []int{0, -1, 4} {
		if _, err := s.Image(t.Context(), n); err == nil {
			t.Errorf("page %d came out", n)
		} else if _, ok := errors.AsType[*PageError](err); !ok {
			t.Errorf("page %d: %v, want a *PageError", n, err)
		}
	}
	if _, err := s.Render(t.Context(), 1); err == nil {
		t.Error("a TIFF page was drawn")
	}
}

func TestImagesOutliveTheScan(t *testing.T) {
	f := file(t, made["stay-g4.tiff"])
	s, err := Open(t.Context(), Tools{}, f, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := s.Image(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	f.Close()
	b := make([]byte, 4)
	if _, err := img.File.ReadAt(b, 0); err != nil || string(b) != "II*\x00" {
		t.Errorf("read %q: %v", b, err)
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
}
