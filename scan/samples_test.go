package scan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// samples is the folder of sample scans, which lie outside the project.
func samples(t *testing.T, folder string) string {
	root := os.Getenv("CHARTROOM_SAMPLES")
	if root == "" {
		root = "../../shared/samples"
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no samples here: set CHARTROOM_SAMPLES to their folder")
	}
	return dir
}

func TestEveryHostileFileGivesPagesOrAReason(t *testing.T) {
	dir := samples(t, "hostile")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	tools := testTools(t)
	tools.Timeout, tools.PageTimeout = 20*time.Second, 20*time.Second
	counts := map[string]int{}
	for _, e := range files {
		start := time.Now()
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), tools, f, Limits{})
		rej, isReject := errors.AsType[*Reject](err)
		verdict := ""
		switch {
		case isReject:
			verdict = string(rej.Code)
			if rej.Reason == "" {
				t.Errorf("%s: no reason", e.Name())
			}
		case err != nil:
			t.Errorf("%s: %v", e.Name(), err)
		default:
			verdict = "pages"
			for _, p := range s.Pages {
				img, err := s.Image(t.Context(), p.Number)
				if pe, bad := errors.AsType[*PageError](err); bad {
					verdict = "bad pages"
					if testing.Verbose() {
						fmt.Println(e.Name(), p.Number, pe.Reason, pe.Err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s page %d: %v", e.Name(), p.Number, err)
					continue
				}
				if testing.Verbose() && s.Format == PDF {
					fmt.Println(e.Name(), p.Number, img.Codec, img.DPIX, img.DPIY, len(img.Words))
				}
				img.Close()
			}
			s.Close()
		}
		counts[verdict]++
		if d := time.Since(start); d > 5*time.Second {
			t.Logf("%s: %s in %v", e.Name(), verdict, d)
		}
		f.Close()
	}
	t.Log(counts)
}
