// Command chartroom takes scanned paper records from drop folders, keeps the
// originals, reads them, files them to patients, and finds them again.
//
// This package is wiring. It reads the settings (config.go), puts the rooms
// together (app.go, adapters.go), makes sure that a data folder has one owner
// (owner.go), and turns every other command into a question to that owner
// (client.go, control.go). What people see is in tui.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"chartroom/jail"
	"chartroom/ocr"
	"chartroom/scan"
)

// Exit statuses, as the help says them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitRejected = 3
	exitNothing  = 4
)

// usageError is a mistake in how a command was called.
type usageError struct{ what string }

func (e usageError) Error() string { return e.what }

// errRejected says that the work is done but some scans were rejected.
var errRejected = errors.New("some scans were rejected")

func main() {
	if len(os.Args) > 1 {
		jailed(os.Args[1], os.Args[2:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	os.Exit(exitStatus(err))
}

// jailed is where the hidden commands go that run in a jail: children of this
// program that read hostile bytes. They do not return.
func jailed(command string, args []string) {
	switch command {
	case "jailed":
		jail.Exit(jail.Main(args))
	case "ocr-worker":
		jail.Exit(ocr.Worker(context.Background()))
	case "scan-worker":
		jail.Exit(scan.Worker())
	}
}

func exitStatus(err error) int {
	switch _, usage := errors.AsType[usageError](err); {
	case err == nil:
		return exitDone
	case errors.Is(err, errRejected):
		return exitRejected
	case errors.Is(err, errNothing):
		say(err)
		return exitNothing
	case usage:
		say(err)
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "chartroom: stopped; what was taken in goes on at the next start")
		return exitFailed
	}
	say(err)
	return exitFailed
}

// options are the flags that every command takes.
type options struct {
	config string
	data   string
	listen string
	level  string
}

// settings are the effective settings: file, environment, then flags.
func (o *options) settings() (Config, error) {
	cfg, err := loadConfig(o.config, os.Environ())
	if err != nil {
		return cfg, err
	}
	if o.data != "" {
		cfg.Data = o.data
	}
	if o.listen != "" {
		cfg.Pages.Listen = o.listen
	}
	if o.level != "" {
		cfg.Log.Level = o.level
	}
	return cfg, cfg.finish()
}

func newRoot() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   "chartroom",
		Short: "Scanned paper records: kept, read, filed to patients, and found again",
		Long: `Chartroom takes scanned paper records from drop folders, keeps every original,
reads it with OCR, finds out which patient it belongs to, and indexes the text.

Exit status: 0 done, 1 failed, 2 usage, 3 done but some scans were rejected,
4 nothing found.`,
		Example: `  chartroom serve
  chartroom patients import registry.csv
  chartroom ingest /mnt/backlog/box-12
  chartroom search "garcia discharge 2011"`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := root.PersistentFlags()
	f.StringVar(&o.config, "config", "", "settings file (TOML; see doc/config.md)")
	f.StringVar(&o.data, "data", "", `data folder (default "var")`)
	f.StringVar(&o.level, "log-level", "", "debug, info, warn or error")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err.Error()} })
	root.AddCommand(serveCommand(o), ingestCommand(o), patientsCommand(o), rematchCommand(o), searchCommand(o), documentsCommand(o), showCommand(o), exportCommand(o), separatorsCommand(o),
		verifyCommand(o), reindexCommand(o), rebuildCommand(o), doctorCommand(o), configCommand(o), keygenCommand())
	for _, c := range root.Commands() {
		c.Args = asUsage(c.Args)
	}
	commandsOnly(root)
	return root
}

// commandsOnly makes a command that is nothing but its subcommands refuse
// words that are none of them, and explain itself where there are no words.
func commandsOnly(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.SuggestionsMinimumDistance = 2 // letters
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		what := fmt.Sprintf("unknown command %q; see %s --help", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			what = fmt.Sprintf("unknown command %q; did you mean %s %s?", args[0], cmd.CommandPath(), near[0])
		}
		return usageError{what}
	}
}

// asUsage makes a wrong number of arguments a usage error.
func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return usageError{err.Error() + "; see " + cmd.CommandPath() + " --help"}
		}
		return nil
	}
}
