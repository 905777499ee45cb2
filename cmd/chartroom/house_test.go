package main

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// rooms reads who may import whom from the table in doc/design.md, so that the
// plan and the code cannot drift apart.
func rooms(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "doc/design.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	row := regexp.MustCompile(`^([a-z0-9/]+)/ {2,}.*? {2,}([a-z(][a-z (),]*)$`)
	allowed := map[string][]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := row.FindStringSubmatch(lines.Text()); m != nil {
			allowed[m[1]] = strings.Fields(m[2])
		}
	}
	if len(allowed) < 10 {
		t.Fatalf("found %d rooms in doc/design.md", len(allowed))
	}
	return allowed
}

// imports maps each package folder of the module to what it imports outside
// of tests.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata" || rel == "tools" || rel == "bin" || rel == "var" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			dir := filepath.Dir(rel)
			if !slices.Contains(found[dir], name) {
				found[dir] = append(found[dir], name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// testHelpers are packages that only tests import; they may use more.
var testHelpers = []string{"objectstore/storetest"}

func TestArrowsBetweenRoomsPointDown(t *testing.T) {
	allowed := rooms(t)
	for dir, list := range imports(t) {
		top, _, _ := strings.Cut(dir, "/")
		if dir == "cmd/chartroom" || slices.Contains(testHelpers, dir) {
			continue
		}
		may, ok := allowed[top]
		if !ok {
			t.Errorf("%s is not a room of doc/design.md", dir)
			continue
		}
		for _, name := range list {
			room, ours := strings.CutPrefix(name, "chartroom/")
			room, _, _ = strings.Cut(room, "/")
			if ours && room != top && !slices.Contains(may, room) {
				t.Errorf("%s imports %s, which doc/design.md does not let it", dir, name)
			}
		}
	}
}

// Foreign parts stay behind one wall each.
func TestForeignPartsStayInTheirRoom(t *testing.T) {
	walls := map[string]string{
		"github.com/otiai10/gosseract": "ocr", "github.com/blevesearch/": "index", "github.com/minio/": "objectstore/s3", "github.com/riverqueue/": "catalog",
		"modernc.org/sqlite": "catalog", "github.com/jackc/": "catalog", "github.com/pdfcpu/": "scan", "github.com/fsnotify/": "ingest",
		"github.com/landlock-lsm/": "jail", "github.com/elastic/": "jail", "github.com/spf13/": "cmd/chartroom", "github.com/BurntSushi/": "cmd/chartroom",
	}
	for dir, list := range imports(t) {
		for _, name := range list {
			for part, room := range walls {
				if strings.HasPrefix(name, part) && dir != room && !strings.HasPrefix(dir, room+"/") {
					t.Errorf("%s imports %s, which belongs in %s alone", dir, name, room)
				}
			}
			if name == "C" && !strings.HasPrefix(dir, "ocr") {
				t.Errorf("%s uses C", dir)
			}
		}
	}
}

func TestTheNounsImportNothingForeign(t *testing.T) {
	for dir, list := range imports(t) {
		if dir != "record" && dir != "objectstore" {
			continue
		}
		for _, name := range list {
			if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") || first == "chartroom" || dir == "record" && (name == "os" || name == "net" || name == "time/tzdata") {
				t.Errorf("%s imports %s", dir, name)
			}
		}
	}
}
