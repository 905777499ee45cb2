package ingest

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"

	unicodes "golang.org/x/text/encoding/unicode"

	"chartroom/record"
)

// Delivery is the index that a scanning vendor delivers beside the images:
// what it says of each file. It is evidence; nothing is filed by it alone.
type Delivery struct {
	name     string // the index itself, absolute
	base     string // the folder it lies in
	rows     []deliveredRow
	problems []Problem
}

// Problem is a row of an index that says nothing usable, by its line. What
// never quotes the row.
type Problem struct {
	Line int
	What string
}

type deliveredRow struct {
	line     int
	parts    []string // the file's path as written, part by part
	absolute bool     // written with a drive or from the root
	gift     Gift
	date     string // as written
	files    int    // that the row was given to
}

// givenColumns are the fields of an index and the headings they go by, letters
// and digits only, in lower case.
var givenColumns = map[string][]string{
	"file":     {"file", "filename", "image", "imagefile", "imagename", "imagepath", "path", "filepath", "document", "documentpath", "documentfile", "scan"},
	"mrn":      {"mrn", "medicalrecordnumber", "medrecno", "patientid", "patientnumber", "patientno", "pid", "chart", "chartno", "chartnumber"},
	"type":     {"type", "doctype", "documenttype", "documentclass", "category"},
	"date":     {"date", "docdate", "documentdate", "servicedate", "dateofservice", "dos"},
	"box":      {"box", "boxno", "boxnumber", "boxid", "carton", "place"},
	"batch":    {"batch", "batchid", "batchno", "batchname", "batchnumber"},
	"facility": {"facility", "site", "location", "hospital"},
}

// LoadGiven reads a delivered index: a text table with a heading, parted by
// comma, semicolon or tab, in UTF-8, UTF-16 or one byte a character. Columns go
// by their headings: file (must be there), mrn, type, date, box, batch,
// facility, and common other names of these. Rows that cannot be read are
// counted as Problems and do not stop the others.
func LoadGiven(name string) (*Delivery, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read index: %w", plainError(err))
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, fmt.Errorf("read index: %w", plainError(err))
	}
	text, err := decoded(raw)
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	d := &Delivery{name: abs, base: filepath.Dir(abs)}
	if err := d.parse(text); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return d, nil
}

// decoded is a text as UTF-8 without its byte order mark. Without a mark the
// bytes are taken as they are: file names need not be UTF-8.
func decoded(b []byte) ([]byte, error) {
	var dec transform.Transformer
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe, 0, 0}), bytes.HasPrefix(b, []byte{0, 0, 0xfe, 0xff}):
		dec = utf32.UTF32(utf32.LittleEndian, utf32.ExpectBOM).NewDecoder()
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		dec = unicodes.UTF16(unicodes.LittleEndian, unicodes.ExpectBOM).NewDecoder()
	default:
		return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), nil
	}
	out, _, err := transform.Bytes(dec, b)
	if err != nil {
		return nil, errors.New("its characters cannot be read")
	}
	return out, nil
}

// delimiter is what parts the columns of the heading most often.
func delimiter(text []byte) rune {
	heading, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := ',', 0
	for _, c := range ",;\t|" {
		if n := strings.Count(string(heading), string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

func (d *Delivery) parse(text []byte) error {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord = delimiter(text), -1
	heading, err := r.Read()
	if err != nil {
		return errors.New("it has no heading that can be read")
	}
	columns, err := columnsOf(heading)
	if err != nil {
		return err
	}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			break
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			d.problem(e.StartLine, "its quotes do not match")
			continue
		}
		if err != nil {
			return errors.New("it cannot be read to its end")
		}
		line, _ := r.FieldPos(0)
		d.row(line, fields, columns, len(heading))
	}
	d.readDates()
	return nil
}

func (d *Delivery) problem(line int, what string) {
	d.problems = append(d.problems, Problem{line, what})
}

// columnsOf finds which column holds which field.
func columnsOf(heading []string) (map[string]int, error) {
	columns := map[string]int{}
	for i, name := range heading {
		plain := strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, name)
		for field, names := range givenColumns {
			if _, have := columns[field]; !have && slices.Contains(names, plain) {
				columns[field] = i
			}
		}
	}
	if _, ok := columns["file"]; !ok {
		return nil, errors.New("no column says which file a row is about; name one \"file\"")
	}
	if len(columns) == 1 {
		return nil, errors.New("no column says anything of the files; known are mrn, type, date, box, batch, facility")
	}
	return columns, nil
}

func (d *Delivery) row(line int, fields []string, columns map[string]int, want int) {
	if len(fields) == 1 && strings.TrimSpace(fields[0]) == "" {
		return
	}
	if len(fields) != want {
		d.problem(line, fmt.Sprintf("it has %d columns, the heading %d", len(fields), want))
		return
	}
	row := deliveredRow{line: line}
	for field, i := range columns {
		switch value := strings.TrimSpace(fields[i]); {
		case field == "file":
			row.parts, row.absolute = filePath(value)
		case field == "date":
			row.date = value
		case value != "":
			row.gift.set(field, value)
		}
	}
	if len(row.parts) == 0 {
		d.problem(line, "it names no file")
		return
	}
	d.rows = append(d.rows, row)
}

// filePath takes a path apart that may be written the Windows or the Unix way.
func filePath(s string) (parts []string, absolute bool) {
	s = strings.ReplaceAll(s, `\`, "/")
	if len(s) >= 2 && s[1] == ':' {
		s = "/" + s[2:]
	}
	for part := range strings.SplitSeq(s, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts, strings.HasPrefix(s, "/")
}

// readDates reads the date column. Whether day or month comes first is decided
// by the whole column; where it does not tell, such dates are left out.
func (d *Delivery) readDates() {
	order := d.dayOrMonthFirst()
	ambiguous := 0
	for i := range d.rows {
		row := &d.rows[i]
		if row.date == "" {
			continue
		}
		date, _, _ := strings.Cut(row.date, "T")
		date, _, _ = strings.Cut(date, " ")
		iso, ok := isoDate(date, "ymd")
		if !ok && order != "" {
			iso, ok = isoDate(date, order)
		}
		switch {
		case ok:
			row.gift.Given.Date = record.Hide(iso)
		case order == "" && couldBe(date, "mdy", "dmy"):
			ambiguous = cmp.Or(ambiguous, row.line)
		default:
			d.problem(row.line, "its date is none; the rest of the row is used")
		}
	}
	if ambiguous > 0 {
		d.problem(ambiguous, "from here: dates may have the day or the month first, and nothing in the column tells; they are left out")
	}
}

func couldBe(date string, orders ...string) bool {
	return slices.ContainsFunc(orders, func(o string) bool { _, ok := isoDate(date, o); return ok })
}

// dayOrMonthFirst is the one order in which every date of the column that is
// not written year first can be read; "" if there is none or both do.
func (d *Delivery) dayOrMonthFirst() string {
	var onlyMonth, onlyDay int
	for _, row := range d.rows {
		date, _, _ := strings.Cut(row.date, " ")
		month, day := couldBe(date, "mdy"), couldBe(date, "dmy")
		switch {
		case couldBe(date, "ymd"):
		case month && !day:
			onlyMonth++
		case day && !month:
			onlyDay++
		}
	}
	switch {
	case onlyMonth > 0 && onlyDay == 0:
		return "mdy"
	case onlyDay > 0 && onlyMonth == 0:
		return "dmy"
	}
	return ""
}

// Rows is how many usable rows the index has.
func (d *Delivery) Rows() int { return len(d.rows) }

// Problems lists, by line, the rows that could not be used; after a Collect
// also those that fit no file, or not one alone.
func (d *Delivery) Problems() []Problem {
	slices.SortFunc(d.problems, func(a, b Problem) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.What, b.What)) })
	return slices.Clone(d.problems)
}

// match is a row that may be about a file, and how well the paths agree.
type match struct{ file, row, score int }

// assign finds for each file, given by its absolute path, what the index says
// of it. A row belongs to the file whose path ends as the row's does, and to
// no file where several fit as well.
func (d *Delivery) assign(files []string) []Gift {
	gifts := make([]Gift, len(files))
	if d == nil {
		return gifts
	}
	rowsOf := map[string][]int{}
	for i, row := range d.rows {
		name := strings.ToLower(row.parts[len(row.parts)-1])
		rowsOf[name] = append(rowsOf[name], i)
	}
	var matches []match
	for f, name := range files {
		parts := strings.Split(strings.TrimPrefix(name, "/"), "/")
		for _, r := range rowsOf[strings.ToLower(parts[len(parts)-1])] {
			if score := d.rows[r].score(parts, d.base, name); score > 0 {
				matches = append(matches, match{f, r, score})
			}
		}
	}
	for f, rows := range d.choose(matches, len(files)) {
		gifts[f] = d.agreed(rows)
	}
	d.unused()
	return gifts
}

// score tells how well a row's path fits a file: 0 not at all. All of the
// row's path must be the end of the file's; of an absolute one, written on
// another machine, the last two parts are enough. Letter case breaks ties.
func (row deliveredRow) score(file []string, base, name string) int {
	if !row.absolute && filepath.Join(base, filepath.Join(row.parts...)) == name {
		return 1 << 20
	}
	same, exact := 0, 1
	for i := 1; i <= min(len(file), len(row.parts)); i++ {
		a, b := file[len(file)-i], row.parts[len(row.parts)-i]
		if !strings.EqualFold(a, b) {
			break
		}
		if a != b {
			exact = 0
		}
		same++
	}
	if same < len(row.parts) && (!row.absolute || same < 2) {
		return 0
	}
	return same*2 + exact
}

// choose keeps the matches that are the best of their file and the one best of
// their row.
func (d *Delivery) choose(matches []match, files int) map[int][]int {
	bestOfFile, bestOfRow, ties := make([]int, files), make([]int, len(d.rows)), make([]int, len(d.rows))
	for _, m := range matches {
		bestOfFile[m.file] = max(bestOfFile[m.file], m.score)
		switch {
		case m.score > bestOfRow[m.row]:
			bestOfRow[m.row], ties[m.row] = m.score, 1
		case m.score == bestOfRow[m.row]:
			ties[m.row]++
		}
	}
	chosen := map[int][]int{}
	for _, m := range matches {
		if m.score != bestOfRow[m.row] || m.score != bestOfFile[m.file] {
			continue
		}
		d.rows[m.row].files++
		if ties[m.row] == 1 {
			chosen[m.file] = append(chosen[m.file], m.row)
		}
	}
	return chosen
}

// agreed is what all rows about one file say; a field on which they differ is
// left out.
func (d *Delivery) agreed(rows []int) Gift {
	gift := d.rows[rows[0]].gift
	for _, r := range rows[1:] {
		if o := d.rows[r].gift; gift.differs(o) {
			d.problem(d.rows[r].line, fmt.Sprintf("it says something else than line %d of the same file; that is left out", d.rows[rows[0]].line))
			gift = gift.common(o)
		}
	}
	return gift
}

// differs reports whether common leaves anything of g out.
func (g Gift) differs(o Gift) bool { return g.common(o) != g }

// common is what both say alike.
func (g Gift) common(o Gift) Gift {
	private := func(a *record.Private, b record.Private) {
		if !a.Equal(b) {
			*a = record.Private{}
		}
	}
	plain := func(a *string, b string) {
		if *a != b {
			*a = ""
		}
	}
	private(&g.Given.MRN, o.Given.MRN)
	private(&g.Given.DocType, o.Given.DocType)
	private(&g.Given.Date, o.Given.Date)
	plain(&g.Box, o.Box)
	plain(&g.Batch, o.Batch)
	plain(&g.Facility, o.Facility)
	return g
}

func (d *Delivery) unused() {
	for _, row := range d.rows {
		switch {
		case row.files == 0:
			d.problem(row.line, "no file fits it")
		case row.files > 1:
			d.problem(row.line, "more than one file fits it; it is given to none")
		}
	}
}
