package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fast is a drop folder that settles in no time, so that kills meet work.
const fast = "[[drop]]\nname = \"main\"\npath = \"drop\"\nsettle = \"100ms\"\npoll = \"200ms\"\n[reading]\nworkers = 2\n[log]\nlevel = \"error\"\n"

// kills is how often the program is killed in each test of this file.
func kills(t *testing.T) int {
	if s := os.Getenv("CHARTROOM_TEST_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 100
}

// However often serve is killed, every file that was dropped ends exactly
// once: stored, read, findable, and gone from the drop folder.
func TestKilledAtAnyMomentEveryFileEndsOnce(t *testing.T) {
	data := t.TempDir()
	config := filepath.Join(data, "chartroom.toml")
	if err := os.WriteFile(config, []byte(fast), 0o600); err != nil {
		t.Fatal(err)
	}
	drop := filepath.Join(data, "drop")
	if err := os.MkdirAll(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	dropped := 0
	for round := range kills(t) {
		if round%3 == 0 {
			dropSheet(t, drop, fmt.Sprintf("scan-%03d.png", dropped), labSheet(dropped))
			dropped++
		}
		r := start(t, data, "--config", config)
		time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
		r.kill()
	}
	r := start(t, data, "--config", config)
	eventually(t, 3*time.Minute, "every scan ends", func() bool { return ended(t, data) == dropped })
	if status := r.stop(t); status != 0 {
		t.Errorf("serve stopped with status %d: %s", status, r.stderr)
	}
	checkOnce(t, data, dropped)
	if left := filesBelow(t, drop); len(left) > 0 {
		t.Errorf("still in the drop folder: %v", left)
	}
}

// The same for ingest, whose files stay where they are: started again with the
// same files, it makes no document twice.
func TestIngestKilledAndStartedAgainTakesEachFileOnce(t *testing.T) {
	data, scans := t.TempDir(), t.TempDir()
	n := 12
	for i := range n {
		dropSheet(t, scans, fmt.Sprintf("scan-%03d.png", i), labSheet(i))
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range kills(t) / 4 {
		cmd := exec.Command(program, "ingest", scans, "--data", data, "--log-level", "error")
		cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(2500)) * time.Millisecond)
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	}
	if _, status := chartroom(t, data, "ingest", scans); status != 0 {
		t.Fatalf("ingest ends with status %d", status)
	}
	checkOnce(t, data, n)
	if left := filesBelow(t, scans); len(left) != n {
		t.Errorf("%d of %d files are left where they were", len(left), n)
	}
}

// A batch that is split is there with all its documents or not at all, however
// often serve is killed.
func TestKilledAtAnyMomentABatchIsSplitWholeAndOnce(t *testing.T) {
	data := t.TempDir()
	config := filepath.Join(data, "chartroom.toml")
	if err := os.WriteFile(config, []byte(fast), 0o600); err != nil {
		t.Fatal(err)
	}
	drop := filepath.Join(data, "drop")
	if err := os.MkdirAll(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	dropped := 0
	for round := range kills(t) / 3 {
		if round%4 == 0 {
			dropSheet(t, drop, fmt.Sprintf("batch-%03d.tif", dropped), batchOf(3*dropped, 3*dropped+1, 3*dropped+2))
			dropped++
		}
		r := start(t, data, "--config", config)
		time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		r.kill()
		parts := map[string]int{}
		for _, d := range list(t, data) {
			if d.Status != "waiting" {
				parts[d.File]++
			}
		}
		for file, n := range parts {
			if n != 3 {
				t.Errorf("%s is %d documents of 3 after a kill", file, n)
			}
		}
	}
	r := start(t, data, "--config", config)
	eventually(t, 3*time.Minute, "every batch ends", func() bool { return ended(t, data) == 3*dropped })
	r.stop(t)
	seen := map[string]int{}
	for _, d := range list(t, data) {
		seen[d.File]++
		if len(d.Pages) != 1 || d.ScanPages == nil || d.ScanPages[0]%2 != 1 {
			t.Errorf("%s: %d pages, %v of the scan", d.File, len(d.Pages), d.ScanPages)
		}
	}
	for file, n := range seen {
		if n != 3 {
			t.Errorf("%s is %d documents", file, n)
		}
	}
	if out, status := chartroom(t, data, "verify"); status != 0 {
		t.Errorf("verify: %s", out)
	}
	if left := filesBelow(t, drop); len(left) > 0 {
		t.Errorf("still in the drop folder: %v", left)
	}
}

// ended counts the documents that have their end.
func ended(t *testing.T, data string) (n int) {
	for _, d := range list(t, data) {
		if d.Status != "waiting" {
			n++
		}
	}
	return n
}

// checkOnce holds the documents of lab sheets 0 to n-1 against what must be:
// one document each, its planted word read and found on it, all originals whole.
func checkOnce(t *testing.T, data string, n int) {
	t.Helper()
	docs := list(t, data)
	if len(docs) != n {
		t.Errorf("%d documents of %d scans", len(docs), n)
	}
	files := map[string]int{}
	for _, d := range docs {
		files[d.File]++
		if len(d.Pages) != 1 || d.Pages[0].State != "text" {
			t.Errorf("%s: pages %+v", d.File, d.Pages)
		}
	}
	for i := range n {
		name := fmt.Sprintf("scan-%03d.png", i)
		if files[name] != 1 {
			t.Errorf("%s is %d documents", name, files[name])
		}
		if out, _ := chartroom(t, data, "search", "--json", fmt.Sprintf(`mrn:%08d`, 482900+i)); !strings.Contains(out, name) {
			t.Errorf("%s is not found by its number", name)
		}
	}
	if out, status := chartroom(t, data, "verify"); status != 0 {
		t.Errorf("verify: %s", out)
	}
}

func filesBelow(t *testing.T, folder string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Work in hand is given back when serve is asked to stop, within seconds, and
// its exit status is 0.
func TestStopsWithinSeconds(t *testing.T) {
	data := t.TempDir()
	config := filepath.Join(data, "chartroom.toml")
	if err := os.WriteFile(config, []byte(fast), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, data, "--config", config)
	for i := range 5 {
		dropSheet(t, filepath.Join(data, "drop"), fmt.Sprintf("scan-%03d.png", i), labSheet(i))
	}
	time.Sleep(time.Second)
	began := time.Now()
	if status := r.stop(t); status != 0 {
		t.Errorf("status %d: %s", status, r.stderr)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("took %s to stop", took)
	}
}

func TestASecondServeIsRefusedAndToldWhoHoldsTheFolder(t *testing.T) {
	data := t.TempDir()
	r := start(t, data)
	cmd := exec.Command(program, "serve", "--data", data)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), strconv.Itoa(r.cmd.Process.Pid)) {
		t.Errorf("second serve: %v, %s", err, out)
	}
}
