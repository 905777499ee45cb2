package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"chartroom/patient"
)

// Of two patients who are alike only one may be in a registry that is still
// being filled: no page is filed by half a registry.
func TestNobodyIsLookedUpInHalfARegistry(t *testing.T) {
	cfg := defaultConfig()
	cfg.Data = t.TempDir()
	a, err := newApp(t.Context(), cfg, needReading)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	file := filepath.Join(cfg.Data, "registry.csv")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	imported, asked := make(chan error, 1), make(chan int, 1)
	go func() {
		_, err := a.importPatients(t.Context(), patientsRequest{file}, func(patientsProgress) {})
		imported <- err
	}()
	w, err := os.OpenFile(file, os.O_WRONLY, 0) // returns when the import has begun
	if err != nil {
		t.Fatal(err)
	}
	w.WriteString("mrn,last,first,dob\n00000001,Garcia,Maria,1961-03-14\n")
	for a.registry.TryRLock() {
		a.registry.RUnlock()
		time.Sleep(time.Millisecond)
	}
	go func() {
		found, err := (finder{a.catalog, &a.registry}).FindPatients(t.Context(), patient.Query{Last: "GARCIA", DOB: "1961-03-14"})
		if err != nil {
			t.Error(err)
		}
		asked <- len(found)
	}()
	time.Sleep(50 * time.Millisecond)
	w.WriteString("00000002,Garcia,Maria,1961-03-14\n")
	w.Close()
	if n, err := <-asked, <-imported; n != 2 || err != nil {
		t.Errorf("%d of 2 patients who are alike are found; the import says %v", n, err)
	}
}
