package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"chartroom/ingest"
	"chartroom/objectstore"
)

func serveCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Watch the drop folders, read what arrives, and serve the pages",
		Long: `Watches the drop folders, takes every scan through its journey, and serves the
clerk's pages and the API until it is stopped with Ctrl-C or SIGTERM.
Once it is ready it prints each drop folder and the address of the pages.`,
		Example: `  chartroom serve
  chartroom serve --data /srv/chartroom --config /etc/chartroom.toml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.settings()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&o.listen, "listen", "", "address of the pages, loopback only (default "+defaultListen+")")
	return c
}

func serve(ctx context.Context, cfg Config, out io.Writer) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	held, err := takeLock(cfg.Data)
	if errors.Is(err, errOwned) {
		return fmt.Errorf("%w: stop that one first, or choose another folder with --data", err)
	}
	if err != nil {
		return err
	}
	defer held.release()
	pages, err := listenPages(cfg.Pages.Listen)
	if err != nil {
		return err
	}
	defer pages.Close()
	app, err := newApp(ctx, cfg, needWatch)
	if err != nil {
		return err
	}
	defer app.close()
	if err := app.pool.Check(); err != nil {
		return err
	}
	socket, err := listenSocket(cfg.Data)
	if err != nil {
		return err
	}
	app.warnIfEmpty(ctx)
	for _, d := range cfg.Drop {
		fmt.Fprintf(out, "drop folder: %s\n", d.Path)
	}
	fmt.Fprintf(out, "pages: http://%s/\n", pages.Addr())
	if err := app.serve(ctx, pages, socket); !stopped(err) {
		return err
	}
	return nil
}

// warnIfEmpty says what to do when the catalog was lost and the store was not.
func (a *app) warnIfEmpty(ctx context.Context) {
	n, err := a.catalog.Counts(ctx)
	if err != nil || n.Total > 0 {
		return
	}
	for _, err := range a.store.List(ctx, "records/") {
		if err == nil {
			a.log.Warn("the catalog is empty but the store holds records: run `chartroom rebuild`")
		}
		return
	}
}

// with runs a command's work with the owner of the data folder.
func (o *options) with(cmd *cobra.Command, need need, work func(context.Context, *owner) error) error {
	cfg, err := o.settings()
	if err != nil {
		return err
	}
	if o.level == "" && cfg.Log.Level == "info" {
		cfg.Log.Level = "error" // a short command speaks through its answer
	}
	owner, err := connect(cmd.Context(), cfg, need)
	if err != nil {
		return err
	}
	defer owner.close()
	return work(cmd.Context(), owner)
}

func ingestCommand(o *options) *cobra.Command {
	var r ingestRequest
	var asJSON bool
	c := &cobra.Command{
		Use:   "ingest PATH…",
		Short: "Take files and folders through the whole journey now",
		Long: `Takes files and folders (with their subfolders) through the whole journey and
returns when each has its end. The files stay where they are unless --move is
given. Taking in again what was taken is done at once. Exit status 3 says that
some scans were rejected; "chartroom documents --status rejected" lists them.`,
		Example: `  chartroom ingest scan.pdf
  chartroom ingest --index delivery.csv --box "Box 12" /mnt/vendor/delivery-7`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, p := range args {
				abs, err := filepath.Abs(p)
				if err != nil {
					return err
				}
				if _, err := os.Lstat(abs); err != nil {
					return usageError{fmt.Sprintf("%q cannot be found: check the path", p)}
				}
				r.Paths = append(r.Paths, []byte(abs))
			}
			if r.Index != "" {
				abs, err := filepath.Abs(r.Index)
				if err != nil {
					return err
				}
				r.Index = abs
			}
			return o.with(cmd, needWork, func(ctx context.Context, owner *owner) error {
				return runIngest(ctx, owner, r, cmd.OutOrStdout(), asJSON)
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&r.Move, "move", false, "remove each file once its original is stored and verified")
	f.StringVar(&r.Index, "index", "", "delivered index (CSV: file, mrn, type, date, box, batch); evidence that is checked against the pages")
	f.StringVar(&r.Pattern, "pattern", "", "what folder names say, such as {box}/{mrn}_{date}/{type}")
	f.StringVar(&r.Facility, "facility", "", "facility the paper comes from")
	f.StringVar(&r.Batch, "batch", "", "batch the files belong to")
	f.StringVar(&r.Place, "box", "", "box where the paper lies")
	f.BoolVar(&asJSON, "json", false, "print the summary as JSON")
	return c
}

func runIngest(ctx context.Context, owner *owner, r ingestRequest, out io.Writer, asJSON bool) error {
	bar := newBar("reading")
	var sum ingestSummary
	err := owner.call(ctx, "ingest", r, func(raw json.RawMessage) {
		var p ingestProgress
		if json.Unmarshal(raw, &p) == nil {
			bar.ingest(p)
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
		printIngest(out, sum)
	}
	switch {
	case len(sum.Failed) > 0:
		return fmt.Errorf("%d files could not be taken; the first: %s", len(sum.Failed), sum.Failed[0])
	case sum.Status["rejected"] > 0:
		return errRejected
	}
	return nil
}

func searchCommand(o *options) *cobra.Command {
	var asJSON bool
	limit, status := 10, ""
	c := &cobra.Command{
		Use:   "search QUERY",
		Short: "Find pages, best first",
		Long: `Finds pages by words, names, numbers and dates, though they were misread.
Words and fields can be mixed; doc/query.md has the whole language.`,
		Example: `  chartroom search garcia
  chartroom search 'mrn:00482913'
  chartroom search '"discharge summary" garcia date:2014-03'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"q": {joinWords(args)}, "limit": {strconv.Itoa(limit)}}
			if status != "" {
				q.Set("status", status)
			}
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				return runSearch(ctx, owner, q, cmd.OutOrStdout(), asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	c.Flags().IntVar(&limit, "limit", limit, "at most this many pages")
	c.Flags().StringVar(&status, "status", "", "only documents in this status")
	return c
}

func runSearch(ctx context.Context, owner *owner, q url.Values, out io.Writer, asJSON bool) error {
	resp, err := owner.get(ctx, "/api/v1/search", q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var found searchAnswer
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if found.Partial {
		say(errors.New("the index is being rebuilt or a part of it is out of service: more may match than is shown"))
	}
	if asJSON {
		for _, h := range found.Hits {
			fmt.Fprintf(out, "%s\n", h)
		}
	} else {
		printHits(out, found)
	}
	if len(found.Hits) == 0 {
		return fmt.Errorf("%w: try fewer words, or part of a name with * at its end", errNothing)
	}
	return nil
}

func documentsCommand(o *options) *cobra.Command {
	var asJSON, text bool
	var status string
	c := &cobra.Command{
		Use:   "documents",
		Short: "List all documents",
		Example: `  chartroom documents --status review
  chartroom documents --json --text > all.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"format": {"ndjson"}}
			if text {
				q.Set("text", "1")
			}
			if status != "" {
				q.Set("status", status)
			}
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				resp, err := owner.get(ctx, "/api/v1/documents", q)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				if asJSON {
					return copyAnswer(cmd.OutOrStdout(), resp.Body)
				}
				return printDocuments(cmd.OutOrStdout(), resp.Body, text)
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&asJSON, "json", false, "print a JSON object a line")
	f.BoolVar(&text, "text", false, "with the pages' text")
	f.StringVar(&status, "status", "", "only documents in this status: waiting, filed, review, hold, rejected; or superseded, those that are none any more")
	return c
}

func showCommand(o *options) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one document",
		Example: "  chartroom show 3w5kq0v9c2m8x1hd --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				resp, err := owner.document(ctx, args[0], "")
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				if asJSON {
					return copyAnswer(cmd.OutOrStdout(), resp.Body)
				}
				return printDocument(cmd.OutOrStdout(), resp.Body)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the whole document as JSON")
	return c
}

func exportCommand(o *options) *cobra.Command {
	var as, output string
	c := &cobra.Command{
		Use:   "export ID",
		Short: "Write a document's original, searchable PDF, text or hOCR",
		Long: `Writes one document to standard output, or to a file with --output. A file is
written whole or not at all. The original comes back byte for byte. The PDF is
PDF/A-2b: the pages as they were scanned, upright, with their text behind them.
The text of each page ends with a form feed.`,
		Example: `  chartroom export 3w5kq0v9c2m8x1hd --as original --output scan.tiff
  chartroom export 3w5kq0v9c2m8x1hd --as pdf --output chart.pdf
  chartroom export 3w5kq0v9c2m8x1hd --as text`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, ok := exports[as]
			if !ok {
				return usageError{fmt.Sprintf("--as %s: want original, pdf, text or hocr", as)}
			}
			if dir := filepath.Dir(output); output != "" && !isFolder(dir) {
				return usageError{fmt.Sprintf("%q is no folder: make it, or write elsewhere", dir)}
			}
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				resp, err := owner.document(ctx, args[0], path)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				if output == "" {
					return copyAnswer(cmd.OutOrStdout(), resp.Body)
				}
				return writeWhole(output, resp.Body)
			})
		},
	}
	c.Flags().StringVar(&as, "as", "original", "original, pdf, text or hocr")
	c.Flags().StringVarP(&output, "output", "o", "", "file to write")
	return c
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func copyAnswer(w io.Writer, r io.Reader) error {
	if _, err := io.Copy(w, r); err != nil {
		return errors.New("the answer broke off before its end; what was written is not whole")
	}
	return nil
}

// writeWhole writes a file that is there only when all of it is. What a link
// leads to is written, and what is no file, such as a pipe or a device, is
// written to as it is: neither is put out of its place.
func writeWhole(path string, r io.Reader) error {
	place := path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		place = target
	}
	info, err := os.Stat(place)
	switch {
	case err == nil && info.IsDir():
		return usageError{fmt.Sprintf("%q is a folder: name a file", path)}
	case err == nil && !info.Mode().IsRegular():
		return writeThrough(path, r)
	}
	f, err := os.CreateTemp(filepath.Dir(place), ".chartroom-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	err = copyAnswer(f, r)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), place)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeThrough(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		err = errors.Join(copyAnswer(f, r), f.Close())
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func verifyCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Read every original and record and check that none has changed",
		Long: `Reads every object in the store. Originals must hash to their name, records and
receipts must be readable, and every document must have both. What is wrong is
named: changed, missing or unexpected. Exit status 1 if anything is.`,
		Example: "  chartroom verify",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				return runVerify(ctx, owner, cmd.OutOrStdout())
			})
		},
	}
}

func runVerify(ctx context.Context, owner *owner, out io.Writer) error {
	bar := newBar("verifying")
	var sum ingest.Verified
	err := owner.call(ctx, "verify", nothing{}, func(raw json.RawMessage) {
		var p verifyProgress
		if json.Unmarshal(raw, &p) != nil {
			return
		}
		if p.Finding != nil {
			bar.clear()
			fmt.Fprintf(out, "%s: %s: %s\n", p.Finding.What, p.Finding.Key, p.Finding.Why)
		}
		if p.Count != nil {
			bar.count(p.Count.Originals+p.Count.Records+p.Count.Receipts+p.Count.Others, 0)
		}
	}, &sum)
	bar.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d originals, %d records, %d receipts, %d others verified (%s); %d found wrong\n", sum.Originals, sum.Records, sum.Receipts, sum.Others, bytesText(sum.Bytes), sum.Findings)
	if sum.Findings > 0 {
		return fmt.Errorf("%d objects are not as they should be", sum.Findings)
	}
	return nil
}

func reindexCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "reindex",
		Short:   "Build the search index again from the catalog",
		Example: "  chartroom reindex",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, needReading, func(ctx context.Context, owner *owner) error {
				var r reindexResult
				if err := owner.call(ctx, "reindex", nothing{}, func(json.RawMessage) {}, &r); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d pages indexed\n", r.Pages)
				return nil
			})
		},
	}
}

func rebuildCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild",
		Short: "Build catalog and index again from the store alone",
		Long: `Empties the catalog, then fills it and the index again from the originals,
records, receipts and registry in the store. Nothing in the store is changed.
A catalog that is damaged is set aside first.`,
		Example: "  chartroom rebuild",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, needRebuild, func(ctx context.Context, owner *owner) error {
				bar := newBar("rebuilding")
				var r ingest.Rebuilt
				err := owner.call(ctx, "rebuild", nothing{}, func(raw json.RawMessage) {
					var p ingest.Rebuilt
					if json.Unmarshal(raw, &p) == nil {
						bar.count(p.Documents, 0)
					}
				}, &r)
				bar.end()
				if err != nil {
					return err
				}
				printRebuilt(cmd.OutOrStdout(), r)
				return nil
			})
		},
	}
}

func configCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "config",
		Short:   "Print the settings in force, secrets hidden",
		Example: "  chartroom config --config /etc/chartroom.toml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.settings()
			if err != nil {
				return err
			}
			return cfg.print(cmd.OutOrStdout())
		},
	}
}

func keygenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen",
		Short: "Make a master key for the store's encryption",
		Long: `Prints a new master key, a line for the file that store.encryption.key_file
names. The first key of the file is the one in force; later ones stay for what
they sealed. Keep a copy where the store is not: without its key no original can
be read.`,
		Example: "  (umask 077; chartroom keygen > /etc/chartroom.keys)",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), objectstore.NewKey().Reveal())
			return err
		},
	}
}
