package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is written takes the place of a file alone: what a link leads to is
// replaced and not the link, and a pipe or a device stays what it is.
func TestWhatIsWrittenPutsNoLinkOrPipeOutOfItsPlace(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.MkdirAll(at("elsewhere"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("elsewhere/kept.txt"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere/kept.txt", at("link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(at("link.txt"), strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(at("elsewhere/kept.txt")); err != nil || string(b) != "new" {
		t.Errorf("the file behind the link holds %q, error %v", b, err)
	}
	if info, err := os.Lstat(at("link.txt")); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is %v, error %v", info.Mode(), err)
	}

	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(at("pipe"), os.O_RDWR, 0) // open at both ends: nobody waits
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if err := writeWhole(at("pipe"), strings.NewReader("text")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(at("pipe")); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Fatalf("the pipe is %v, error %v", info.Mode(), err)
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(pipe, b); err != nil || string(b) != "text" {
		t.Errorf("through the pipe came %q, error %v", b, err)
	}

	if err := writeWhole(at("elsewhere"), strings.NewReader("text")); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder as a file: %v", err)
	}
	if found, _ := filepath.Glob(at(".chartroom-*")); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}
