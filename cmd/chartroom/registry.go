package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartroom/catalog"
	"chartroom/ingest"
	"chartroom/patient"
	"chartroom/record"
)

// What commands do with the registry: importing patients, and matching
// documents again.

type patientsRequest struct {
	File    string `json:"file"`
	Replace bool   `json:"replace"`
}

type patientsProgress struct {
	Rows  int   `json:"rows"`
	Done  int64 `json:"done"`  // bytes
	Total int64 `json:"total"` // 0 where it is not known
}

// patientsSummary is what became of a file. Rows are those that were read,
// Broken those that were not, or not taken.
type patientsSummary struct {
	Format    string   `json:"format"`
	Rows      int      `json:"rows"`
	Added     int      `json:"added"`
	Updated   int      `json:"updated"`
	Unchanged int      `json:"unchanged"`
	Merged    int      `json:"merged"`
	Unmerged  int      `json:"unmerged"`
	Skipped   int      `json:"skipped"` // nothing wrong, and of no use
	Broken    int      `json:"broken"`
	First     []string `json:"first"`    // of the broken, by line
	Doubtful  int      `json:"doubtful"` // taken, though something can hardly be so
	Doubts    []string `json:"doubts"`   // the first of them, by line
	Total     int      `json:"total"`    // records in the registry
	Seconds   float64  `json:"seconds"`
}

// shownBroken is how many broken rows are named.
const shownBroken = 20

// importPatients changes the registry as a file says, then writes what has
// changed to the store.
func (a *app) importPatients(ctx context.Context, r patientsRequest, progress func(patientsProgress)) (patientsSummary, error) {
	start := time.Now()
	f, err := os.Open(r.File)
	if err != nil {
		return patientsSummary{}, errors.New("open the registry file: it cannot be read; check its name and permissions")
	}
	defer f.Close()
	in := newOpening(f)
	sum := patientsSummary{First: []string{}, Doubts: []string{}}
	reader := patient.Reader{DayFirst: a.cfg.Identify.DateOrder == "dmy", Own: strings.Split(a.cfg.Registry.Own, ","), Replace: r.Replace}
	changes := func(yield func(record.PatientChange, error) bool) {
		format, all := reader.Read(in)
		sum.Format = string(format)
		for ch, err := range all {
			if row, ok := errors.AsType[*patient.RowError](err); ok {
				sum.broken(row.Line, row.Reason)
				continue
			}
			if _, ok := errors.AsType[*patient.Skipped](err); ok {
				sum.Skipped++
				continue
			}
			if doubt, ok := errors.AsType[*patient.Doubt](err); ok {
				if sum.Doubtful++; len(sum.Doubts) < shownBroken {
					sum.Doubts = append(sum.Doubts, doubt.Error())
				}
				continue
			}
			if err == nil {
				if sum.Rows++; sum.Rows%1000 == 0 {
					progress(patientsProgress{sum.Rows, in.done, in.total})
				}
			}
			if !yield(ch, err) {
				return
			}
		}
	}
	done, err := a.catalog.Import(ctx, catalog.ImportOptions{Opening: in.digest, Refused: sum.broken}, changes)
	sum.Added, sum.Updated, sum.Unchanged, sum.Merged, sum.Unmerged = done.Added, done.Updated, done.Unchanged, done.Merged, done.Unmerged
	sum.Rows -= done.Refused
	if err != nil {
		return sum, err
	}
	if sum.Total, err = a.catalog.PatientCount(ctx); err != nil {
		return sum, err
	}
	err = ingest.SaveRegistry(ctx, a.store, a.catalog, filepath.Join(a.cfg.Data, "tmp"))
	sum.Seconds = time.Since(start).Seconds()
	return sum, err
}

func (s *patientsSummary) broken(line int, reason string) {
	if s.Broken++; len(s.First) < shownBroken {
		s.First = append(s.First, fmt.Sprintf("line %d: %s", line, reason))
	}
}

// opening is a file that knows how it begins, and how far it has been read.
type opening struct {
	io.Reader
	digest      string
	done, total int64
}

// openingBytes is how much of a file tells it from others.
const openingBytes = 64 << 10

func newOpening(f *os.File) *opening {
	o := &opening{Reader: f}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		o.total = info.Size()
		b := make([]byte, min(o.total, openingBytes))
		n, _ := f.ReadAt(b, 0)
		o.digest = fmt.Sprintf("%x", sha256.Sum256(b[:n]))
	}
	return o
}

func (o *opening) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	o.done += int64(n)
	return n, err
}

type rematchRequest struct {
	DryRun bool `json:"dry_run"`
}

// rematchProgress is how far matching again is, or a document for which it
// comes to something else.
type rematchProgress struct {
	Count    *ingest.Rematched `json:"count,omitempty"`
	Document json.RawMessage   `json:"document,omitempty"`
}

// rematchLine is a document for which matching again comes to something else.
// It is an answer to a person, and reveals who the patient is.
type rematchLine struct {
	ID      record.ID     `json:"id"`
	File    string        `json:"file"`
	Was     record.Status `json:"was"`
	Now     record.Status `json:"now"`
	Kept    bool          `json:"kept,omitempty"` // it is filed, and stays so
	Reason  string        `json:"reason,omitempty"`
	Patient *rematchWhom  `json:"patient,omitempty"`
}

type rematchWhom struct {
	MRN  string `json:"mrn"`
	Name string `json:"name,omitempty"`
	DOB  string `json:"dob,omitempty"`
}

func (a *app) rematch(ctx context.Context, r rematchRequest, progress func(rematchProgress)) (ingest.Rematched, error) {
	var last time.Time
	report := func(m ingest.Rematch) {
		line := rematchLine{ID: m.ID, File: m.File.Reveal(), Was: m.Was, Now: m.Now, Kept: m.Kept, Reason: m.Reason}
		if p := m.Patient; p != nil {
			line.Patient = &rematchWhom{p.MRN.Reveal(), p.Name.Reveal(), p.DOB.Reveal()}
		}
		progress(rematchProgress{Document: mustJSON(line)})
	}
	return a.pipeline.RematchAll(ctx, r.DryRun, report, func(n ingest.Rematched) {
		if time.Since(last) > 200*time.Millisecond {
			last = time.Now()
			progress(rematchProgress{Count: &n})
		}
	})
}

func patientsCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "patients", Short: "The registry of known patients"}
	commandsOnly(c)
	var r patientsRequest
	var asJSON bool
	imp := &cobra.Command{
		Use:   "import FILE",
		Short: "Add, update and merge patients from CSV, FHIR or HL7 v2",
		Long: `Adds patients to the registry, updates those whose number is known, and merges
records. What the file is follows from what it holds:

  CSV         the first row names the columns: mrn, last, first, middle, suffix,
              dob, sex, ssn, mbi, nhs, phone, street, city, state, zip, authority,
              alias, former name, other mrns, deceased, death date, restricted, in
              any order; common other names are understood
  FHIR R4     Patient resources: a Bundle, one a line, or a single one
  HL7 v2      ADT messages, any number, also in batches: A01 to A10, A14, A28, A31
              and their like update, A40 merges, A37 takes a merge back

Rows and messages that cannot be read are counted and named by line; the others
are imported. A record number that would go over to somebody of another name and
birth date is refused unless --replace is given. Documents that wait for a person
and may be matched otherwise now are matched again by "serve".`,
		Example: `  chartroom patients import registry.csv
  chartroom patients import --json adt-feed.hl7`,
		Args: asUsage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if _, err := os.Stat(path); err != nil {
				return usageError{fmt.Sprintf("%q cannot be found: check the path", args[0])}
			}
			r.File = path
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				return runImport(ctx, owner, r, cmd.OutOrStdout(), asJSON)
			})
		},
	}
	imp.Flags().BoolVar(&r.Replace, "replace", false, "let record numbers go over to other people")
	imp.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	c.AddCommand(imp)
	return c
}

func runImport(ctx context.Context, owner *owner, r patientsRequest, out io.Writer, asJSON bool) error {
	bar := newBar("importing")
	var sum patientsSummary
	err := owner.call(ctx, "patients", r, func(raw json.RawMessage) {
		var p patientsProgress
		if json.Unmarshal(raw, &p) == nil {
			bar.imported(p)
		}
	}, &sum)
	bar.end()
	if err != nil {
		return err
	}
	if asJSON {
		if err := json.NewEncoder(out).Encode(sum); err != nil {
			return err
		}
	} else {
		printImport(out, sum)
	}
	if sum.Rows == 0 && sum.Broken > 0 {
		return errors.New("no row could be read; the first: " + sum.First[0] + "; compare the columns with chartroom patients import --help")
	}
	return nil
}

func rematchCommand(o *options) *cobra.Command {
	var r rematchRequest
	var asJSON bool
	c := &cobra.Command{
		Use:   "rematch",
		Short: "Match documents again that wait for a person",
		Long: `Matches every document that waits for a person against the registry as it is
now, and writes a new revision of those for which it comes to something else.
What a person has decided stays. Documents that are filed are checked and never
moved; those that the registry contradicts are listed.

"serve" does the same by itself, after an import, for the documents whose
candidates have changed.`,
		Example: `  chartroom rematch --dry-run
  chartroom rematch`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				return runRematch(ctx, owner, r, cmd.OutOrStdout(), asJSON)
			})
		},
	}
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "say what would change, and change nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return c
}

func runRematch(ctx context.Context, owner *owner, r rematchRequest, out io.Writer, asJSON bool) error {
	bar := newBar("matching")
	var sum ingest.Rematched
	err := owner.call(ctx, "rematch", r, func(raw json.RawMessage) {
		var p rematchProgress
		if json.Unmarshal(raw, &p) != nil {
			return
		}
		if p.Count != nil {
			bar.count(p.Count.Looked+p.Count.Checked, 0)
		}
		if p.Document != nil {
			bar.clear()
			printRematch(out, p.Document, asJSON)
		}
	}, &sum)
	bar.end()
	if err != nil || asJSON {
		return err
	}
	done := "changed"
	if r.DryRun {
		done = "would change"
	}
	fmt.Fprintf(out, "%d documents wait for a person: %d %s, %d of them filed; %d filed documents checked: %d contradict the registry\n",
		sum.Looked, sum.Changed, done, sum.Filed, sum.Checked, sum.Contradict)
	return nil
}

func printRematch(out io.Writer, raw json.RawMessage, asJSON bool) {
	if asJSON {
		fmt.Fprintf(out, "%s\n", raw)
		return
	}
	var l rematchLine
	if json.Unmarshal(raw, &l) != nil {
		return
	}
	what := fmt.Sprintf("%s -> %s", l.Was, l.Now)
	if l.Kept {
		what = "filed, and stays so; today " + string(l.Now)
	}
	who := rematchWhom{}
	if l.Patient != nil {
		who = *l.Patient
	}
	fmt.Fprintf(out, "%s  %s\n", l.ID, joined(what, l.File, who.Name, who.MRN, l.Reason))
}
