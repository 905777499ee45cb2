package patient_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"chartroom/identify"
	"chartroom/record"
)

func TestZZ(t *testing.T) {
	dirs, _ := filepath.Glob(os.Getenv("ZZ"))
	for _, d := range dirs {
		f := identify.Find(loadPages(t, d), record.Given{}, identify.Options{})
		fmt.Println("##", filepath.Base(d), "|", f.DocType, "|", f.Date)
		for _, id := range f.Identifiers {
			fmt.Printf("   %-9s %-11s %-34s %.2f %s\n", id.Kind, id.Role, id.Value.Reveal(), id.Confidence, id.Check)
		}
	}
}
