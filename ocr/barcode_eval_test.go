package ocr

import (
	"bytes"
	"encoding/hex"
	"fmt"
	goimage "image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chartroom/record"
)

// A tally is how many pictures were looked at, of how many each reader told
// what stands there, and how many codes each saw that do not.
type tally struct {
	name          string
	pictures      int
	right, beside [3]int
}

var readers = [3]string{"chartroom", "zbarimg", "ZXingReader"}

// BenchmarkBarcodes holds what is read against the truth, beside zbarimg and
// ZXing's own program on the same files.
func BenchmarkBarcodes(b *testing.B) {
	silence()
	for _, program := range readers[1:] {
		if _, err := exec.LookPath(strings.Fields(program)[0]); err != nil {
			b.Skipf("%s is not installed: make eval-barcodes installs it", program)
		}
	}
	var all []tally
	if root := os.Getenv("CHARTROOM_SAMPLES"); root != "" {
		folders, _ := filepath.Glob(filepath.Join(root, "barcodes", "*-*"))
		for _, dir := range folders {
			all = append(all, tallyFiles(b, "samples/barcodes/"+filepath.Base(dir), dir))
		}
		all = append(all, tallyFiles(b, "samples/pages (none has a code)", filepath.Join(root, "pages")))
	}
	for _, state := range []string{"clean", "one bit", "fax", "small", "turned", "askew", "worn"} {
		all = append(all, tallyOwn(b, state))
	}
	for _, t := range all {
		fmt.Printf("barcodes %-34s n=%-3d", t.name, t.pictures)
		for i, r := range readers {
			fmt.Printf(" %s=%d/%d", r, t.right[i], t.beside[i])
		}
		fmt.Println()
	}
	fmt.Println("(right / seen where it does not stand)")
}

func tallyFiles(b *testing.B, name, dir string) tally {
	t := tally{name: name}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		codec := map[string]string{".png": "png", ".jpg": "jpeg", ".tif": "tiff", ".tiff": "tiff"}[filepath.Ext(f)]
		if codec == "" {
			continue
		}
		want, known := "", false
		if truth, err := os.ReadFile(strings.TrimSuffix(f, filepath.Ext(f)) + ".txt"); err == nil && !strings.HasSuffix(dir, "pages") {
			want, known = string(truth), true
		}
		if !known && !strings.Contains(dir, "falsepositives") && !strings.HasSuffix(dir, "pages") {
			continue // a code without truth
		}
		t.count(b, f, codec, want)
	}
	return t
}

// count has a picture read by all readers; want "" means that nothing stands
// there.
func (t *tally) count(b *testing.B, path, codec, want string) {
	t.pictures++
	for i, got := range [3][]string{ourCodes(b, path, codec), zbarCodes(path), zxingCodes(path)} {
		right := want != "" && slices.ContainsFunc(got, func(s string) bool { return sameCode(s, want) })
		if right {
			t.right[i]++
		}
		for _, s := range got {
			if !sameCode(s, want) {
				t.beside[i]++
			}
		}
	}
}

func sameCode(got, want string) bool {
	plain := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	return plain(got) == plain(want)
}

func ourCodes(b *testing.B, path, codec string) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	img, err := decode(data, codec, 0, bounds{1e9, 1e9})
	if err != nil {
		b.Fatal(err)
	}
	x, y := img.resolution()
	s, err := newSheet(img, x, y)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	codes, err := s.barcodes()
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, c := range codes {
		out = append(out, c.Text.Reveal())
	}
	return out
}

var cdata = regexp.MustCompile(`(?s)<data[^>]*><!\[CDATA\[(.*?)\]\]></data>`)

func zbarCodes(path string) (found []string) {
	out, _ := exec.Command("zbarimg", "-q", "--nodbus", "--xml", path).Output() // status 4 is "nothing found"
	for _, m := range cdata.FindAllSubmatch(out, -1) {
		found = append(found, string(m[1]))
	}
	return found
}

func zxingCodes(path string) (found []string) {
	out, _ := exec.Command("ZXingReader", path).Output() // it dies on some pictures
	for line := range strings.Lines(string(out)) {
		digits, ok := strings.CutPrefix(line, "Bytes: ")
		if !ok {
			continue
		}
		raw, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			continue
		}
		runes := make([]rune, len(raw)) // Latin-1, unless it is UTF-8
		for i, c := range raw {
			runes[i] = rune(c)
		}
		if s := string(raw); s == strings.ToValidUTF8(s, "") {
			found = append(found, s)
		} else {
			found = append(found, string(runes))
		}
	}
	return found
}

// tallyOwn prints a code of every symbology on a page of a note, three sizes of
// each, brings the page into a state and has it read.
func tallyOwn(b *testing.B, state string) tally {
	t := tally{name: "made-up pages, " + state}
	for _, s := range everySymbology {
		for _, module := range []int{2, 3, 4} {
			if state == "small" {
				module--
			}
			s := s
			s.left, s.top, s.height = 700, 900, 30*max(module, 2)
			if s.module = module; !linear(s.symbology) && s.symbology != record.PDF417 {
				s.module = 2 * module
			}
			paper := printed(b, 1800, 1500, note[:4]...)
			put(b, paper, s)
			path := filepath.Join(b.TempDir(), "page.png")
			var buf bytes.Buffer
			if err := png.Encode(&buf, inState(paper, state)); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
				b.Fatal(err)
			}
			t.count(b, path, "png", s.text)
		}
	}
	return t
}

func inState(paper *goimage.Gray, state string) goimage.Image {
	switch state {
	case "one bit":
		return bilevel(paper)
	case "fax":
		return faxed(paper, 3)
	case "turned":
		return turned(paper, 90)
	case "askew":
		return askew(paper, 12)
	case "worn":
		return faxed(askew(paper, 1.5), 5)
	}
	return paper
}
