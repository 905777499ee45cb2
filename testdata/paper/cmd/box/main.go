// Box writes a box of made-up scans with its registry and truth:
//
//	go run ./testdata/paper/cmd/box -seed 7 -n 100 -out /tmp/box
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	"chartroom/testdata/paper"
)

func main() {
	seed := flag.Uint64("seed", 1, "seed: the same gives the same box")
	n := flag.Int("n", 80, "how many scans")
	out := flag.String("out", "", "folder to write")
	patients := flag.Int("patients", 0, "how many people are registered (default 2000)")
	layouts := flag.String("layouts", "", "only these layouts, with commas: "+strings.Join(paper.Layouts(), ","))
	levels := flag.String("levels", "", "only these levels of wear: clean,office,worn,bad")
	workers := flag.Int("workers", runtime.NumCPU(), "how many scans are made at once")
	flag.Parse()
	if err := write(*seed, *n, *out, *patients, *layouts, *levels, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "box:", err)
		os.Exit(1)
	}
}

func write(seed uint64, n int, out string, patients int, layouts, levels string, workers int) error {
	if out == "" {
		return fmt.Errorf("-out must name a folder")
	}
	o := paper.Options{Patients: patients}
	if layouts != "" {
		o.Layouts = strings.Split(layouts, ",")
	}
	if levels != "" {
		for l := range strings.SplitSeq(levels, ",") {
			o.Levels = append(o.Levels, paper.Level(l))
		}
	}
	b, err := paper.New(seed, o)
	if err != nil {
		return err
	}
	return b.Write(out, n, workers)
}
