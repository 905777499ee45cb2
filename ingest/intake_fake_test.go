package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"chartroom/catalog"
	"chartroom/record"
)

// fakeLedger keeps the contract of Ledger in memory, and on disk where file is
// set: every change is durable before the call returns, as in the catalog.
type fakeLedger struct {
	mu     sync.Mutex
	file   string
	refuse error // what every call returns, the catalog being away
	noNews error // what Receive returns
	ledgerState
}

type ledgerState struct {
	Rows  map[string]ledgerRow
	Taken map[string]bool
}

// ledgerRow is a claim with its private parts as plain bytes.
type ledgerRow struct {
	Claim      catalog.Claim
	Path, Held []byte
	Receipt    []byte
	Released   bool
}

func newFakeLedger(t testing.TB, file string) *fakeLedger {
	t.Helper()
	l := &fakeLedger{file: file, ledgerState: ledgerState{map[string]ledgerRow{}, map[string]bool{}}}
	if b, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(b, &l.ledgerState); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l *fakeLedger) save() error {
	if l.file == "" {
		return nil
	}
	b, err := json.Marshal(l.ledgerState)
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(l.file+".new", l.file)
}

func (l *fakeLedger) claim(r ledgerRow) catalog.Claim {
	c := r.Claim
	c.Path, c.Held = record.Hide(string(r.Path)), record.Hide(string(r.Held))
	if r.Receipt != nil {
		c.Receipt, _ = record.UnmarshalReceipt(r.Receipt)
	}
	return c
}

func (l *fakeLedger) put(c catalog.Claim, receipt []byte) {
	row := ledgerRow{Path: []byte(c.Path.Reveal()), Held: []byte(c.Held.Reveal()), Receipt: receipt}
	c.Path, c.Held, c.Receipt = record.Private{}, record.Private{}, nil
	row.Claim = c
	l.Rows[c.ID] = row
}

func (l *fakeLedger) BeginClaim(_ context.Context, c catalog.Claim) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return l.refuse
	}
	if l.Rows[c.ID].Receipt != nil {
		return errors.New("received already")
	}
	l.put(c, nil)
	return l.save()
}

func (l *fakeLedger) DropClaim(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return l.refuse
	}
	if l.Rows[id].Receipt != nil {
		return errors.New("received already")
	}
	delete(l.Rows, id)
	return l.save()
}

func (l *fakeLedger) Claims(context.Context) ([]catalog.Claim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return nil, l.refuse
	}
	var claims []catalog.Claim
	for _, r := range l.Rows {
		if !r.Released {
			claims = append(claims, l.claim(r))
		}
	}
	return claims, nil
}

func memory(c catalog.Claim) string {
	return fmt.Sprintf("%s|%x|%d|%d|%d|%d|%d", c.Folder, c.Path.Reveal(), c.Dev, c.Ino, c.Size, c.Mtime.UnixNano(), c.Ctime.UnixNano())
}

func (l *fakeLedger) taken(c catalog.Claim) bool { return l.ledgerState.Taken[memory(c)] }

func (l *fakeLedger) Taken(_ context.Context, c catalog.Claim) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken(c), l.refuse
}

func (l *fakeLedger) Receive(_ context.Context, c catalog.Claim, r record.Receipt, _ catalog.Lane) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.refuse, l.noNews); err != nil {
		return false, err
	}
	if l.Rows[c.ID].Receipt != nil {
		return false, nil
	}
	created := true
	for _, row := range l.Rows {
		if have := l.claim(row).Receipt; have != nil && have.Scan == r.Scan {
			created = false
		}
	}
	b, err := record.MarshalReceipt(&r)
	if err != nil {
		return false, err
	}
	l.put(c, b)
	if c.Mode == catalog.Copy {
		l.ledgerState.Taken[memory(c)] = true
	}
	return created, l.save()
}

// Release is what the pipeline does after the intake's.
func (l *fakeLedger) Release(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	row := l.Rows[id]
	row.Released = true
	l.Rows[id] = row
	return l.save()
}

// received lists the received claims, released or not.
func (l *fakeLedger) received() []catalog.Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	var claims []catalog.Claim
	for _, r := range l.Rows {
		if r.Receipt != nil {
			claims = append(claims, l.claim(r))
		}
	}
	return claims
}

// site is a drop folder with its surroundings, looked at step by step.
type site struct {
	*testing.T
	dir, path string
	ledger    *fakeLedger
	in        *Intake
	cfg       IntakeConfig
	ended     Ended
}

// testSettle is short enough to wait for and long enough to tell.
const testSettle = 30 * time.Millisecond

func newSite(t *testing.T, change func(*Folder)) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{T: t, dir: dir, path: filepath.Join(dir, "drop"), ledger: newFakeLedger(t, "")}
	s.must(os.Mkdir(s.path, 0o755))
	f := Folder{Path: s.path, Settle: testSettle, Poll: 20 * time.Millisecond}
	if change != nil {
		change(&f)
	}
	s.cfg = IntakeConfig{Folders: []Folder{f}, Hold: filepath.Join(dir, "hold"), Rejected: filepath.Join(dir, "rejected"), MinFree: -1}
	s.restart()
	return s
}

// restart is a new process on the same files and the same ledger.
func (s *site) restart() {
	s.Helper()
	if s.in != nil {
		s.in.folders[0].unlock()
		s.in.folders[0].notify.close()
	}
	in, err := NewIntake(s.cfg, s.ledger, func(f *os.File, size int64) (bool, bool) {
		if s.ended == nil {
			return true, true
		}
		return s.ended(f, size)
	}, nil)
	s.must(err)
	in.events = false
	s.in = in
	s.Cleanup(func() { in.folders[0].unlock(); in.folders[0].notify.close() })
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) write(rel, content string) string {
	s.Helper()
	name := filepath.Join(s.path, rel)
	s.must(os.MkdirAll(filepath.Dir(name), 0o755))
	s.must(os.WriteFile(name, []byte(content), 0o644))
	return name
}

func (s *site) look() FolderState {
	s.in.folders[0].look(s.Context())
	return s.in.State()[0]
}

// settle looks, lets the settle time pass, and looks again.
func (s *site) settle() FolderState {
	s.look()
	time.Sleep(testSettle + 5*time.Millisecond)
	return s.look()
}

// waits reports why a path is not taken; "" if it does not wait.
func (s *site) waits(st FolderState, rel string) string {
	for _, w := range st.Waiting {
		if w.Path.Reveal() == rel {
			return w.Why
		}
	}
	return ""
}

// only is the one claim that was received.
func (s *site) only() catalog.Claim {
	s.Helper()
	claims := s.ledger.received()
	if len(claims) != 1 {
		s.Fatalf("received %d claims, want 1", len(claims))
	}
	return claims[0]
}

func (s *site) exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
