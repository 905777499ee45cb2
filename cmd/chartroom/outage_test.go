package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartroom/objectstore/storetest"
)

// s3Config is a config that keeps everything on a real S3 server.
func s3Config(t *testing.T, gw *storetest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chartroom.toml")
	text := fast + fmt.Sprintf("[store]\nkind = \"s3\"\n[store.s3]\nendpoint = %q\nbucket = %q\nca_file = %q\naccess_key = %q\nsecret_key = %q\n", gw.Endpoint, gw.Bucket, gw.CAFile, gw.AccessKey, gw.SecretKey)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// outage is how long the store stays away beyond what intake needs to notice.
func outage(t *testing.T) time.Duration {
	s := os.Getenv("CHARTROOM_TEST_OUTAGE")
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The store goes away in the middle of intake. Intake goes on, nothing is
// released, and all is stored after its return.
func TestAnOutageOfTheStoreLosesNothing(t *testing.T) {
	gw := storetest.StartVersityGW(t)
	data, config := t.TempDir(), s3Config(t, gw)
	r := start(t, data, "--config", config)
	drop := filepath.Join(data, "drop")
	dropSheet(t, drop, "scan-000.png", labSheet(0))
	eventually(t, time.Minute, "the first scan ends", func() bool { return ended(t, data) == 1 })
	gw.Stop()
	for i := 1; i < 6; i++ {
		dropSheet(t, drop, fmt.Sprintf("scan-%03d.png", i), labSheet(i))
	}
	eventually(t, time.Minute, "intake goes on without the store", func() bool { return len(list(t, data)) == 6 })
	if n := ended(t, data); n != 1 {
		t.Errorf("%d scans ended without a store", n)
	}
	if resp, err := http.Get(r.pages + "healthz"); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("healthz says %v, %v while the store is away", resp, err)
	}
	time.Sleep(outage(t))
	gw.Start(t)
	eventually(t, 2*time.Minute, "every scan ends after the store's return", func() bool { return ended(t, data) == 6 })
	checkOnce(t, data, 6)
	if left := filesBelow(t, drop); len(left) > 0 {
		t.Errorf("still in the drop folder: %v", left)
	}
}

// A patient goes through every failure there is. What the program logs, says,
// counts, and names in the store and in addresses carries nothing of them.
func TestPatientDataStaysOutOfLogsErrorsMetricsAndKeys(t *testing.T) {
	gw := storetest.StartVersityGW(t)
	data, config := t.TempDir(), s3Config(t, gw)
	r := start(t, data, "--config", config, "--log-level", "debug")
	drop := filepath.Join(data, "drop")
	canary := []string{"QUIXOTE", "77120034", "1950-07-02", "07/02/1950", "giraffe"}
	whole := sheet("PROGRESS NOTE", "Patient: QUIXOTE, DANIEL", "MRN: 77120034", "DOB: 07/02/1950", "Walked with a giraffe")
	dropSheet(t, drop, "QUIXOTE 77120034.png", whole)
	dropSheet(t, drop, "QUIXOTE broken.pdf", []byte("%PDF-1.7 QUIXOTE"))
	dropSheet(t, drop, "QUIXOTE empty.tiff", nil)
	dropSheet(t, drop, "QUIXOTE half.png", whole[:len(whole)/2])
	eventually(t, 2*time.Minute, "every scan ends", func() bool { return ended(t, data) == 4 })
	gw.Stop()
	dropSheet(t, drop, "QUIXOTE late.png", sheet("QUIXOTE, DANIEL", "giraffe two"))
	var said bytes.Buffer
	for _, path := range []string{"metrics", "healthz", "api/v1/search?q=QUIXOTE+%28", "api/v1/documents/QUIXOTE", "QUIXOTE"} {
		resp, err := http.Get(r.pages + path)
		if err != nil {
			t.Fatal(err)
		}
		if path == "metrics" || path == "healthz" {
			io.Copy(&said, resp.Body)
		}
		resp.Body.Close()
	}
	eventually(t, time.Minute, "the late scan waits", func() bool { return len(list(t, data)) == 5 })
	time.Sleep(3 * time.Second)
	gw.Start(t)
	eventually(t, 2*time.Minute, "the late scan ends", func() bool { return ended(t, data) == 5 })
	if status := r.stop(t); status != 0 {
		t.Errorf("status %d", status)
	}
	said.Write(r.stderr.Bytes())
	for _, key := range filesBelow(t, gw.Root) {
		fmt.Fprintln(&said, key)
	}
	if said.Len() < 500 {
		t.Fatalf("only %d bytes were said: the test sees nothing", said.Len())
	}
	for _, secret := range canary {
		if i := strings.Index(strings.ToLower(said.String()), strings.ToLower(secret)); i >= 0 {
			t.Errorf("%q leaked: …%s…", secret, said.String()[max(0, i-200):min(said.Len(), i+100)])
		}
	}
}
