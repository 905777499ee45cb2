package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"chartroom/record"
)

// PatientQuery looks patients up by any of the facts given, in the registry or
// in a record merged into theirs. They are compared in a normal form: numbers
// without separators, an MRN without its leading zeros, a last name by its
// letters alone, without accents or case.
type PatientQuery struct {
	MRN, DOB, Last, SSN, MBI, NHS, Phone record.Private
	Near                                 bool           // numbers that differ by one character fit too
	Sounds                               record.Private // LAST, FIRST: the last name sounds so, the first begins with the same letter
	Given                                record.Private // LAST, FIRST: the first name begins with the same three letters …
	Year                                 string         // … and this is the year of birth
	Limit                                int            // default 1000
}

// FindPatients gives every patient for whom one of the facts holds, in no
// order, or ErrTooMany where they are more than the limit: never a part. One
// birth date names some forty of a million patients; a last name alone can
// name thousands. A record that was merged is given as the patient that it was
// merged into, who has its names and numbers besides.
func (c *Catalog) FindPatients(ctx context.Context, q PatientQuery) (found []record.Patient, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 1000
	}
	keys := q.keys()
	if len(keys) == 0 {
		return nil, nil
	}
	err = c.db.view(ctx, func(s session) error {
		ids, err := patientsWith(ctx, s, keys, limit+1)
		if err != nil {
			return err
		}
		if len(ids) > limit {
			return ErrTooMany
		}
		found, err = patientsAsShown(ctx, s, ids)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find patients: %w", err)
	}
	return found, nil
}

// patientsWith gives the ids of the patients to whom a key leads, at most so
// many.
func patientsWith(ctx context.Context, s session, keys []key, most int) (ids []int64, err error) {
	seen := map[int64]bool{}
	err = inPieces(keys, func(args []any) error {
		return each(ctx, s, func(r rows) error {
			var id int64
			err := r.Scan(&id)
			if !seen[id] {
				seen[id], ids = true, append(ids, id)
			}
			return err
		}, fmt.Sprintf(`SELECT patient FROM registry_keys WHERE key IN (%s) LIMIT %d`, holders(0, len(args)), most+len(seen)), args...)
	})
	return ids, err
}

// inPieces calls f with the values a few at a time. How many come at once is
// one of a few numbers, the last value standing for those that are missing, so
// that the database sees few different statements.
func inPieces[T any](values []T, f func(args []any) error) error {
	for len(values) > 0 {
		size := 64
		for _, smaller := range []int{8, 1} {
			if len(values) <= smaller {
				size = smaller
			}
		}
		args := make([]any, size)
		for i := range args {
			args[i] = values[min(i, len(values)-1)]
		}
		if err := f(args); err != nil {
			return err
		}
		values = values[min(size, len(values)):]
	}
	return nil
}

// patientsAsShown reads patients, each with what was merged into it, and in the
// place of merged ones those that they were merged into.
func patientsAsShown(ctx context.Context, s session, ids []int64) ([]record.Patient, error) {
	heads, absorbed := map[int64]*record.Patient{}, map[int64][]record.Patient{}
	var order, missing []int64
	read := func(r rows) error {
		var id, root int64
		var body []byte
		if err := r.Scan(&id, &root, &body); err != nil {
			return err
		}
		p, err := record.UnmarshalPatientLine(body)
		if err != nil {
			return err
		}
		if root != 0 {
			absorbed[root] = append(absorbed[root], *p)
			missing = append(missing, root)
			return nil
		}
		if heads[id] == nil {
			order = append(order, id)
		}
		heads[id] = p
		return nil
	}
	get := func(column string, of []int64) error {
		return inPieces(of, func(args []any) error {
			return each(ctx, s, read, `SELECT id, root, body FROM registry WHERE `+column+` IN (`+holders(0, len(args))+`)`, args...)
		})
	}
	if err := get("id", ids); err != nil {
		return nil, err
	}
	if err := get("id", slices.DeleteFunc(missing, func(id int64) bool { return heads[id] != nil })); err != nil {
		return nil, err
	}
	clear(absorbed) // those that a fact led to come again with the others
	if err := get("root <> 0 AND root", order); err != nil {
		return nil, err
	}
	found := make([]record.Patient, len(order))
	for i, id := range order {
		found[i] = absorb(*heads[id], absorbed[id])
	}
	return found, nil
}

// absorb gives a patient the names and numbers of records merged into it.
func absorb(p record.Patient, merged []record.Patient) record.Patient {
	if len(merged) == 0 {
		return p
	}
	p.Names, p.Numbers = slices.Clone(p.Names), slices.Clone(p.Numbers)
	for i := range merged {
		m := &merged[i]
		addNumber(&p, record.KindMRN, m.Authority, m.MRN)
		addNumber(&p, record.KindSSN, "", m.SSN)
		addNumber(&p, record.KindMBI, "", m.MBI)
		addNumber(&p, record.KindNHS, "", m.NHS)
		for _, n := range m.Numbers {
			addNumber(&p, n.Kind, n.Authority, n.Value)
		}
		addName(&p, record.PatientName{Kind: record.NameAlias, Last: m.Last, First: m.First, Middle: m.Middle, Suffix: m.Suffix})
		for _, n := range m.Names {
			addName(&p, n)
		}
		p.Restricted = p.Restricted || m.Restricted
	}
	return p
}

// addNumber gives a patient another number, unless it is one of the patient's.
func addNumber(p *record.Patient, kind record.Kind, authority string, value record.Private) {
	own := map[record.Kind]record.Private{record.KindMRN: p.MRN, record.KindSSN: p.SSN, record.KindMBI: p.MBI, record.KindNHS: p.NHS}[kind]
	known := value.IsZero() || own.Equal(value) && (kind != record.KindMRN || p.Authority == authority)
	if !known && !slices.ContainsFunc(p.Numbers, func(n record.PatientNumber) bool {
		return n.Kind == kind && n.Authority == authority && n.Value.Equal(value)
	}) {
		p.Numbers = append(p.Numbers, record.PatientNumber{Kind: kind, Authority: authority, Value: value})
	}
}

// addName gives a patient another name, unless it is one of the patient's.
func addName(p *record.Patient, name record.PatientName) {
	same := func(last, first, middle, suffix record.Private) bool {
		for _, pair := range [][2]record.Private{{last, name.Last}, {first, name.First}, {middle, name.Middle}, {suffix, name.Suffix}} {
			if plainName(pair[0]) != plainName(pair[1]) {
				return false
			}
		}
		return true
	}
	known := name.Last.IsZero() && name.First.IsZero() || same(p.Last, p.First, p.Middle, p.Suffix)
	if !known && !slices.ContainsFunc(p.Names, func(n record.PatientName) bool { return same(n.Last, n.First, n.Middle, n.Suffix) }) {
		p.Names = append(p.Names, name)
	}
}

func readPatient(r rows) (record.Patient, error) {
	var body []byte
	if err := r.Scan(&body); err != nil {
		return record.Patient{}, err
	}
	p, err := record.UnmarshalPatientLine(body)
	if err != nil {
		return record.Patient{}, err
	}
	return *p, nil
}

// listBatch is how many patients are read at a time.
const listBatch = 1000

// AllPatients lists the registry as it stands, merged records too, by MRN and
// authority, piece by piece.
func (c *Catalog) AllPatients(ctx context.Context) iter.Seq2[record.Patient, error] {
	return func(yield func(record.Patient, error) bool) {
		where, args := "1 = 1", []any(nil)
		for {
			piece, err := c.patientPiece(ctx, fmt.Sprintf("SELECT body FROM registry WHERE %s ORDER BY mrn, authority LIMIT %d", where, listBatch), args)
			if !yieldAll(piece, err, yield) || len(piece) < listBatch {
				return
			}
			last := piece[len(piece)-1]
			where, args = "(mrn, authority) > ($1, $2)", []any{clean(last.MRN.Reveal()), clean(last.Authority)}
		}
	}
}

// PatientsSince lists, in no order, those whom imports after one have changed.
func (c *Catalog) PatientsSince(ctx context.Context, version int64) iter.Seq2[record.Patient, error] {
	return func(yield func(record.Patient, error) bool) {
		var ids []int64
		err := c.db.view(ctx, func(s session) error {
			return each(ctx, s, func(r rows) error {
				ids = append(ids, 0)
				return r.Scan(&ids[len(ids)-1])
			}, `SELECT id FROM registry WHERE changed > $1`, version)
		})
		if err != nil {
			yieldAll(nil, err, yield)
			return
		}
		_ = inPieces(ids, func(args []any) error {
			piece, err := c.patientPiece(ctx, `SELECT body FROM registry WHERE id IN (`+holders(0, len(args))+`)`, args)
			if !yieldAll(piece, err, yield) {
				return errStop
			}
			return nil
		})
	}
}

var errStop = errors.New("stop")

// yieldAll hands on patients, or an error; it says whether to go on.
func yieldAll(piece []record.Patient, err error, yield func(record.Patient, error) bool) bool {
	if err != nil {
		yield(record.Patient{}, fmt.Errorf("list patients: %w", err))
		return false
	}
	for _, p := range piece {
		if !yield(p, nil) {
			return false
		}
	}
	return true
}

func (c *Catalog) patientPiece(ctx context.Context, sql string, args []any) (piece []record.Patient, err error) {
	err = c.db.view(ctx, func(s session) error {
		return each(ctx, s, func(r rows) error {
			p, err := readPatient(r)
			piece = append(piece, p)
			return err
		}, sql, args...)
	})
	return piece, err
}

// ChangedCount is how many patients imports after one have changed.
func (c *Catalog) ChangedCount(ctx context.Context, version int64) (n int, err error) {
	err = c.db.view(ctx, func(s session) error {
		return one(ctx, s, []any{&n}, `SELECT COUNT(*) FROM registry WHERE changed > $1`, version)
	})
	if err != nil {
		return 0, fmt.Errorf("count changed patients: %w", err)
	}
	return n, nil
}

// PatientCount is how many patients the registry has, merged records included.
func (c *Catalog) PatientCount(ctx context.Context) (n int, err error) {
	err = c.db.view(ctx, func(s session) error { return one(ctx, s, []any{&n}, `SELECT COUNT(*) FROM registry`) })
	if err != nil {
		return 0, fmt.Errorf("count patients: %w", err)
	}
	return n, nil
}
