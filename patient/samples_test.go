package patient_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chartroom/identify"
	"chartroom/patient"
	"chartroom/record"
)

// memory is a registry in memory, indexed like the catalog's.
type memory struct{ by map[string][]record.Patient }

func newMemory(patients ...record.Patient) *memory {
	m := &memory{map[string][]record.Patient{}}
	for _, p := range patients {
		for kind, v := range map[string]record.Private{"mrn": p.MRN, "ssn": p.SSN, "mbi": p.MBI, "nhs": p.NHS, "dob": p.DOB, "last": p.Last} {
			key := kind + strings.ToUpper(v.Reveal())
			m.by[key] = append(m.by[key], p)
		}
	}
	return m
}

func (m *memory) FindPatients(_ context.Context, q patient.Query) ([]record.Patient, error) {
	var out []record.Patient
	for kind, v := range map[string]string{"mrn": q.MRN, "ssn": q.SSN, "mbi": q.MBI, "nhs": q.NHS, "dob": q.DOB, "last": q.Last} {
		if v != "" {
			out = append(out, m.by[kind+strings.ToUpper(v)]...)
		}
	}
	return out, nil
}

// TestSamplesAreFiledToNobodyElse runs finding and filing over scans that were
// read beforehand: CHARTROOM_READ names a folder BOX/FILE/PAGE.tsv of what
// tesseract wrote, CHARTROOM_SAMPLES the samples. The answers go beside it for
// the score.
func TestSamplesAreFiledToNobodyElse(t *testing.T) {
	read := os.Getenv("CHARTROOM_READ")
	if read == "" {
		t.Skip("CHARTROOM_READ names no folder of read scans")
	}
	samples := os.Getenv("CHARTROOM_SAMPLES")
	if samples == "" {
		samples = "../../shared/samples"
	}
	for _, box := range []string{"chart", "traps"} {
		t.Run(box, func(t *testing.T) { fileBox(t, filepath.Join(samples, box), filepath.Join(read, box)) })
	}
}

type truth struct {
	File    string `json:"file"`
	Patient string `json:"patient"`
}

func fileBox(t *testing.T, box, read string) {
	registry := loadRegistry(t, filepath.Join(box, "registry.csv"))
	answers, err := os.Create(read + ".answers.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Close()
	var spent time.Duration
	for _, want := range loadTruth(t, filepath.Join(box, "truth.jsonl")) {
		pages := loadPages(t, filepath.Join(read, want.File))
		start := time.Now()
		found := identify.Find(pages, record.Given{}, identify.Options{})
		spent += time.Since(start)
		got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: found.Identifiers, Date: found.Date, Pages: len(pages)})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status == record.StatusFiled && got.Patient.MRN.Reveal() != want.Patient {
			t.Errorf("%s: filed to the wrong patient", want.File)
		}
		writeAnswer(t, answers, want.File, pages, found, got)
	}
	t.Logf("finding took %v", spent)
}

func loadRegistry(t *testing.T, path string) *memory {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []record.Patient
	for p, err := range patient.ReadCSV(f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return newMemory(all...)
}

func loadTruth(t *testing.T, path string) (all []truth) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var w truth
		if err := json.Unmarshal(lines.Bytes(), &w); err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

func loadPages(t *testing.T, dir string) []record.Page {
	names, err := filepath.Glob(filepath.Join(dir, "*.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var pages []record.Page
	for i, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, pageOfTSV(string(b), i+1))
	}
	return pages
}

func pageOfTSV(s string, number int) record.Page {
	p := record.Page{Number: number, State: record.PageText, DPI: 300}
	last, line := "", 0
	for row := range strings.Lines(s) {
		f := strings.Split(strings.TrimRight(row, "\n"), "\t")
		n := make([]int, 11)
		for i := range n {
			if i < len(f) {
				v, _ := strconv.ParseFloat(f[i], 64)
				n[i] = int(v)
			}
		}
		if n[0] == 1 {
			p.Width, p.Height = n[8], n[9]
		}
		if n[0] != 5 || strings.TrimSpace(f[11]) == "" {
			continue
		}
		if key := f[2] + "." + f[3] + "." + f[4]; key != last {
			last, line = key, line+1
		}
		p.Words = append(p.Words, record.Word{Text: record.Hide(f[11]), Box: record.Box{Left: n[6], Top: n[7], Width: n[8], Height: n[9]},
			Confidence: float64(n[10]) / 100, Block: n[2], Line: line})
	}
	return p
}

func writeAnswer(t *testing.T, to *os.File, file string, pages []record.Page, found identify.Findings, got patient.Decision) {
	a := map[string]any{"file": file, "status": got.Status, "reason": got.Reason, "doc_type": found.DocType, "date": found.Date}
	var ids []map[string]any
	for _, id := range got.Identifiers {
		ids = append(ids, map[string]any{"kind": id.Kind, "role": id.Role, "value": id.Value.Reveal(), "raw": id.Raw.Reveal(), "page": id.Page, "confidence": id.Confidence, "check": id.Check})
	}
	a["identifiers"] = ids
	var text []map[string]any
	for i := range pages {
		text = append(text, map[string]any{"page": pages[i].Number, "text": pages[i].Text()})
	}
	a["pages"] = text
	if got.Status == record.StatusFiled {
		a["filed_by"], a["patient"] = "auto", map[string]any{"mrn": got.Patient.MRN.Reveal()}
	}
	if err := json.NewEncoder(to).Encode(a); err != nil {
		t.Fatal(err)
	}
}
