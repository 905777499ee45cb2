package catalog

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"chartroom/record"
)

// crowd makes up patients: names as unevenly shared as in life, numbers that
// stand close together.
type crowd struct{ lasts, firsts []string }

func newCrowd() *crowd {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(syllables int) string {
		var b []byte
		for range syllables {
			b = append(b, "bcdfghklmnprstvwz"[r.IntN(17)], "aeiou"[r.IntN(5)])
		}
		return string(b)
	}
	c := &crowd{}
	for range 60_000 {
		c.lasts = append(c.lasts, word(2+r.IntN(3)))
	}
	for range 3000 {
		c.firsts = append(c.firsts, word(2+r.IntN(2)))
	}
	return c
}

func (c *crowd) patient(n int) record.Patient {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	pick := func(words []string) record.Private {
		f := r.Float64()
		return record.Hide(words[int(f*f*f*float64(len(words)))])
	}
	return record.Patient{MRN: record.Hide(fmt.Sprintf("%08d", 10_000_000+7*n)), Last: pick(c.lasts), First: pick(c.firsts), Sex: record.Hide("F"),
		DOB: record.Hide(fmt.Sprintf("%04d-%02d-%02d", 1930+r.IntN(90), 1+r.IntN(12), 1+r.IntN(28))), SSN: record.Hide(fmt.Sprintf("%09d", r.IntN(1_000_000_000))),
		Phone: record.Hide(fmt.Sprintf("%010d", r.IntN(1_000_000_000)+2_000_000_000)), Street: record.Hide("18 Quarry Lane"), City: record.Hide("Ayr"), Zip: record.Hide("01432")}
}

func (c *crowd) all(n int) iter.Seq2[record.PatientChange, error] {
	return func(yield func(record.PatientChange, error) bool) {
		for i := range n {
			if !yield(record.PatientChange{Kind: record.ChangeWhole, Line: i + 1, Patient: c.patient(i)}, nil) {
				return
			}
		}
	}
}

// BenchmarkRegistry fills a registry of a million made-up patients, or of as
// many as CHARTROOM_BENCH_PATIENTS says, and looks patients up as a document
// whose number and birth date were misread does: by each fact, and by what
// they were misread from. Beside it stands what the same database takes to
// write and read bare rows by one key.
func BenchmarkRegistry(b *testing.B) {
	n := 1_000_000
	if s := os.Getenv("CHARTROOM_BENCH_PATIENTS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	people := newCrowd()
	b.Run("sqlite", func(b *testing.B) {
		benchRegistry(b, Config{Path: filepath.Join(b.TempDir(), "catalog.db")}, people, n)
	})
	b.Run("postgres", func(b *testing.B) {
		benchRegistry(b, Config{URL: newPostgres(b), Owner: "here"}, people, n)
	})
}

func benchRegistry(b *testing.B, cfg Config, people *crowd, n int) {
	for b.Loop() {
		ctx := b.Context()
		c, err := Open(ctx, cfg)
		check(b, err)
		defer c.Close()
		bare := bareRows(b, c, people, n/10)
		start := time.Now()
		sum, err := c.Import(ctx, ImportOptions{}, people.all(n))
		check(b, err)
		took := time.Since(start)
		if sum.Added != n {
			b.Fatalf("%d added of %d", sum.Added, n)
		}
		b.ReportMetric(float64(n)/took.Seconds(), "patients/s")
		b.ReportMetric(bare, "bare-rows/s")
		report := func(name string, q func(p record.Patient) PatientQuery) {
			times := lookUps(ctx, b, c, people, n, q)
			b.ReportMetric(times[len(times)/2].Seconds()*1000, name+"-p50-ms")
			b.ReportMetric(times[len(times)*99/100].Seconds()*1000, name+"-p99-ms")
		}
		report("number", func(p record.Patient) PatientQuery { return PatientQuery{MRN: p.MRN} })
		report("birth-date", func(p record.Patient) PatientQuery { return PatientQuery{DOB: p.DOB} })
		report("near-number", func(p record.Patient) PatientQuery {
			return PatientQuery{MRN: misreadNumber(p), Near: true, Limit: 100}
		})
		report("sounds", func(p record.Patient) PatientQuery {
			return PatientQuery{Sounds: p.Name(), Limit: 100}
		})
		report("given-year", func(p record.Patient) PatientQuery {
			return PatientQuery{Given: p.Name(), Year: p.DOB.Reveal()[:4], Limit: 100}
		})
	}
}

func misreadNumber(p record.Patient) record.Private {
	s := []byte(p.MRN.Reveal())
	s[5] = '0' + (s[5]-'0'+3)%10
	return record.Hide(string(s))
}

// lookUps asks for a thousand patients and gives how long each took, in order.
func lookUps(ctx context.Context, b *testing.B, c *Catalog, people *crowd, n int, q func(record.Patient) PatientQuery) []time.Duration {
	times := make([]time.Duration, 1000)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range times {
		p := people.patient(r.IntN(n))
		start := time.Now()
		_, err := c.FindPatients(ctx, q(p))
		times[i] = time.Since(start)
		if err != nil && err.Error() != "find patients: "+ErrTooMany.Error() {
			b.Fatal(err)
		}
	}
	slices.Sort(times)
	return times
}

// bareRows is how many rows of a key and a body the same database takes in a
// second: what an import could reach that nobody can search in.
func bareRows(b *testing.B, c *Catalog, people *crowd, n int) float64 {
	ctx := b.Context()
	check(b, c.db.update(ctx, func(tx transaction) error {
		_, err := tx.exec(ctx, `CREATE TABLE bare (mrn TEXT PRIMARY KEY, body BYTEA NOT NULL)`)
		return err
	}))
	start := time.Now()
	for at := 0; at < n; at += importBatch {
		var lines [][]any
		for i := at; i < min(n, at+importBatch); i++ {
			p := people.patient(i)
			body, err := record.MarshalPatientLine(&p)
			check(b, err)
			lines = append(lines, []any{p.MRN.Reveal(), body})
		}
		check(b, c.db.update(ctx, func(tx transaction) error {
			_, err := insertMany(ctx, tx, `INSERT INTO bare (mrn, body)`, ``, lines)
			return err
		}))
	}
	return float64(n) / time.Since(start).Seconds()
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
