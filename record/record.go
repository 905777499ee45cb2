// Package record holds the nouns of Chartroom: what a scan, a page, a word, an
// identifier, a patient and a document are, and how they are written down for
// decades.
//
// Nothing here reads a file, asks a clock or writes a log. A type lives here
// only because several rooms of the program speak of it; each word has the one
// meaning that doc/terms.md gives it.
//
// Two habits run through the package. Whatever could name a patient is a
// [Private], which cannot be printed by accident. And whatever is stored goes
// through [MarshalDocument], which names the version of its schema, so that a
// record written today can be read by a program that does not exist yet.
package record

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Digest is the SHA-256 of a scan's bytes: what the scan is, whatever it was
// called. It is comparable, and its zero value names nothing.
type Digest [sha256.Size]byte

// ParseDigest reads the 64 lower-case hexadecimal digits that String writes.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*len(d) || strings.ToLower(s) != s {
		return Digest{}, fmt.Errorf("parse digest: want 64 lower-case hexadecimal digits, have %d bytes", len(s))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, fmt.Errorf("parse digest: %w", err)
	}
	return d, nil
}

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d names nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText and UnmarshalText let a Digest stand in JSON as its hexadecimal
// form.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}

// ID names a document. It follows from the scan's digest and the document's
// part of the scan, so that taking the same scan in again, after a crash or
// from a second drop, gives the same name and never a second document.
type ID string

var idAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// DocumentID names the document made of a part of a scan. Part 0 is the whole
// scan; a scan that was split into several documents has parts from 1.
func DocumentID(scan Digest, part int) ID {
	s := idAlphabet.EncodeToString(scan[:10])
	if part > 0 {
		s = fmt.Sprintf("%s-%d", s, part)
	}
	return ID(s)
}

// Valid reports whether the ID has the form that DocumentID gives, which makes
// it safe as a part of an object key or an address.
func (id ID) Valid() bool {
	s, part, split := strings.Cut(string(id), "-")
	if len(s) != 16 || split && (part == "" || len(part) > 6 || part[0] == '0') {
		return false
	}
	for _, r := range s {
		if !strings.ContainsRune("0123456789abcdefghjkmnpqrstvwxyz", r) {
			return false
		}
	}
	for _, r := range part {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// Box is a rectangle on a page, in pixels of the page turned upright at its
// resolution; Left and Top count from the upper left corner.
type Box struct{ Left, Top, Width, Height int }

// Empty reports whether the box covers nothing.
func (b Box) Empty() bool { return b.Width <= 0 || b.Height <= 0 }

// Right and Bottom are the first column and row beyond the box.
func (b Box) Right() int { return b.Left + b.Width }

// Bottom is the first row below the box.
func (b Box) Bottom() int { return b.Top + b.Height }

// Union is the smallest box around both.
func (b Box) Union(o Box) Box {
	if b.Empty() {
		return o
	}
	if o.Empty() {
		return b
	}
	l, t := min(b.Left, o.Left), min(b.Top, o.Top)
	return Box{l, t, max(b.Right(), o.Right()) - l, max(b.Bottom(), o.Bottom()) - t}
}

// Word is one word as it was read. Confidence is how probable it is that the
// word stands there so, from 0 to 1: of those with 0.9, nine in ten are right.
// Block and Line number the block of the page and the line of the block it
// stands in, from 1, so that words of one line can be put together again.
// Alternatives are other readings of a word that was not read surely, the
// likeliest first.
type Word struct {
	Text         Private
	Box          Box
	Confidence   float64
	Block        int
	Line         int
	Alternatives []Alternative
}

// Alternative is another reading of a word. It is evidence and never text: it
// stands in no page's text, on no screen and in no export. Whoever looks for a
// value that is known (a registered number, a name asked for) may take a word
// for it when an alternative says so, and must say that it did; no value may be
// drawn from an alternative alone. Confidence runs from 0 to 1 and is of use
// only beside those of the same word.
type Alternative struct {
	Text       Private
	Confidence float64
}

// Content is what a page shows where that is not print.
type Content string

// The contents of a page. Both are no failure of the reader: such pages hold
// much ink and little or no text.
const (
	ContentHandwriting Content = "handwriting"
	ContentDrawing     Content = "drawing" // a drawing, a chart, a tracing, a photograph
)

// PageState is how the reading of a page ended. Every page has one.
type PageState string

// The states of a page.
const (
	PageText          PageState = "text"           // read
	PageBlank         PageState = "blank"          // no ink
	PageLowConfidence PageState = "low-confidence" // read, but badly, or ink without words
	PageFailed        PageState = "failed"         // cannot be decoded or the reader broke
	PageTimedOut      PageState = "timed-out"      // took longer than a page may
)

// Page is one side of paper as it was read. Width, Height (pixels) and DPI
// describe the page turned upright; Rotation is the degrees clockwise (0, 90,
// 180, 270) that turning took. Words stand in reading order. Picture is the
// object key of the page's picture for the screen, PictureWidth its width in
// pixels (the height follows). Reason says, in words a clerk understands, why
// the state is what it is where that is not plain.
type Page struct {
	Number       int
	State        PageState
	Reason       string
	Content      Content // empty for print
	Width        int
	Height       int
	DPI          int
	Rotation     int
	Reader       string // what read it: the engine's name and version, or "text layer"
	Cleaned      string // what was done to a copy of it before it was read; empty for nothing
	Ink          float64
	Words        []Word
	Barcodes     []Barcode // from top to bottom
	Picture      string
	PictureWidth int
}

// Barcode is a code on a page, of one or two dimensions, as it was read. Text
// is what it says, bytes that are not UTF-8 as \xNN; of a patch code the letter
// or digit it goes by: T, 1, 2, 3, 4 or 6. GS1 says that the text is made of
// GS1's application identifiers, parted by 0x1D where one has no fixed length.
type Barcode struct {
	Symbology string
	Text      Private
	Box       Box
	GS1       bool
}

// The symbologies of barcodes. SymbologyPatch is that of patch codes, the four
// bars across a separator sheet.
const (
	Code128        = "code128"
	Code39         = "code39"
	ITF            = "itf" // Interleaved 2 of 5
	Codabar        = "codabar"
	QR             = "qr"
	DataMatrix     = "datamatrix"
	PDF417         = "pdf417"
	Aztec          = "aztec"
	SymbologyPatch = "patch"
)

// Confidence is the mean confidence of the page's words, which is the share of
// them that is probably right; 0 where there are none.
func (p *Page) Confidence() float64 {
	if len(p.Words) == 0 {
		return 0
	}
	var sum float64
	for i := range p.Words {
		sum += p.Words[i].Confidence
	}
	return sum / float64(len(p.Words))
}

// Text is the page's text: words parted by a space, lines by a line feed,
// blocks by an empty line.
func (p *Page) Text() string {
	text, _ := p.TextSpans()
	return text
}

// TextSpans is Text, with the byte offsets [start, end) in it of every word,
// in the order of p.Words. The search index speaks in such offsets, and this
// leads from them to the boxes.
func (p *Page) TextSpans() (string, [][2]int) {
	var b strings.Builder
	spans := make([][2]int, len(p.Words))
	for i := range p.Words {
		w := &p.Words[i]
		if i > 0 {
			switch last := &p.Words[i-1]; {
			case last.Block != w.Block:
				b.WriteString("\n\n")
			case last.Line != w.Line:
				b.WriteByte('\n')
			default:
				b.WriteByte(' ')
			}
		}
		start := b.Len()
		b.WriteString(w.Text.Reveal())
		spans[i] = [2]int{start, b.Len()}
	}
	return b.String(), spans
}

// String keeps a page's words out of a log line.
func (p Page) String() string {
	return fmt.Sprintf("page %d (%s, %d words)", p.Number, p.State, len(p.Words))
}

// Given is what somebody said of a scan before anybody read it: the delivered
// index of a scanning vendor, or the name of a folder. It is evidence to be
// checked against the page, never the truth.
type Given struct {
	MRN, DocType, Date Private
}

// IsZero reports whether nothing was given.
func (g Given) IsZero() bool { return g.MRN.IsZero() && g.DocType.IsZero() && g.Date.IsZero() }

// Receipt is one arrival of a scan. The same bytes may arrive often; they are
// one scan with several receipts. Name is the base name the scanner gave the
// file and Path its place below the drop folder, both as bytes; From is the
// name of the drop folder, or "command line".
type Receipt struct {
	ID       string
	Scan     Digest
	Size     int64
	Name     Private
	Path     Private
	From     string
	Facility string
	Batch    string
	Place    string // the box where the paper lies
	Given    Given
	Received time.Time
}

// Status is where a document stands.
type Status string

// The statuses of a document.
const (
	StatusWaiting  Status = "waiting"  // received, not read yet
	StatusFiled    Status = "filed"    // in a patient's chart
	StatusReview   Status = "review"   // a person must decide
	StatusHold     Status = "hold"     // the evidence contradicts itself
	StatusRejected Status = "rejected" // the scan cannot be read

	// StatusSuperseded is of a document that is none any more: the pages of the
	// scan are in the documents that its Parts name.
	StatusSuperseded Status = "superseded"
)

// FiledByAuto stands in Document.FiledBy where no person filed it.
const FiledByAuto = "auto"

// PatientRef names the patient a document is filed to, as known on that day.
type PatientRef struct {
	MRN  Private
	Name Private // LAST, FIRST MIDDLE SUFFIX
	DOB  Private // ISO 8601
	// Authority is whose number MRN is; empty for the site's own.
	Authority string
}

// Document is what a clerk files: one or more pages that belong together, with
// everything read, found and decided about them. It is written revision by
// revision; a revision is never changed. ScanPages is the range of pages of
// the scan, from 1, where the scan was split, otherwise zero; a document's name
// always means the same pages. Separators are the sheets at which the scan was
// split that belong to the document: those before it, and behind the last one.
//
// The whole scan (part 0) always has a record. Where the scan was split, its
// status is superseded, Parts names the documents that took its place, and
// Separators is all separators: together every page of the scan.
type Document struct {
	ID          ID
	Revision    int
	Scan        Digest
	Part        int
	ScanPages   [2]int
	Parts       []Part      // of a superseded document
	Separators  []Separator // in the order of the scan
	Sides       Sides       // where fronts and backs are two scans
	Received    time.Time   // the first receipt's
	Receipts    []Receipt   // oldest first; kept beside the document, not in its revisions
	Pages       []Page
	Status      Status
	FiledBy     string
	Reason      string
	Patient     *PatientRef
	Survivor    *PatientRef // into whom the registry has merged Patient; kept beside the document, not in its revisions
	DocType     string
	Date        string // ISO 8601; the date of the document, neither print nor birth
	Identifiers []Identifier
	Decided     time.Time // when this revision was
	DecidedBy   string    // by whom: the program's name and version, or a person
	Because     string    // why there is this revision after the one before
}

// Part is a document of a split scan, and the pages of the scan it holds.
type Part struct {
	ID    ID
	Pages [2]int
}

// Separator is a sheet that parts two documents of a scan. Page counts within
// the scan. Code is what was read on it; of a patient's cover sheet Patient is
// the number that its code gives. One that is not Kept is in no document;
// Picture is then the key of its picture for the screen.
type Separator struct {
	Page    int
	Code    Barcode
	Patient Private
	Kept    bool
	Picture string
}

// ShownPatient is whom the document is shown under: the patient it is filed
// to, or the one that patient turned out to be.
func (d *Document) ShownPatient() *PatientRef {
	if d.Survivor != nil {
		return d.Survivor
	}
	return d.Patient
}

// Side is what a scan holds of the sheets of a pile.
type Side string

// The sides.
const (
	Fronts Side = "fronts"
	Backs  Side = "backs"
)

// Other is the other side.
func (s Side) Other() Side {
	if s == Fronts {
		return Backs
	}
	return Fronts
}

// Sides say that a scan holds one side of a pile. Other is the scan of the
// other, zero while it has not come. Then the documents of the fronts' scan
// hold the pages of both, front and back in turn, and what counts pages of the
// scan counts these; Reversed is that the backs were scanned last sheet first,
// Uneven that there are fewer of them than fronts.
type Sides struct {
	Role     Side
	Other    Digest
	Reversed bool
	Uneven   bool
}

// ScanPage is where a page of the document lies: which page of its scan, or
// of the other sides' (other), which has so many pages as others says.
func (d *Document) ScanPage(page, others int) (n int, other bool) {
	n = page - 1 + max(1, d.ScanPages[0])
	if d.Sides.Role != Fronts || d.Sides.Other.IsZero() {
		return n, false
	}
	sheet := (n + 1) / 2
	switch {
	case n > 2*others: // the last backs are missing
		return n - others, false
	case n%2 == 1:
		return sheet, false
	case d.Sides.Reversed:
		return others + 1 - sheet, true
	}
	return sheet, true
}

// File is the first name the scan had, Batch, Place and Facility the first
// that any receipt names.
func (d *Document) File() Private {
	if len(d.Receipts) == 0 {
		return Private{}
	}
	return d.Receipts[0].Name
}

// Batch is the first batch that a receipt names.
func (d *Document) Batch() string {
	return firstOf(d.Receipts, func(r Receipt) string { return r.Batch })
}

// Place is the first place of the paper that a receipt names.
func (d *Document) Place() string {
	return firstOf(d.Receipts, func(r Receipt) string { return r.Place })
}

// Facility is the first facility that a receipt names.
func (d *Document) Facility() string {
	return firstOf(d.Receipts, func(r Receipt) string { return r.Facility })
}

func firstOf(receipts []Receipt, get func(Receipt) string) string {
	for _, r := range receipts {
		if s := get(r); s != "" {
			return s
		}
	}
	return ""
}

// String keeps a document's patient out of a log line.
func (d Document) String() string {
	return fmt.Sprintf("document %s revision %d (%s, %d pages)", d.ID, d.Revision, d.Status, len(d.Pages))
}
