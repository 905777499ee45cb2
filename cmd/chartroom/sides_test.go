package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const twoSided = `
[[drop]]
name = "main"
path = "drop"
settle = "100ms"
poll = "200ms"
[drop.sides]
fronts = "fronts"
backs = "backs"
reversed = true
[log]
level = "error"
`

// Two passes of one pile become one document; another operator's stays apart.
// Both originals stay, and what is exported has the pages in order.
func TestTwoPassesOfAPileBecomeOneDocument(t *testing.T) {
	data := t.TempDir()
	config := filepath.Join(data, "chartroom.toml")
	drop := filepath.Join(data, "drop")
	for _, folder := range []string{"anna/fronts", "anna/backs", "bert/backs"} {
		if err := os.MkdirAll(filepath.Join(drop, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(config, []byte(twoSided), 0o600); err != nil {
		t.Fatal(err)
	}
	page := func(word string) drawnSheet { return printedSheet("PROGRESS NOTE", "The patient spoke of a "+word) }
	r := start(t, data, "--config", config)
	dropSheet(t, filepath.Join(drop, "bert/backs"), "0002.tif", tiffOf(page("granite"), page("cricket")))
	dropSheet(t, filepath.Join(drop, "anna/backs"), "0007.tif", tiffOf(page("walnut"), page("umbrella")))
	dropSheet(t, filepath.Join(drop, "anna/fronts"), "0001.tif", tiffOf(page("giraffe"), page("lantern")))
	var whole documentJSON
	eventually(t, time.Minute, "the two passes are one document", func() bool {
		docs := list(t, data)
		for _, d := range docs {
			if len(d.Pages) == 4 {
				whole = d
			}
		}
		return whole.ID != "" && len(docs) == 2
	})
	if status := r.stop(t); status != 0 {
		t.Errorf("serve stopped with status %d: %s", status, r.stderr)
	}
	var words []string
	for _, p := range whole.Pages {
		words = append(words, regexp.MustCompile(`[a-z]+$`).FindString(strings.TrimSpace(p.Text)))
	}
	if got := strings.Join(words, " "); got != "giraffe umbrella lantern walnut" {
		t.Errorf("its pages say %s", got)
	}
	for _, d := range list(t, data) {
		if d.ID != whole.ID && (!strings.Contains(d.Reason, "fronts") || d.Status != "review" || len(d.Pages) != 2) {
			t.Errorf("another operator's backs are %+v", d)
		}
	}
	out := filepath.Join(t.TempDir(), "pile.pdf")
	if text, status := chartroom(t, data, "export", whole.ID, "--as", "pdf", "-o", out); status != 0 {
		t.Fatal(text)
	}
	text, err := exec.Command("pdftotext", out, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, word := range words {
		i := strings.Index(string(text[at:]), word)
		if i < 0 {
			t.Fatalf("%q is missing or out of order in %s", word, text)
		}
		at += i
	}
	before, _ := chartroom(t, data, "documents", "--json", "--text")
	if out, status := chartroom(t, data, "rebuild"); status != 0 {
		t.Fatal(out)
	}
	if after, _ := chartroom(t, data, "documents", "--json", "--text"); after != before {
		t.Errorf("rebuilt:\n%s\nbefore:\n%s", after, before)
	}
	if out, status := chartroom(t, data, "verify"); status != 0 || !strings.Contains(out, "3 originals") {
		t.Errorf("verify: %s", out)
	}
}
