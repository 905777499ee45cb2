package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chartroom/record"
)

// working runs Work in the background until stop, which waits for its end.
func working(t *testing.T, c *Catalog, cfg WorkConfig, do func(context.Context, Job) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- c.Work(ctx, cfg, do) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("work: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func TestEveryJobIsWorkedToItsReleaseUrgentOnesFirst(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		for n := range 5 {
			receive(t, c, n, n)
		}
		claim, receipt := dropped(9, 9)
		got[bool](t)(c.Receive(t.Context(), claim, receipt, Urgent))
		var order []string
		working(t, c, WorkConfig{}, func(ctx context.Context, j Job) error {
			order = append(order, j.Claim.ID) // one at a time
			if j.Attempt != 1 || j.Document != record.DocumentID(j.Claim.Receipt.Scan, 0) {
				t.Errorf("job: %+v", j)
			}
			return c.Release(ctx, j.Claim.ID)
		})
		eventually(t, "all released", func() bool { return len(got[[]Claim](t)(c.Claims(t.Context()))) == 0 })
		want := []string{"CLAIM00009", "CLAIM00000", "CLAIM00001", "CLAIM00002", "CLAIM00003", "CLAIM00004"}
		if !slices.Equal(order, want) {
			t.Errorf("worked %v, want %v", order, want)
		}
	})
}

func TestAJobThatArrivesLaterIsTakenSoon(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		taken := make(chan time.Time, 1)
		working(t, c, WorkConfig{}, func(ctx context.Context, j Job) error {
			taken <- time.Now()
			return c.Release(ctx, j.Claim.ID)
		})
		time.Sleep(300 * time.Millisecond)
		receive(t, c, 1, 1)
		received := time.Now()
		if wait := (<-taken).Sub(received); wait > 3*time.Second {
			t.Errorf("it waited %v", wait)
		}
	})
}

func TestErrorsCountAndLaterDoesNot(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		id := receive(t, c, 1, 1)
		var attempts []int
		tries := make(chan int, 10)
		cfg := WorkConfig{Poll: 100 * time.Millisecond, Backoff: func(int) time.Duration { return 10 * time.Millisecond }}
		working(t, c, cfg, func(ctx context.Context, j Job) error {
			attempts = append(attempts, j.Attempt)
			tries <- len(attempts)
			switch len(attempts) {
			case 1, 2:
				return fmt.Errorf("keep original: %w", Later(time.Millisecond, errors.New("store is away")))
			case 3:
				return errors.New("open page 3: odd")
			case 4:
				panic("Mrs Private")
			case 5:
				return Later(time.Hour, errors.New("disk is full"))
			}
			return c.Release(ctx, j.Claim.ID)
		})
		for <-tries < 5 {
		}
		eventually(t, "the failure is noted", func() bool {
			f := got[[]Failure](t)(c.Failures(t.Context(), 10))
			return len(f) == 1 && f[0].Reason == "disk is full" && f[0].Attempts == 2 && f[0].Delays == 3 && f[0].Document == id &&
				f[0].File.Reveal() == "1.tif" && f[0].Status == record.StatusWaiting && time.Until(f[0].Next) > 30*time.Minute
		})
		eventually(t, "the job is delayed", func() bool {
			n := got[Counts](t)(c.Counts(t.Context()))
			return n.Delayed == 1 && n.Running == 0
		})
		must(t, c.Retry(t.Context(), id)) // a clerk does not wait an hour
		eventually(t, "released", func() bool { return len(got[[]Claim](t)(c.Claims(t.Context()))) == 0 })
		if want := []int{1, 1, 1, 2, 3, 1}; !slices.Equal(attempts, want) {
			t.Errorf("attempts %v, want %v", attempts, want)
		}
		if f := got[[]Failure](t)(c.Failures(t.Context(), 10)); len(f) != 0 {
			t.Errorf("failures of a job that is over: %+v", f)
		}
	})
}

func TestAPanicTellsNoPatientsName(t *testing.T) {
	b := newSQLite(t)
	var log syncBuffer
	b.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := b.open(t)
	receive(t, c, 1, 1)
	working(t, c, WorkConfig{}, func(context.Context, Job) error { panic("ZEBRAFINCH") })
	var f []Failure
	eventually(t, "the panic is noted", func() bool {
		f = got[[]Failure](t)(c.Failures(t.Context(), 1))
		return len(f) == 1
	})
	if !strings.Contains(f[0].Reason, "panic") || strings.Contains(f[0].Reason+log.String(), "ZEBRAFINCH") {
		t.Errorf("reason %q, log %s", f[0].Reason, log.String())
	}
	if !strings.Contains(log.String(), "work_test.go") {
		t.Error("the log does not say where the panic was")
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestAStopGivesTheWorkInHandBackAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		receive(t, c, 1, 1)
		receive(t, c, 2, 2)
		inHand := make(chan struct{}, 2)
		stop := working(t, c, WorkConfig{Concurrency: 2}, func(ctx context.Context, j Job) error {
			inHand <- struct{}{}
			<-ctx.Done()
			return fmt.Errorf("read page 1: %w", ctx.Err())
		})
		<-inHand
		<-inHand
		if err := c.Work(t.Context(), WorkConfig{}, nil); !errors.Is(err, ErrWorking) {
			t.Errorf("a second Work: %v", err)
		}
		start := time.Now()
		stop()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if n := got[Counts](t)(c.Counts(t.Context())); n.Waiting != 2 || n.Running != 0 {
			t.Errorf("not given back: %+v", n)
		}
		attempts := make(chan int, 2)
		working(t, c, WorkConfig{Concurrency: 2}, func(ctx context.Context, j Job) error {
			attempts <- j.Attempt
			return c.Release(ctx, j.Claim.ID)
		})
		if a, b := <-attempts, <-attempts; a != 1 || b != 1 {
			t.Errorf("the stop counted: attempts %d and %d", a, b)
		}
	})
}

func TestAReceivedClaimWithoutAJobGetsOne(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		receive(t, c, 1, 1)
		receive(t, c, 2, 2)
		execSQL(t, c, `DELETE FROM river_job WHERE id = (SELECT job FROM claims WHERE id = 'CLAIM00001')`)
		stop := working(t, c, WorkConfig{}, func(ctx context.Context, j Job) error {
			if j.Claim.ID == "CLAIM00002" {
				return nil // forgets to release
			}
			return c.Release(ctx, j.Claim.ID)
		})
		eventually(t, "the lost job is worked", func() bool { return len(got[[]Claim](t)(c.Claims(t.Context()))) == 1 })
		eventually(t, "the other too", func() bool { n := got[Counts](t)(c.Counts(t.Context())); return n.Waiting+n.Running == 0 })
		stop()
		working(t, c, WorkConfig{}, func(ctx context.Context, j Job) error { return c.Release(ctx, j.Claim.ID) })
		eventually(t, "the forgotten one is worked again", func() bool { return len(got[[]Claim](t)(c.Claims(t.Context()))) == 0 })
	})
}

func TestAMachineTakesBackItsOwnJobsOnly(t *testing.T) {
	b := bench{Config{URL: newPostgres(t), Owner: "here"}}
	here := b.open(t)
	b.cfg.Owner = "there"
	there := b.open(t)
	receive(t, here, 1, 1)
	inHand := make(chan struct{})
	release := make(chan struct{})
	working(t, here, WorkConfig{}, func(ctx context.Context, j Job) error {
		close(inHand) // a second call would panic
		<-release
		return here.Release(ctx, j.Claim.ID)
	})
	<-inHand
	working(t, there, WorkConfig{}, func(context.Context, Job) error {
		t.Error("the other machine got a job whose file it does not hold")
		return nil
	})
	time.Sleep(1500 * time.Millisecond)
	close(release)
	eventually(t, "released", func() bool { return len(got[[]Claim](t)(here.Claims(t.Context()))) == 0 })
}

// As after a full disk: River could not write that the job is over.
func TestAJobWhoseEndWasNotWrittenIsTakenBack(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		receive(t, c, 1, 1)
		receive(t, c, 2, 2)
		calls := make(chan string, 10)
		long := make(chan struct{})
		cfg := WorkConfig{Concurrency: 3, Poll: 20 * time.Millisecond, sweep: 50 * time.Millisecond}
		working(t, c, cfg, func(ctx context.Context, j Job) error {
			calls <- j.Claim.ID
			if j.Claim.ID == "CLAIM00002" {
				select { // in hand all the time
				case <-long:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return c.Release(ctx, j.Claim.ID)
		})
		finished := func() bool { n := got[Counts](t)(c.Counts(t.Context())); return n.Waiting+n.Running == 1 }
		eventually(t, "the short job is over", finished)
		execSQL(t, c, `UPDATE river_job SET state = 'running', finalized_at = NULL WHERE id = (SELECT job FROM claims WHERE id = 'CLAIM00001')`)
		eventually(t, "it is found and ended", finished)
		time.Sleep(200 * time.Millisecond)
		close(long)
		eventually(t, "all over", func() bool { return len(got[[]Claim](t)(c.Claims(t.Context()))) == 0 })
		if len(calls) != 2 {
			t.Errorf("%d calls, want one for each claim", len(calls))
		}
	})
}

// childEnv makes this test binary a process that works jobs until none are
// left, or until it is killed. Its value is a catalog: a file or an address.
const childEnv = "CHARTROOM_CATALOG_CHILD"

func childConfig(where string) Config {
	if strings.HasPrefix(where, "postgres://") {
		return Config{URL: where, Owner: "here"}
	}
	return Config{Path: where}
}

// child does what the journey does with the catalog, in short: it reads pages
// into the ledger, saves the document and releases the claim.
func child(where string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, err := Open(ctx, childConfig(where))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer c.Close()
	go func() {
		for ; ; time.Sleep(20 * time.Millisecond) {
			if left, err := c.Claims(ctx); err == nil && len(left) == 0 {
				time.Sleep(200 * time.Millisecond) // jobs of claims just released
				cancel()
				return
			}
		}
	}()
	err = c.Work(ctx, WorkConfig{Concurrency: 2, Poll: 20 * time.Millisecond}, func(ctx context.Context, j Job) error { return childJob(ctx, c, j) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func childJob(ctx context.Context, c *Catalog, j Job) error {
	fmt.Println("begin", j.Claim.ID, j.Attempt)
	d, err := c.DocumentHead(ctx, j.Document)
	if err != nil {
		return err
	}
	d.Revision, d.Status = d.Revision+1, record.StatusReview
	for n := range 3 {
		page := record.Page{Number: n + 1, State: record.PageBlank}
		if err := c.SavePage(ctx, d.Scan, "child", &page); err != nil {
			return err
		}
		time.Sleep(rand.N(6 * time.Millisecond))
		d.Pages = append(d.Pages, page)
	}
	if d.Revision == 1 { // otherwise saved before the last kill
		if _, err := c.SaveDocument(ctx, d); err != nil {
			return err
		}
	}
	if err := c.Release(ctx, j.Claim.ID); err != nil {
		return err
	}
	fmt.Println("end", j.Claim.ID, j.Attempt)
	return nil
}

func TestKilledAtAnyTimeEveryJobEndsOnceAndNoKillCounts(t *testing.T) {
	kills := map[string]int{"sqlite": 20, "postgres": 6}
	everywhere(t, func(t *testing.T, b bench) {
		const jobs = 150
		c := b.open(t)
		for n := range jobs {
			receive(t, c, n, n)
		}
		c.Close()
		where := b.cfg.Path + b.cfg.URL
		var told strings.Builder
		rounds, kind := 0, filepath.Base(t.Name())
		for ; rounds < kills[kind]; rounds++ {
			if runChild(t, where, &told, 150*time.Millisecond+rand.N(350*time.Millisecond)) {
				t.Logf("all done after %d kills", rounds)
				break
			}
		}
		if !runChild(t, where, &told, 3*time.Minute) {
			t.Fatal("it does not come to its end")
		}
		if rounds < 3 {
			t.Errorf("only %d kills hit: the test proves little", rounds)
		}
		checkEnds(t, b.open(t), told.String(), jobs)
	})
}

// runChild works jobs in a child process and kills it after a time; done says
// that it ended by itself before.
func runChild(t *testing.T, where string, told *strings.Builder, life time.Duration) (done bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+where)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	must(t, cmd.Start())
	timer := time.AfterFunc(life, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	err := cmd.Wait()
	timer.Stop()
	told.Write(out.Bytes())
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); err != nil && (!ok || !status.Signaled()) {
		t.Fatalf("child: %v: %s", err, errs.String())
	}
	return err == nil
}

func checkEnds(t *testing.T, c *Catalog, told string, jobs int) {
	t.Helper()
	ends, begins, tries := map[string]int{}, 0, 0
	for line := range strings.Lines(told) {
		var what, id string
		var attempt int
		if n, _ := fmt.Sscan(line, &what, &id, &attempt); n != 3 {
			continue // cut off by a kill
		}
		switch what {
		case "begin":
			begins++
		case "end":
			ends[id]++
		}
		if attempt != 1 {
			tries++
		}
	}
	t.Logf("%d jobs, begun %d times", jobs, begins)
	for id, n := range ends {
		if n > 1 {
			t.Errorf("claim %s ended %d times", id, n)
		}
	}
	if tries > 0 {
		t.Errorf("%d tries counted a kill", tries)
	}
	n := got[Counts](t)(c.Counts(t.Context()))
	if n.Claims != 0 || n.Documents[record.StatusReview] != jobs || n.Total != jobs || n.Waiting+n.Running+n.Delayed != 0 || n.Pages[record.PageBlank] != 3*jobs {
		t.Errorf("at the end: %+v", n)
	}
	for d, err := range c.Documents(t.Context(), Filter{}) {
		must(t, err)
		if d.Revision != 1 {
			t.Errorf("document %s has revision %d", d.ID, d.Revision)
		}
	}
}
