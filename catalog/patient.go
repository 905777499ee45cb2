package catalog

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode"

	"chartroom/record"

	"golang.org/x/text/unicode/norm"
)

// PatientQuery looks patients up by any of the facts given. They are compared
// in a normal form: numbers without separators, an MRN without its leading
// zeros, a last name by its letters alone, without accents or case.
type PatientQuery struct {
	MRN, DOB, Last, SSN, MBI, NHS, Phone record.Private
	Limit                                int // default 1000
}

// FindPatients gives every patient for whom one of the facts holds, in no
// order, or ErrTooMany where they are more than the limit: never a part. One
// birth date names some forty of a million patients; a last name alone can
// name thousands.
func (c *Catalog) FindPatients(ctx context.Context, q PatientQuery) (found []record.Patient, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 1000
	}
	var parts []string
	var args []any
	for _, fact := range keysOf(q.MRN, q.DOB, q.Last, q.SSN, q.MBI, q.NHS, q.Phone) {
		if fact.key != "" {
			args = append(args, fact.key)
			parts = append(parts, fmt.Sprintf("SELECT authority, mrn FROM patients WHERE %[1]s <> '' AND %[1]s = $%[2]d", fact.column, len(args)))
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	sql := fmt.Sprintf("SELECT p.body FROM patients p JOIN (%s LIMIT %d) f ON f.authority = p.authority AND f.mrn = p.mrn",
		strings.Join(parts, " UNION "), limit+1)
	err = c.db.view(ctx, func(s session) error {
		return each(ctx, s, func(r rows) error {
			p, err := readPatient(r)
			found = append(found, p)
			return err
		}, sql, args...)
	})
	if err == nil && len(found) > limit {
		err = ErrTooMany
	}
	if err != nil {
		return nil, fmt.Errorf("find patients: %w", err)
	}
	return found, nil
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

// fact is a column of look-up and what stands in it.
type fact struct{ column, key string }

func keysOf(mrn, dob, last, ssn, mbi, nhs, phone record.Private) []fact {
	return []fact{
		{"mrn_key", strings.TrimLeft(plainNumber(mrn), "0")},
		{"dob_key", clean(strings.TrimSpace(dob.Reveal()))},
		{"last_key", plainName(last)},
		{"ssn_key", plainNumber(ssn)},
		{"mbi_key", plainNumber(mbi)},
		{"nhs_key", plainNumber(nhs)},
		{"phone_key", plainPhone(phone)},
	}
}

// plainNumber is the letters and digits of a number, in capitals.
func plainNumber(p record.Private) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, clean(p.Reveal()))
}

// plainName is the letters of a name, in capitals and without accents.
func plainName(p record.Private) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, norm.NFD.String(clean(p.Reveal())))
}

// plainPhone is the last ten digits of a telephone number: without the country.
func plainPhone(p record.Private) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, p.Reveal())
	return digits[max(0, len(digits)-10):]
}

// patientBatch is how many patients go into one transaction.
const patientBatch = 1000

// SavePatients adds patients to the registry or brings them up to date, keyed
// by authority and MRN, a thousand in a transaction. Patients that stand there
// just so already count in neither number.
func (c *Catalog) SavePatients(ctx context.Context, patients iter.Seq[record.Patient]) (added, updated int, err error) {
	batch := map[[2]string]record.Patient{}
	save := func() error {
		a, u, err := c.savePatients(ctx, batch)
		added, updated = added+a, updated+u
		clear(batch)
		return err
	}
	for p := range patients {
		batch[[2]string{p.Authority, p.MRN.Reveal()}] = p // the last of the same key counts
		if len(batch) == patientBatch {
			if err = save(); err != nil {
				break
			}
		}
	}
	if err == nil {
		err = save()
	}
	if err != nil {
		return added, updated, fmt.Errorf("save patients: %w", err)
	}
	return added, updated, nil
}

func (c *Catalog) savePatients(ctx context.Context, batch map[[2]string]record.Patient) (added, updated int, err error) {
	lines := make([][]any, 0, len(batch))
	for _, p := range batch {
		line, err := patientRow(&p)
		if err != nil {
			return 0, 0, err
		}
		lines = append(lines, line)
	}
	const into = `INSERT INTO patients (authority, mrn, mrn_key, dob_key, last_key, ssn_key, mbi_key, nhs_key, phone_key, body)`
	err = c.db.update(ctx, func(tx transaction) error {
		a, err := insertMany(ctx, tx, into, `ON CONFLICT (authority, mrn) DO NOTHING`, lines)
		if err != nil {
			return err
		}
		added, updated = int(a), 0
		if added == len(lines) {
			return nil
		}
		u, err := insertMany(ctx, tx, into, `ON CONFLICT (authority, mrn) DO UPDATE SET mrn_key = excluded.mrn_key, dob_key = excluded.dob_key,
			last_key = excluded.last_key, ssn_key = excluded.ssn_key, mbi_key = excluded.mbi_key, nhs_key = excluded.nhs_key,
			phone_key = excluded.phone_key, body = excluded.body WHERE patients.body <> excluded.body`, lines)
		updated = int(u)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return added, updated, nil
}

func patientRow(p *record.Patient) ([]any, error) {
	body, err := record.MarshalPatientLine(p)
	if err != nil {
		return nil, err
	}
	row := []any{clean(p.Authority), clean(p.MRN.Reveal())}
	for _, fact := range keysOf(p.MRN, p.DOB, p.Last, p.SSN, p.MBI, p.NHS, p.Phone) {
		row = append(row, fact.key)
	}
	return append(row, body), nil
}

// AllPatients lists the registry by authority and MRN, piece by piece.
func (c *Catalog) AllPatients(ctx context.Context) iter.Seq2[record.Patient, error] {
	return func(yield func(record.Patient, error) bool) {
		where, args := "1 = 1", []any(nil)
		for {
			piece, err := c.patientPiece(ctx, where, args)
			if err != nil {
				yield(record.Patient{}, fmt.Errorf("list patients: %w", err))
				return
			}
			for _, p := range piece {
				if !yield(p, nil) {
					return
				}
			}
			if len(piece) < patientBatch {
				return
			}
			last := piece[len(piece)-1]
			where, args = "(authority, mrn) > ($1, $2)", []any{clean(last.Authority), clean(last.MRN.Reveal())}
		}
	}
}

func (c *Catalog) patientPiece(ctx context.Context, where string, args []any) (piece []record.Patient, err error) {
	sql := fmt.Sprintf("SELECT body FROM patients WHERE %s ORDER BY authority, mrn LIMIT %d", where, patientBatch)
	err = c.db.view(ctx, func(s session) error {
		return each(ctx, s, func(r rows) error {
			p, err := readPatient(r)
			piece = append(piece, p)
			return err
		}, sql, args...)
	})
	return piece, err
}

// PatientCount is how many patients the registry has.
func (c *Catalog) PatientCount(ctx context.Context) (n int, err error) {
	err = c.db.view(ctx, func(s session) error { return one(ctx, s, []any{&n}, `SELECT COUNT(*) FROM patients`) })
	if err != nil {
		return 0, fmt.Errorf("count patients: %w", err)
	}
	return n, nil
}
