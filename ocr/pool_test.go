package ocr

import (
	"strings"
	"testing"

	"chartroom/record"
)

// note is a page of a chart that nobody has.
var note = []line{
	{"Riverside Clinic", 300, 300},
	{"Patient: Maria Garcia", 300, 500}, {"Birth date: 03/14/1961", 300, 580}, {"Record number: 482913", 300, 660},
	{"The patient reports that the cough has improved since the last", 300, 860}, {"visit and that she sleeps through the night without waking.", 300, 940},
	{"Continue the current medication for another two weeks.", 300, 1020},
}

func textOf(r Result) string { return strings.Join(strings.Fields(r.Page.Text()), " ") }

func noteText() string {
	var all []string
	for _, l := range note {
		all = append(all, l.text)
	}
	return strings.Join(all, " ")
}

func TestPrintIsReadWithItsBoxes(t *testing.T) {
	p := startPool(t, Config{})
	r := recognise(t, p, pngPage(t, printed(t, 2550, 1650, note...)))
	if got := textOf(r); got != noteText() || r.Page.State != record.PageText {
		t.Errorf("state %s, text %q", r.Page.State, got)
	}
	t.Log(r.Page, r.Page.DPI, r.Page.Ink, r.CPU, r.PictureType, len(r.Picture), r.PictureWidth)
}
