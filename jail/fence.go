package jail

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// The rights of files and folders. A right of folders given to a file is
// refused by the kernel, and then nothing at all is fenced: see rights.
const (
	readFile  = ll.AccessFSReadFile
	readDir   = readFile | ll.AccessFSReadDir
	writeFile = readFile | ll.AccessFSWriteFile | ll.AccessFSTruncate
	writeDir  = writeFile | readDir | ll.AccessFSMakeReg | ll.AccessFSMakeDir | ll.AccessFSRemoveFile | ll.AccessFSRemoveDir
)

// fence closes the file system but for what the spec names, and, where the
// kernel can, the network and signals to processes outside.
func fence(s Spec) error {
	rules := rights(readFile, readDir, s.Read)
	rules = append(rules, rights(writeFile, writeDir, s.Write)...)
	if s.Program != "" {
		loader, err := interpreter(s.Program)
		if err != nil {
			return err
		}
		rules = append(rules, rights(readFile|ll.AccessFSExecute, 0, []string{s.Program, loader})...)
	}
	if err := landlock.V11.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("restrict files: %w", err)
	}
	return nil
}

// rights grants each path that exists the rights of a file or of a folder,
// whichever it is.
func rights(file, dir landlock.AccessFSSet, paths []string) []landlock.Rule {
	var rules []landlock.Rule
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			continue
		}
		access := file
		if info.IsDir() {
			access = dir
		}
		if access != 0 {
			rules = append(rules, landlock.PathAccess(access, p).IgnoreIfMissing())
		}
	}
	return rules
}

// interpreter is the loader that the kernel executes beside a program, empty
// for a program that is linked statically.
func interpreter(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", fmt.Errorf("open program: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			return strings.TrimRight(string(b), "\x00"), err
		}
	}
	return "", nil
}
