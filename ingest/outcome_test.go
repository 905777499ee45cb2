package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"chartroom/objectstore"
)

// probed is a store of which nothing but its probe is asked.
type probed struct {
	objectstore.Store
	says error
}

func (p *probed) Check(context.Context) error { return p.says }

func TestGateSaysWhyTheStoreIsAwayNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var g gate
		store, log := &probed{says: objectstore.ErrUnavailable}, slog.New(slog.DiscardHandler)
		g.blame(objectstore.ErrUnavailable, log)
		ended := make(chan error)
		go func() { ended <- g.run(ctx, store, log) }()
		for _, says := range []error{objectstore.ErrDenied, objectstore.ErrUnavailable, nil} {
			store.says = says
			time.Sleep(2 * probeEvery)
			if err := g.closed(); !errors.Is(err, says) || (says == nil) != (err == nil) {
				t.Errorf("the gate says %v, the store %v", err, says)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestScanIsNotRejectedForAProgramThatDoesNotStart(t *testing.T) {
	err := exec.Command(filepath.Join(t.TempDir(), "gone")).Run()
	if got := judge(fmt.Errorf("open scan: %w", err)); got != verdictRetry {
		t.Errorf("%v is judged %v", err, got)
	}
}
