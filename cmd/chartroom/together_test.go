package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Commands given while another one works for hours are answered, and two that
// take the same files in make each of them one document.
func TestCommandsWorkBesideAnIngest(t *testing.T) {
	data, scans := t.TempDir(), t.TempDir()
	n := 8
	for i := range n {
		dropSheet(t, scans, fmt.Sprintf("scan-%03d.png", i), labSheet(i))
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if out, status := chartroom(t, data, "ingest", scans); status != 0 {
				t.Errorf("ingest ends with status %d: %s", status, out)
			}
		})
	}
	eventually(t, time.Minute, "the first scan ends", func() bool { return ended(t, data) > 0 })
	both.Wait()
	checkOnce(t, data, n)
}

// A machine that cannot read pages says so at once, instead of waiting for
// pages that nobody will read.
func TestIngestSaysAtOnceThatPagesCannotBeRead(t *testing.T) {
	data, scans := t.TempDir(), t.TempDir()
	dropSheet(t, scans, "scan.png", labSheet(0))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "ingest", scans, "--data", data)
	cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1", "CHARTROOM_READING_LANGUAGES=xyz")
	if out, err := cmd.CombinedOutput(); ctx.Err() != nil || err == nil || !strings.Contains(string(out), "xyz") {
		t.Errorf("%v: %s", err, out)
	}
}

// Whoever empties a folder after an ingest that says it is done loses nothing:
// what should have been taken in and could not be makes it say so.
func TestIngestIsNotDoneWhereAFileCouldNotBeTaken(t *testing.T) {
	data, scans := t.TempDir(), t.TempDir()
	dropSheet(t, scans, "scan-000.png", labSheet(0))
	if err := os.MkdirAll(scans+strings.Repeat("/deeper", 200), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, status := chartroom(t, data, "ingest", scans); status != exitFailed {
		t.Errorf("status %d: %s", status, out)
	}
	checkOnce(t, data, 1)
}
