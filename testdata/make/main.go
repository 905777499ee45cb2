// Make writes the small scans of this folder anew: go run ./testdata/make
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"chartroom/scan/scantest"
)

func main() {
	for name, content := range scantest.Files() {
		if err := os.WriteFile(filepath.Join("testdata", name), content, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
