package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chartroom/catalog"
	"chartroom/objectstore"
	"chartroom/patient"
	"chartroom/record"
)

// The registry is never finished: patients are named after their paper came,
// records are merged and parted. This file matches documents against it, the
// first time and again.

// registryPoll is how often somebody who waits for a registry to be filled
// looks again.
const registryPoll = 200 * time.Millisecond

// brokenReason stands in documents that were matched against part of a
// registry.
const brokenReason = "an import of the registry broke off: it may lack a patient who is alike"

// matchWhole matches against a registry that is whole. While it is being
// filled only one of two patients who are alike may be there, so matching
// waits; and where it changed meanwhile, matching begins again. A registry
// that was left half-filled files nothing.
func (p *Pipeline) matchWhole(ctx context.Context, e patient.Evidence) (patient.Decision, error) {
	for {
		before, err := p.wholeRegistry(ctx)
		if err != nil {
			return patient.Decision{}, err
		}
		d, err := patient.Match(ctx, p.Patients, e)
		if err != nil {
			return d, err
		}
		after, err := p.Catalog.Registry(ctx)
		if err != nil {
			return d, err
		}
		if after != before {
			continue
		}
		if before.Broken && d.Status == record.StatusFiled {
			d.Status, d.Patient, d.Reason, d.Identifiers = record.StatusReview, nil, brokenReason, e.Identifiers
		}
		return d, nil
	}
}

// wholeRegistry waits until nobody fills the registry.
func (p *Pipeline) wholeRegistry(ctx context.Context) (catalog.Registry, error) {
	for {
		r, err := p.Catalog.Registry(ctx)
		if err != nil || !r.Filling {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(registryPoll):
		}
	}
}

// Rematch is what matching a document again came to. Kept says that nothing
// was done about it: a filed document stays where it is.
type Rematch struct {
	ID      record.ID
	File    record.Private
	Was     record.Status
	Now     record.Status
	Patient *record.PatientRef // to whom it is filed now
	Reason  string
	Kept    bool
}

// Rematched counts what matching again came to.
type Rematched struct {
	Looked     int `json:"looked"`     // at documents that wait for a person
	Changed    int `json:"changed"`    // of them
	Filed      int `json:"filed"`      // of those
	Checked    int `json:"checked"`    // filed documents
	Contradict int `json:"contradict"` // of them, that would not be filed so today; they stay
}

// RematchAll matches every document again that waits for a person, and writes
// a new revision of those for which it comes to something else; with dry it
// writes nothing. Documents that are filed are checked and never moved. report
// hears of each that changes or contradicts, progress of every one.
func (p *Pipeline) RematchAll(ctx context.Context, dry bool, report func(Rematch), progress func(Rematched)) (Rematched, error) {
	var sum Rematched
	for _, status := range []record.Status{record.StatusReview, record.StatusHold, record.StatusFiled} {
		var ids []record.ID // first, for what is decided now changes the lists
		for d, err := range p.Catalog.Documents(ctx, catalog.Filter{Status: status}) {
			if err != nil {
				return sum, err
			}
			ids = append(ids, d.ID)
		}
		for _, id := range ids {
			if err := p.rematchInto(ctx, id, status, dry, &sum, report); err != nil {
				return sum, fmt.Errorf("match document %s again: %w", id, err)
			}
			progress(sum)
		}
	}
	return sum, nil
}

func (p *Pipeline) rematchInto(ctx context.Context, id record.ID, status record.Status, dry bool, sum *Rematched, report func(Rematch)) error {
	var r *Rematch
	var err error
	if status == record.StatusFiled {
		sum.Checked++
		if r, err = p.contradicted(ctx, id); r != nil {
			sum.Contradict++
		}
	} else {
		sum.Looked++
		if r, err = p.rematch(ctx, id, dry); r != nil {
			sum.Changed++
			if r.Now == record.StatusFiled {
				sum.Filed++
			}
		}
	}
	if r != nil {
		report(*r)
	}
	return err
}

// because stands in revisions that come of matching again.
const because = "matched again: the registry has changed"

// rematch matches a document again that waits for a person, nil where that
// changes nothing. What a person has decided stays decided.
func (p *Pipeline) rematch(ctx context.Context, id record.ID, dry bool) (*Rematch, error) {
	head, err := p.Catalog.DocumentHead(ctx, id)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer p.busy.lock(head.Scan)()
	d, err := p.Catalog.Document(ctx, id)
	if err != nil {
		return nil, err
	}
	if d.Status != record.StatusReview && d.Status != record.StatusHold || !p.byProgram(d) {
		return nil, nil
	}
	filing, err := p.matchDocument(ctx, d)
	if err != nil || filing.Status == d.Status && filing.Reason == d.Reason {
		return nil, err
	}
	change := &Rematch{ID: id, File: d.File(), Was: d.Status, Now: filing.Status, Reason: filing.Reason}
	d.Status, d.Reason, d.Identifiers = filing.Status, filing.Reason, filing.Identifiers
	if filing.Status == record.StatusFiled {
		d.FiledBy, d.Patient = record.FiledByAuto, filing.Patient.Ref()
		change.Patient = d.Patient
	}
	if dry {
		return change, nil
	}
	d.Revision, d.Decided, d.DecidedBy, d.Because = d.Revision+1, time.Now().UTC(), p.Program, because
	b, err := record.MarshalDocument(d)
	if err != nil {
		return nil, err
	}
	err = p.Store.Put(ctx, RecordKey(d.ID, d.Revision), objectstore.BytesBody(b))
	if errors.Is(err, objectstore.ErrExists) { // somebody decided meanwhile, or we did and did not come to say so
		change = nil
		d, err = p.newest(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	return change, p.index(ctx, []*record.Document{d})
}

// contradicted says how a filed document contradicts the registry of today, nil
// where it does not. One that a person filed does so only where the registry
// has another patient for it.
func (p *Pipeline) contradicted(ctx context.Context, id record.ID) (*Rematch, error) {
	d, err := p.Catalog.DocumentHead(ctx, id)
	if err != nil || d.Status != record.StatusFiled || d.Patient == nil {
		return nil, err
	}
	filing, err := p.matchDocument(ctx, d)
	if err != nil {
		return nil, err
	}
	shown := d.ShownPatient()
	switch {
	case filing.Status == record.StatusFiled && filing.Patient.MRN.Equal(shown.MRN) && (filing.Patient.Authority == shown.Authority || shown.Authority == ""):
		return nil, nil
	case filing.Status == record.StatusReview && d.FiledBy != record.FiledByAuto:
		return nil, nil
	}
	r := &Rematch{ID: id, File: d.File(), Was: d.Status, Now: filing.Status, Reason: filing.Reason, Kept: true}
	if filing.Status == record.StatusFiled {
		r.Patient, r.Reason = filing.Patient.Ref(), "the registry has another patient for what stands on the pages"
	}
	return r, nil
}

// byProgram says whether a document's last decision was this program's.
func (p *Pipeline) byProgram(d *record.Document) bool {
	return d.DecidedBy == p.Program || strings.HasPrefix(d.DecidedBy, "chartroom ")
}

// matchDocument matches a document by what its record says it was matched by.
// What speaks against filing it beside that, its sheets and what was said of
// its scan, still does.
func (p *Pipeline) matchDocument(ctx context.Context, d *record.Document) (patient.Decision, error) {
	s := section{sheaf: sheafOf(d), separators: d.Separators, alone: d.Part == 0, span: spanOf(d, len(d.Pages)), pages: d.Pages}
	filing, err := p.matchWhole(ctx, patient.Evidence{Identifiers: d.Identifiers, Date: d.Date, Pages: len(s.content())})
	for i := range d.Receipts {
		filing = s.doubt(filing, &d.Receipts[i])
	}
	return filing, err
}

// rematchEvery is how often the marks of imports are looked for.
const rematchEvery = 5 * time.Second

// rematchDue matches again, until ctx ends, the documents that imports have
// marked: one after the other, so that it takes no more than a part of one
// core from the pages that are being read.
func (p *Pipeline) rematchDue(ctx context.Context) error {
	tick := time.NewTicker(rematchEvery)
	defer tick.Stop()
	for {
		if err := p.rematchMarked(ctx); err != nil && ctx.Err() == nil {
			p.gate.blame(err, p.Log)
			p.Log.Warn("documents that wait for a person are matched again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (p *Pipeline) rematchMarked(ctx context.Context) error {
	const piece = 100
	var after record.ID
	changed := 0
	defer func() {
		if changed > 0 {
			p.Log.Info("documents matched again after the registry changed", "changed", changed)
		}
	}()
	for {
		if r, err := p.Catalog.Registry(ctx); err != nil || r.Filling || r.Broken || p.gate.closed() != nil {
			return err
		}
		ids, err := p.Catalog.Due(ctx, after, piece)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			r, err := p.rematch(ctx, id, false)
			if err != nil {
				return fmt.Errorf("match document %s again: %w", id, err)
			}
			if r != nil {
				changed++
			}
			if err := p.Catalog.Rematched(ctx, id); err != nil {
				return err
			}
			after = id
		}
	}
}
