package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"chartroom/record"
)

// The wire types are what the outside may count on: the document line and the
// search line. Keys without a value are left out, never null. They are the one
// place where the API reveals patient data.
type (
	wireDocument struct {
		ID          record.ID        `json:"id"`
		File        string           `json:"file"`
		Path        string           `json:"path,omitempty"`
		Batch       string           `json:"batch,omitempty"`
		Place       string           `json:"place,omitempty"`
		Facility    string           `json:"facility,omitempty"`
		Received    string           `json:"received"`
		Receipts    []wireReceipt    `json:"receipts,omitempty"`
		ScanPages   *[2]int          `json:"scan_pages,omitempty"`
		Parts       []wirePart       `json:"parts,omitempty"`
		Separators  []wireSeparator  `json:"separators,omitempty"`
		Sides       *wireSides       `json:"sides,omitempty"`
		Pages       []wirePage       `json:"pages"`
		Status      record.Status    `json:"status"`
		FiledBy     string           `json:"filed_by,omitempty"`
		Reason      string           `json:"reason,omitempty"`
		Patient     *wirePatient     `json:"patient,omitempty"`
		DocType     string           `json:"doc_type,omitempty"`
		Date        string           `json:"date,omitempty"`
		Identifiers []wireIdentifier `json:"identifiers,omitempty"`
	}
	wireReceipt struct {
		Name     string `json:"name"`
		Received string `json:"received"`
		From     string `json:"from,omitempty"`
	}
	wirePage struct {
		Number     int              `json:"page"`
		State      record.PageState `json:"state"`
		Reason     string           `json:"reason,omitempty"`
		Content    record.Content   `json:"content,omitempty"`
		Rotation   int              `json:"rotation"`
		DPI        int              `json:"dpi,omitempty"`
		Width      int              `json:"width,omitempty"`
		Height     int              `json:"height,omitempty"`
		Confidence float64          `json:"confidence,omitempty"`
		Cleaned    string           `json:"cleaned,omitempty"`
		Barcodes   []wireBarcode    `json:"barcodes,omitempty"`
		Text       string           `json:"text,omitempty"`
	}
	wirePart struct {
		ID    record.ID `json:"id"`
		Pages [2]int    `json:"scan_pages"`
	}
	wireSides struct {
		Holds record.Side `json:"holds"`
		Other record.ID   `json:"other,omitempty"` // the other sides' scan, whose original is that document's
	}
	wireSeparator struct {
		Page      int    `json:"scan_page"`
		Symbology string `json:"symbology,omitempty"`
		Text      string `json:"text,omitempty"`
		Kept      bool   `json:"kept"`
	}
	wireBarcode struct {
		Symbology string   `json:"symbology"`
		Value     string   `json:"value"`
		GS1       bool     `json:"gs1,omitempty"`
		Box       *wireBox `json:"box"`
	}
	wirePatient struct {
		MRN  string `json:"mrn"`
		Name string `json:"name,omitempty"`
		DOB  string `json:"dob,omitempty"`
	}
	wireIdentifier struct {
		Kind       record.Kind   `json:"kind"`
		Role       record.Role   `json:"role"`
		Value      string        `json:"value"`
		Raw        string        `json:"raw,omitempty"`
		Page       int           `json:"page,omitempty"`
		Box        *wireBox      `json:"box,omitempty"`
		Confidence float64       `json:"confidence"`
		Source     record.Source `json:"source"`
		Check      record.Check  `json:"check"`
	}
	wireBox  [4]int // left, top, width, height
	wireLine struct {
		ID      record.ID     `json:"id"`
		File    string        `json:"file"`
		Page    int           `json:"page"`
		Score   float64       `json:"score"`
		Snippet string        `json:"snippet,omitempty"`
		Boxes   []wireBox     `json:"boxes,omitempty"`
		Patient *wirePatient  `json:"patient,omitempty"`
		DocType string        `json:"doc_type,omitempty"`
		Date    string        `json:"date,omitempty"`
		Status  record.Status `json:"status"`
	}
	wireResults struct {
		Total   int        `json:"total"`
		Partial bool       `json:"partial"`
		Next    string     `json:"next,omitempty"`
		Hits    []wireLine `json:"hits"`
	}
	wireList struct {
		Next      string            `json:"next,omitempty"`
		Documents []json.RawMessage `json:"documents"`
	}
)

// WriteDocument writes a document as the one line of JSON that the outside
// counts on, ended by a line feed. With text, its pages carry what was read.
// It reveals patient data.
func WriteDocument(w io.Writer, d *record.Document, text bool) error {
	b, err := encode(toWireDocument(d, text))
	if err != nil {
		return fmt.Errorf("write document %s: %w", d.ID, err)
	}
	_, err = w.Write(b)
	return err
}

// encode is JSON on one line, ended by a line feed, with the characters of
// HTML as they are: the answer is sent as JSON and never sniffed.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

func toWireDocument(d *record.Document, text bool) *wireDocument {
	w := &wireDocument{ID: d.ID, File: fileName(d.File()), Batch: d.Batch(), Place: d.Place(), Facility: d.Facility(),
		Received: stamp(d.Received), Status: d.Status, FiledBy: d.FiledBy, Reason: d.Reason, Patient: toWirePatient(d),
		DocType: d.DocType, Date: d.Date, Pages: make([]wirePage, len(d.Pages))}
	if d.ScanPages != [2]int{} {
		w.ScanPages = &d.ScanPages
	}
	if d.Sides.Role != "" {
		w.Sides = &wireSides{Holds: d.Sides.Role, Other: otherSides(d)}
	}
	for _, p := range d.Parts {
		w.Parts = append(w.Parts, wirePart(p))
	}
	for _, s := range d.Separators {
		w.Separators = append(w.Separators, wireSeparator{s.Page, s.Code.Symbology, s.Code.Text.Reveal(), s.Kept})
	}
	for _, r := range d.Receipts {
		w.Receipts = append(w.Receipts, wireReceipt{fileName(r.Name), stamp(r.Received), r.From})
	}
	if len(d.Receipts) > 0 {
		w.Path = fileName(d.Receipts[0].Path)
	}
	for i := range d.Pages {
		w.Pages[i] = toWirePage(&d.Pages[i], text)
	}
	for i := range d.Identifiers {
		w.Identifiers = append(w.Identifiers, toWireIdentifier(&d.Identifiers[i]))
	}
	return w
}

func toWirePage(p *record.Page, text bool) wirePage {
	w := wirePage{Number: p.Number, State: p.State, Reason: p.Reason, Content: p.Content, Rotation: p.Rotation, DPI: p.DPI,
		Width: p.Width, Height: p.Height, Confidence: thousandths(p.Confidence()), Cleaned: p.Cleaned}
	if !text {
		return w
	}
	w.Text = p.Text()
	for _, b := range p.Barcodes {
		w.Barcodes = append(w.Barcodes, wireBarcode{b.Symbology, b.Text.Reveal(), b.GS1, toWireBox(b.Box)})
	}
	return w
}

// otherSides is the document of the other sides' scan, "" where it has not come.
func otherSides(d *record.Document) record.ID {
	if d.Sides.Other.IsZero() {
		return ""
	}
	return record.DocumentID(d.Sides.Other, 0)
}

// toWirePatient is the patient of a filed document, nil for any other: what
// was only suspected is not told as if it were so. Where the registry has merged
// that patient into another, it is the other.
func toWirePatient(d *record.Document) *wirePatient {
	if d.Status != record.StatusFiled || d.Patient == nil {
		return nil
	}
	p := d.ShownPatient()
	return &wirePatient{p.MRN.Reveal(), p.Name.Reveal(), p.DOB.Reveal()}
}

func toWireIdentifier(id *record.Identifier) wireIdentifier {
	w := wireIdentifier{Kind: id.Kind, Role: id.Role, Value: id.Value.Reveal(), Raw: id.Raw.Reveal(), Page: id.Page,
		Confidence: thousandths(id.Confidence), Source: id.Source, Check: id.Check}
	if w.Role == "" {
		w.Role = record.RoleUnclear
	}
	if w.Check == "" {
		w.Check = record.CheckNone
	}
	if !id.Box.Empty() {
		w.Box = toWireBox(id.Box)
	}
	return w
}

func toWireBox(b record.Box) *wireBox { return &wireBox{b.Left, b.Top, b.Width, b.Height} }

// toWireLine is a hit as a search line.
func toWireLine(f *found) wireLine {
	w := wireLine{ID: f.Document.ID, File: fileName(f.Document.File()), Page: f.Page, Score: thousandths(f.Score), Snippet: f.Snippet.String(),
		Patient: toWirePatient(f.Document), DocType: f.Document.DocType, Date: f.Document.Date, Status: f.Document.Status}
	for _, b := range f.Draw {
		w.Boxes = append(w.Boxes, *toWireBox(b))
	}
	return w
}

func thousandths(f float64) float64 { return float64(int(f*1000+0.5)) / 1000 }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// fileName reveals a file name as text: bytes that are not UTF-8 become \xNN,
// everything else stays what it is.
func fileName(name record.Private) string {
	s := name.Reveal()
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
