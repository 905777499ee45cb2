package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"chartroom/ingest"
)

// All talk to people at a terminal is in this file. Its rules: answers go to
// standard output and everything else to standard error; what is piped is
// plain; an error is one line that says what, why and what to do; whatever
// came from paper or a file name is made harmless before it is shown.

// say prints an error, on one line.
func say(err error) {
	fmt.Fprintln(os.Stderr, "chartroom: "+harmless(err.Error()))
}

// harmless makes text from paper or from file names safe to show: no control
// characters, no marks that turn the direction of writing, one line.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
			return '·'
		}
		return r
	}, s)
}

func joinWords(words []string) string { return strings.Join(words, " ") }

// bar shows how far long work is, on a terminal only. Why it waits is said
// elsewhere too, once.
type bar struct {
	bar     *progressbar.ProgressBar
	trouble string // said last
}

func newBar(what string) *bar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return &bar{}
	}
	return &bar{bar: progressbar.NewOptions(-1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())}
}

// count shows n of total things done; total 0 is not known.
func (b *bar) count(n, total int) {
	if b.bar == nil {
		return
	}
	if total > 0 && b.bar.GetMax() != total {
		b.bar.ChangeMax(total)
	}
	_ = b.bar.Set(n)
}

func (b *bar) ingest(p ingestProgress) {
	if b.bar == nil {
		if p.Trouble != b.trouble && p.Trouble != "" {
			say(errors.New("scans wait: " + p.Trouble))
		}
		b.trouble = p.Trouble
		return
	}
	what := fmt.Sprintf("reading (%d pages)", p.Pages)
	if p.Trouble != "" {
		what = "waiting: " + harmless(p.Trouble)
	}
	b.bar.Describe(what)
	b.count(p.Ended, p.Total)
}

// imported shows how much of a registry's file is read.
func (b *bar) imported(p patientsProgress) {
	if b.bar == nil {
		return
	}
	b.bar.Describe(fmt.Sprintf("importing (%d patients)", p.Rows))
	b.count(int(p.Done>>10), int(p.Total>>10))
}

func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

func printIngest(out io.Writer, s ingestSummary) {
	rate := 0.0
	if s.Seconds > 0 {
		rate = float64(s.Read) / s.Seconds * 60
	}
	fmt.Fprintf(out, "%d scans, %d pages, %.0f pages a minute, %s\n", s.Files, s.Pages, rate, time.Duration(s.Seconds*float64(time.Second)).Round(time.Second/10))
	for _, status := range []string{"filed", "review", "hold", "rejected"} {
		fmt.Fprintf(out, "%6d %s\n", s.Status[status], status)
	}
	if s.Split > 0 {
		fmt.Fprintf(out, "%d of these were split into several documents\n", s.Split)
	}
	if s.Separators > 0 {
		fmt.Fprintf(out, "%d separator sheets left out\n", s.Separators)
	}
	if s.Repeated > 0 {
		fmt.Fprintf(out, "%d of these were known already\n", s.Repeated)
	}
	for _, why := range slices.Sorted(maps.Keys(s.Skipped)) {
		fmt.Fprintf(out, "%d skipped: %s\n", s.Skipped[why], why)
	}
	if s.IndexRows > 0 {
		fmt.Fprintf(out, "delivered index: %d rows\n", s.IndexRows)
	}
	for _, p := range s.Problems {
		fmt.Fprintln(out, "delivered index: "+p)
	}
}

func printImport(out io.Writer, s patientsSummary) {
	fmt.Fprintf(out, "%d rows: %d patients added, %d updated; the registry has %d\n", s.Rows+s.Broken, s.Added, s.Updated, s.Total)
	if s.Merged+s.Unmerged > 0 {
		fmt.Fprintf(out, "%d records merged, %d merges taken back\n", s.Merged, s.Unmerged)
	}
	if s.Skipped > 0 {
		fmt.Fprintf(out, "%d of no use: repeated, or not of patients\n", s.Skipped)
	}
	printLines(out, "%d rows could not be taken:\n", s.Broken, s.First)
	printLines(out, "%d rows were taken that can hardly be right:\n", s.Doubtful, s.Doubts)
}

// printLines names the first of n lines under a heading.
func printLines(out io.Writer, heading string, n int, first []string) {
	if n == 0 {
		return
	}
	fmt.Fprintf(out, heading, n)
	for _, row := range first {
		fmt.Fprintln(out, "  "+row)
	}
	if more := n - len(first); more > 0 {
		fmt.Fprintf(out, "  and %d more\n", more)
	}
}

func printRebuilt(out io.Writer, r ingest.Rebuilt) {
	fmt.Fprintf(out, "%d documents, %d receipts and %d patients brought back\n", r.Documents, r.Receipts, r.Patients)
	if r.Unread > 0 {
		fmt.Fprintf(out, "%d scans had no record yet; they are read again by serve or the next ingest\n", r.Unread)
	}
	if r.Damaged > 0 {
		fmt.Fprintf(out, "%d objects could not be read: run chartroom verify\n", r.Damaged)
	}
}

// searchAnswer is the API's answer to a search. Hits stay as they came, for
// --json prints them so.
type searchAnswer struct {
	Total   int               `json:"total"`
	Partial bool              `json:"partial"`
	Hits    []json.RawMessage `json:"hits"`
}

func printHits(out io.Writer, a searchAnswer) {
	for i, raw := range a.Hits {
		var h struct {
			ID, File, Snippet, Status, Date string
			Page                            int
			DocType                         string `json:"doc_type"`
			Patient                         struct{ MRN, Name, DOB string }
		}
		if json.Unmarshal(raw, &h) != nil {
			continue
		}
		fmt.Fprintf(out, "%2d. %s\n    %s\n    %s\n", i+1, joined(h.Patient.Name, h.Patient.MRN, h.Patient.DOB, h.DocType, h.Date, h.Status),
			joined(h.ID, fmt.Sprintf("page %d", h.Page), h.File), harmless(h.Snippet))
	}
	if a.Total > len(a.Hits) {
		fmt.Fprintf(out, "%d of %d pages; --limit shows more\n", len(a.Hits), a.Total)
	}
}

// joined puts a dot between the parts that are there.
func joined(parts ...string) string {
	var there []string
	for _, p := range parts {
		if p != "" {
			there = append(there, harmless(p))
		}
	}
	return strings.Join(there, " · ")
}

// documentLine is what the lists show of a document's JSON.
type documentLine struct {
	ID, File, Status, Reason, Date, Batch string
	FiledBy                               string `json:"filed_by"`
	DocType                               string `json:"doc_type"`
	Patient                               struct{ MRN, Name, DOB string }
	Pages                                 []struct {
		Page         int
		State, Text  string
		DPI          int
		Rotation     int
		StateReason  string `json:"reason"`
		Confidence   float64
		ReaderSource string `json:"reader"`
	}
	ScanPages *[2]int `json:"scan_pages"`
	Parts     []struct {
		ID        string
		ScanPages [2]int `json:"scan_pages"`
	}
	Separators []struct {
		ScanPage        int `json:"scan_page"`
		Symbology, Text string
	}
	Identifiers []struct {
		Kind, Role, Value, Check string
		Page                     int
		Confidence               float64
	}
}

func printDocuments(out io.Writer, answer io.Reader, text bool) error {
	lines := bufio.NewReader(answer)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the answer broke off before its end")
		}
		var d documentLine
		if err := json.Unmarshal(line, &d); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		fmt.Fprintf(out, "%s  %-8s  %3d p.  %s\n", d.ID, d.Status, len(d.Pages), joined(d.File, d.Patient.Name, d.Patient.MRN, d.DocType, d.Date, d.Reason))
		if text {
			printText(out, d)
		}
	}
}

func printText(out io.Writer, d documentLine) {
	for _, p := range d.Pages {
		fmt.Fprintf(out, "  page %d: %s\n", p.Page, joined(p.State, p.StateReason))
		for line := range strings.Lines(p.Text) {
			fmt.Fprintf(out, "    %s\n", harmless(strings.TrimRight(line, "\n")))
		}
	}
}

func printDocument(out io.Writer, answer io.Reader) error {
	var d documentLine
	if err := json.NewDecoder(answer).Decode(&d); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	fmt.Fprintf(out, "%s  %s\n", d.ID, joined(d.File, d.Batch))
	fmt.Fprintf(out, "%s\n", joined(d.Status, d.FiledBy, d.Patient.Name, d.Patient.MRN, d.Patient.DOB, d.DocType, d.Date))
	if d.Reason != "" {
		fmt.Fprintln(out, harmless(d.Reason))
	}
	if d.ScanPages != nil {
		fmt.Fprintf(out, "pages %d to %d of the scan\n", d.ScanPages[0], d.ScanPages[1])
	}
	for _, p := range d.Parts {
		fmt.Fprintf(out, "  %s: pages %d to %d of the scan\n", p.ID, p.ScanPages[0], p.ScanPages[1])
	}
	for _, s := range d.Separators {
		fmt.Fprintf(out, "  page %d of the scan: separator %s\n", s.ScanPage, joined(s.Symbology, harmless(s.Text)))
	}
	for _, i := range d.Identifiers {
		fmt.Fprintf(out, "  page %d  %-10s %-12s %s\n", i.Page, i.Kind, i.Role, harmless(i.Value))
	}
	for _, p := range d.Pages {
		fmt.Fprintf(out, "  page %d: %s\n", p.Page, joined(p.State, p.StateReason, fmt.Sprintf("%d dpi", p.DPI)))
	}
	return nil
}

func bytesText(n int64) string {
	for _, unit := range []string{"bytes", "kB", "MB", "GB"} {
		if n < 10_000 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%d TB", n)
}
