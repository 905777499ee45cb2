package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chartroom/jail"
	"chartroom/objectstore"
	"chartroom/ocr"
)

// finding is one line of the doctor's report. Level is "ok", "note" or "bad".
type finding struct {
	Level string `json:"level"`
	What  string `json:"what"`
	Says  string `json:"says"`
}

// diagnosis is the doctor's whole report.
type diagnosis struct {
	Findings []finding `json:"findings"`
}

func (d *diagnosis) add(what, fine string, err error) {
	if err != nil {
		d.Findings = append(d.Findings, finding{"bad", what, err.Error()})
		return
	}
	d.Findings = append(d.Findings, finding{"ok", what, fine})
}

func (d *diagnosis) note(what, says string) {
	d.Findings = append(d.Findings, finding{"note", what, says})
}

// doctor says what is wrong with this machine and the settings.
func (a *app) doctor(ctx context.Context, _ nothing, _ func(nothing)) (diagnosis, error) {
	var d diagnosis
	a.diagnoseReading(ctx, &d)
	a.diagnoseFolders(ctx, &d)
	probe, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	d.add("store", a.cfg.Store.Kind+": writes, reads back, refuses to overwrite", a.store.Check(probe))
	if a.cfg.Store.Encryption == (EncryptionConfig{}) {
		d.note("store", "not encrypted by chartroom; see store.encryption in doc/config.md")
	}
	d.add("catalog", "answers", a.catalog.Check(ctx))
	d.add("index", fmt.Sprintf("%d behind the catalog", a.indexState().Behind()), errors.Join(a.indexHealth(), a.index.Check(ctx)))
	d.add("disk", "room enough", a.diskHealth())
	return d, nil
}

func (a *app) diagnoseReading(ctx context.Context, d *diagnosis) {
	languages, err := ocr.Languages("")
	if err == nil {
		err = a.pool.Check()
	}
	engine, _ := a.pool.Engine() // Check has its error
	d.add("tesseract", engine.String()+"; languages "+strings.Join(languages, " "), err)
	if engine.Refused != "" {
		d.note("tesseract", "built engine is not used: "+engine.Refused)
	}
	for _, program := range []string{"pdftoppm", "pdftotext", "pdfinfo"} {
		if _, err := exec.LookPath(program); err != nil {
			d.add("poppler", "", fmt.Errorf("%s is not installed: apt-get install poppler-utils", program))
		}
	}
	self, err := os.Executable()
	if err != nil {
		d.add("jail", "", err)
		return
	}
	report, err := jail.Probe(ctx, []string{self})
	if err == nil && !report.Holds() {
		err = fmt.Errorf("does not hold on this machine (kernel %s): %s", report.Kernel, strings.Join(report.Escapes, ", "))
	}
	d.add("jail", fmt.Sprintf("holds: Landlock %d, seccomp, limits (kernel %s)", report.LandlockABI, report.Kernel), err)
}

func (a *app) diagnoseFolders(ctx context.Context, d *diagnosis) {
	for _, f := range a.intake.Inspect(ctx) {
		what := fmt.Sprintf("drop folder %q", f.Name)
		var err error
		if !f.OK {
			err = errors.New(f.Reason)
		}
		d.add(what, fmt.Sprintf("%s, %s; %d files wait", f.FileSystem, f.Watch, f.WaitingTotal), err)
	}
}

func doctorCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with this machine and its settings",
		Long: `Checks the reader and its languages, the jail, every drop folder, the store (with
a probe that writes and reads back), the catalog, the index and the disk.
Exit status 1 if anything is wrong.`,
		Example: "  chartroom doctor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				var d diagnosis
				if err := owner.call(ctx, "doctor", nothing{}, func(json.RawMessage) {}, &d); err != nil {
					return err
				}
				return printDiagnosis(cmd.OutOrStdout(), d)
			})
		},
	}
}

func printDiagnosis(out io.Writer, d diagnosis) error {
	bad := 0
	for _, f := range d.Findings {
		if f.Level == "bad" {
			bad++
		}
		fmt.Fprintf(out, "%-4s  %s: %s\n", f.Level, f.What, harmless(f.Says))
	}
	if bad > 0 {
		return fmt.Errorf("%d things are wrong; each line says what to do", bad)
	}
	return nil
}

// storeKeys loads the master keys, nil where there are none.
func storeKeys(c EncryptionConfig) (*objectstore.Keyring, error) {
	switch {
	case c.KeyFile != "":
		k, err := objectstore.LoadKeyring(c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read store.encryption.key_file: %w", err)
		}
		return k, nil
	case c.Keys != "":
		k, err := objectstore.ParseKeyring(objectstore.NewSecret(string(c.Keys)))
		if err != nil {
			return nil, fmt.Errorf("read store.encryption.keys: %w", err)
		}
		return k, nil
	}
	return nil, nil
}
