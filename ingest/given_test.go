package ingest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func loadGiven(t *testing.T, text string) (*Delivery, string) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "index.csv")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := LoadGiven(name)
	if err != nil {
		t.Fatal(err)
	}
	return d, dir
}

func utf16LE(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func TestDeliveredIndexIsReadHoweverItIsWritten(t *testing.T) {
	for name, text := range map[string]string{
		"comma":             "File,MRN,Doc Type,Date,Box,Batch,Facility\nIMG/1.tif,0042,lab,2011-02-09,B1,7,north\n",
		"semicolon, mark":   "\xef\xbb\xbffile_name;Patient ID;DocumentType;DOC_DATE;Carton;Batch No.;Site\r\nIMG\\1.tif;0042;lab;20110209;B1;7;north\r\n",
		"tab, UTF-16":       utf16LE("Image Path\tChart No\tCategory\tService Date\tBox\tBatch\tFacility\r\n.\\IMG\\1.TIF\t0042\tlab\t02/09/2011\tB1\t7\tnorth\r\n9.tif\t1\tlab\t02/29/2012\t\t\t\r\n"),
		"quotes, line feed": "\"file\",\"mrn\",\"type\",\"date\",\"box\",\"batch\",\"facility\",\"note\"\n\"IMG/1.tif\",\"0042\",\"lab\",\"2011-02-09 10:00\",\"B1\",\"7\",\"north\",\"two\nlines\"\n",
		"another machine's": "path,mrn,type,date,box,batch,facility\nD:\\export\\IMG\\1.tif,0042,lab,2011-02-09,B1,7,north\n",
	} {
		d, dir := loadGiven(t, text)
		g := d.assign([]string{filepath.Join(dir, "IMG/1.tif")})[0]
		if g.Given.MRN.Reveal() != "0042" || g.Given.DocType.Reveal() != "lab" || g.Given.Date.Reveal() != "2011-02-09" || g.Box != "B1" || g.Batch != "7" || g.Facility != "north" {
			t.Errorf("%s: mrn %q type %q date %q %+v, problems %v", name, g.Given.MRN.Reveal(), g.Given.DocType.Reveal(), g.Given.Date.Reveal(), g, d.Problems())
		}
	}
}

func TestBrokenRowsAreNamedByLineWithoutContent(t *testing.T) {
	d, dir := loadGiven(t, `file,mrn,date
1.tif,0042,2011-02-09
2.tif,0042
"3.tif,"0042",2011-02-09
,0042,2011-02-09
5.tif,0042,SECRET
nowhere.tif,0042,2011-02-09
same.tif,0042,2011-02-09
7.tif,0042,2011-02-09
7.tif,9999,2011-02-09
`)
	files := []string{"1.tif", "5.tif", "a/same.tif", "b/same.tif", "7.tif"}
	for i, f := range files {
		files[i] = filepath.Join(dir, f)
	}
	gifts := d.assign(files)
	var lines []int
	for _, p := range d.Problems() {
		lines = append(lines, p.Line)
		if strings.ContainsAny(p.What, "0") || strings.Contains(p.What, "SECRET") || strings.Contains(p.What, "tif") {
			t.Errorf("a problem quotes its row: %q", p.What)
		}
	}
	if !slices.Equal(lines, []int{3, 4, 5, 6, 7, 8, 10}) {
		t.Errorf("problems %v", d.Problems())
	}
	if gifts[0].Given.MRN.Reveal() != "0042" || gifts[1].Given.MRN.Reveal() != "0042" || !gifts[1].Given.Date.IsZero() {
		t.Error("good parts of the index are not used")
	}
	if !gifts[2].Given.IsZero() || !gifts[3].Given.IsZero() {
		t.Error("a row that fits two files was given to one")
	}
	if !gifts[4].Given.MRN.IsZero() || gifts[4].Given.Date.Reveal() != "2011-02-09" {
		t.Error("of two rows that contradict each other one was believed")
	}
}

func TestDatesThatMayBeReadTwoWaysAreLeftOut(t *testing.T) {
	for text, want := range map[string]string{
		"02/03/2011":            "",
		"02/03/2011 25/12/2011": "2011-03-02",
		"02/03/2011 12/25/2011": "2011-02-03",
		"25/12/2011 12/25/2011": "",
	} {
		index := "file,date\n"
		for i, date := range strings.Fields(text) {
			index += string(rune('1'+i)) + ".tif," + date + "\n"
		}
		d, dir := loadGiven(t, index)
		got := d.assign([]string{filepath.Join(dir, "1.tif")})[0].Given.Date.Reveal()
		if got != want {
			t.Errorf("%s: first date read as %q, want %q", text, got, want)
		}
	}
}

func TestIndexWithoutItsColumnsIsRefused(t *testing.T) {
	for _, text := range []string{"", "mrn,date\n1,2011-02-09\n", "file,remark\n1.tif,x\n", "\"file,mrn\n"} {
		name := filepath.Join(t.TempDir(), "index.csv")
		os.WriteFile(name, []byte(text), 0o600)
		if _, err := LoadGiven(name); err == nil {
			t.Errorf("%q is taken as an index", text)
		}
	}
}

func TestFolderPatternsGiveWhatTheNamesSay(t *testing.T) {
	for _, tc := range []struct{ pattern, dir, mrn, kind, date, box, batch string }{
		{"{mrn}_{date}/{type}", "0042_2011-02-09/lab", "0042", "lab", "2011-02-09", "", ""},
		{"{mrn}_{date}/{type}", "0042_20110209/lab/deeper", "0042", "lab", "2011-02-09", "", ""},
		{"{mrn}_{date}/{type}", "0042_20111309/lab", "", "", "", "", ""},
		{"{mrn}_{date}/{type}", "0042_2011-02-09", "0042", "", "2011-02-09", "", ""},
		{"{box}/{mrn}/", "B 7/0042", "0042", "", "", "B 7", ""},
		{"{box}/{mrn}/", "B7/GARCIA MARIA", "", "", "", "B7", ""},
		{"Box {box}/{batch}", "Box 12/Monday", "", "", "", "12", "Monday"},
		{"Box {box}/{batch}", "12/Monday", "", "", "", "", ""},
		{"{*}-{mrn}/{date:dmy}", "x-y-0042/9.2.2011", "y-0042", "", "2011-02-09", "", ""},
		{"{date:mdy} {mrn}", "02-09-2011 0042", "0042", "", "2011-02-09", "", ""},
		{"{type}", "caf\xff\n", "", "caf\xff\n", "", "", ""},
		{"", "0042", "", "", "", "", ""},
	} {
		p, err := ParsePattern(tc.pattern)
		if err != nil {
			t.Fatal(err)
		}
		g := p.Given(tc.dir)
		if g.Given.MRN.Reveal() != tc.mrn || g.Given.DocType.Reveal() != tc.kind || g.Given.Date.Reveal() != tc.date || g.Box != tc.box || g.Batch != tc.batch {
			t.Errorf("%s on %q: mrn %q type %q date %q box %q batch %q", tc.pattern, tc.dir, g.Given.MRN.Reveal(), g.Given.DocType.Reveal(), g.Given.Date.Reveal(), g.Box, g.Batch)
		}
	}
}

func TestWrongPatternsAreRefusedAtOnce(t *testing.T) {
	for _, pattern := range []string{"{mrn}{date}", "{name}", "{mrn", "mrn}", "{mrn}/{mrn}", "{date}-{date:mdy}", "a//b", "{box}/../x"} {
		if _, err := NewIntake(IntakeConfig{Folders: []Folder{{Path: "/drop", Pattern: pattern}}}, nil, nil, nil); err == nil {
			t.Errorf("%q is taken as a pattern", pattern)
		}
	}
	for _, f := range []Folder{{Path: "relative"}, {Path: "/x", Name: "a/b"}, {Path: "/x", Name: ".."}, {Path: "/x", Name: "a\nb"}, {Path: "/x", Name: CommandLine}, {}} {
		if _, err := NewIntake(IntakeConfig{Folders: []Folder{f}}, nil, nil, nil); err == nil {
			t.Errorf("%+v is taken as a drop folder", f)
		}
	}
}
