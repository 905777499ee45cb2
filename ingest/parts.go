package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chartroom/catalog"
	"chartroom/objectstore"
	"chartroom/record"
)

// A scan is one document, or several. Three rules keep that safe:
//
//   - A document's name always means the same pages of the scan. Where a scan
//     that is read again divides otherwise (other rules, a code that is read
//     now), pages in a new division get new names, and what they were in before
//     becomes superseded, which says where they are.
//   - The record of the whole scan is written after its parts: they count from
//     then on, and only those that it names. Before it, a part in the store is
//     the beginning of a try that was cut off, and is used by the next.
//   - A division in which a person has filed a part stays as it is.

// divide parts a scan as its rules say, or as a person has seen it.
func (p *Pipeline) divide(ctx context.Context, claim catalog.Claim, s sheaf) ([]section, error) {
	before, err := p.documents(ctx, s.scan)
	if err != nil {
		return nil, err
	}
	rules := p.rules(claim.Receipt).Separators
	if s.waits() {
		rules = Separators{}
	}
	sections := divide(s.pages, rules, s.other != nil)
	if slices.ContainsFunc(before, filedByHand) && !newlyCollated(before, s) {
		sections = dividedAs(live(before), s.pages)
	}
	for i := range sections {
		sections[i].sheaf = &s
	}
	p.logSections(claim, len(s.pages), sections)
	return sections, nil
}

// newlyCollated reports whether the sheaf's pages are others than its documents
// stand for, the other sides having come.
func newlyCollated(before []*record.Document, s sheaf) bool {
	return !slices.ContainsFunc(before, func(d *record.Document) bool { return d.Sides.Other == s.sides.Other })
}

func filedByHand(d *record.Document) bool {
	return d.Status != record.StatusSuperseded && d.FiledBy != "" && d.FiledBy != record.FiledByAuto
}

// dividedAs is the division that documents stand for.
func dividedAs(documents []*record.Document, pages []record.Page) (sections []section) {
	for _, d := range documents {
		span := spanOf(d, len(pages))
		s := section{separators: d.Separators, alone: len(documents) == 1}
		s.take(pages, span[0]-1, span[1])
		sections = append(sections, s)
	}
	slices.SortFunc(sections, func(a, b section) int { return cmp.Compare(a.span[0], b.span[0]) })
	return sections
}

// spanOf is the pages of the scan that a document holds.
func spanOf(d *record.Document, pages int) [2]int {
	if d.ScanPages != [2]int{} {
		return d.ScanPages
	}
	return [2]int{1, pages}
}

// documents are the heads of everything that a scan is or was, in the catalog.
func (p *Pipeline) documents(ctx context.Context, scan record.Digest) (all []*record.Document, err error) {
	for d, err := range p.Catalog.Documents(ctx, catalog.Filter{Scan: scan}) {
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// live are the documents that count.
func live(documents []*record.Document) []*record.Document {
	return slices.DeleteFunc(slices.Clone(documents), func(d *record.Document) bool { return d.Status == record.StatusSuperseded })
}

// write stores what a scan became: its documents, then the whole scan's record,
// which makes them count, then a last revision of what is superseded.
func (p *Pipeline) write(ctx context.Context, s sheaf, documents []*record.Document) ([]*record.Document, error) {
	all, err := p.arrange(ctx, documents)
	if err != nil {
		return nil, err
	}
	if s.other != nil {
		all = append(all, p.collated(s, documents))
	}
	for i, d := range all {
		if all[i], err = p.writeOne(ctx, d); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// arrange names the documents of a scan and puts what must be written beside
// them in the order in which that is safe.
func (p *Pipeline) arrange(ctx context.Context, documents []*record.Document) ([]*record.Document, error) {
	scan := documents[0].Scan
	before, err := p.documents(ctx, scan)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(documents)
	whole := record.DocumentID(scan, 0)
	if len(documents) > 1 {
		begun, err := p.begun(ctx, scan, before)
		if err != nil {
			return nil, err
		}
		before = append(before, begun...)
		nameParts(documents, before)
		root := p.superseded(documents[0], whole, documents)
		root.Sides = documents[0].Sides
		all = append(all, root)
	}
	for _, old := range live(before) {
		if old.ID != whole && !slices.ContainsFunc(all, func(d *record.Document) bool { return d.ID == old.ID }) {
			gone := p.superseded(documents[0], old.ID, holders(documents, old.ScanPages))
			gone.Part, gone.ScanPages, gone.Separators = old.Part, old.ScanPages, old.Separators
			all = append(all, gone)
		}
	}
	return all, nil
}

// nameParts gives every part the name that its pages had before, or a new one.
func nameParts(documents, before []*record.Document) {
	last := 0
	known := map[[2]int]int{}
	for _, d := range before {
		if d.Part > 0 {
			known[d.ScanPages] = d.Part
			last = max(last, d.Part)
		}
	}
	for _, d := range documents {
		if d.Part = known[d.ScanPages]; d.Part == 0 {
			last++
			d.Part = last
		}
		d.ID = record.DocumentID(d.Scan, d.Part)
	}
}

// begun are the parts that the store holds and the catalog does not: those of a
// try that was cut off.
func (p *Pipeline) begun(ctx context.Context, scan record.Digest, known []*record.Document) (parts []*record.Document, err error) {
	var last objectstore.Key
	read := func() error {
		id, _, _ := strings.Cut(strings.TrimPrefix(string(last), "records/"), "/")
		if last == "" || slices.ContainsFunc(known, func(d *record.Document) bool { return string(d.ID) == id }) {
			return nil
		}
		d, err := ReadRecord(ctx, p.Store, last)
		if err != nil {
			return err
		}
		parts = append(parts, d)
		return nil
	}
	for info, err := range p.Store.List(ctx, "records/"+string(record.DocumentID(scan, 0))+"-") {
		if err != nil {
			return nil, err
		}
		if folderOf(last) != folderOf(info.Key) {
			if err := read(); err != nil {
				return nil, err
			}
		}
		last = info.Key
	}
	return parts, read()
}

func folderOf(key objectstore.Key) string {
	return string(key[:strings.LastIndexByte(string(key), '/')+1])
}

// superseded is the last word on a document whose pages are in others now.
func (p *Pipeline) superseded(like *record.Document, id record.ID, now []*record.Document) *record.Document {
	d := &record.Document{ID: id, Scan: like.Scan, Received: like.Received, Decided: like.Decided, DecidedBy: like.DecidedBy,
		Status: record.StatusSuperseded, Reason: supersededReason(len(now))}
	for _, n := range now {
		d.Parts = append(d.Parts, record.Part{ID: n.ID, Pages: spanOf(n, len(n.Pages))})
		d.Separators = append(d.Separators, n.Separators...)
	}
	return d
}

func supersededReason(n int) string {
	if n == 1 {
		return "its pages are in another document of the scan now"
	}
	return fmt.Sprintf("its pages are in %d documents of the scan now", n)
}

// holders are the documents that hold pages of a span of the scan.
func holders(documents []*record.Document, span [2]int) []*record.Document {
	if len(documents) == 1 {
		return documents
	}
	return slices.DeleteFunc(slices.Clone(documents), func(d *record.Document) bool { return d.ScanPages[1] < span[0] || d.ScanPages[0] > span[1] })
}

// writeOne stores a document's next revision. Where the store holds that
// revision already, from a try that was cut off or from before the catalog was
// lost, its newest one is taken as it is, unless it only says that the scan
// could not be read, or speaks of other pages.
func (p *Pipeline) writeOne(ctx context.Context, d *record.Document) (*record.Document, error) {
	head, err := p.Catalog.DocumentHead(ctx, d.ID)
	if errors.Is(err, catalog.ErrNotFound) {
		head, err = &record.Document{}, nil
	}
	if err != nil {
		return nil, err
	}
	d.Revision = head.Revision + 1
	if !head.Received.IsZero() {
		d.Received = head.Received
	}
	for {
		b, err := record.MarshalDocument(d)
		if err != nil {
			return nil, err
		}
		err = p.Store.Put(ctx, RecordKey(d.ID, d.Revision), objectstore.BytesBody(b))
		if !errors.Is(err, objectstore.ErrExists) {
			return d, err
		}
		last, err := p.newest(ctx, d.ID)
		if err != nil || sameTry(last, d) {
			return last, err
		}
		d.Revision = last.Revision + 1
	}
}

// sameTry reports whether a stored revision is what an earlier try made of the
// same pages.
func sameTry(last, d *record.Document) bool {
	rejected := last.Status == record.StatusRejected && d.Status != record.StatusRejected
	return !rejected && last.ScanPages == d.ScanPages && last.Sides == d.Sides && slices.Equal(last.Parts, d.Parts) &&
		(last.Status == record.StatusSuperseded) == (d.Status == record.StatusSuperseded)
}
