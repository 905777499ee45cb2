package web

import (
	"fmt"
	"net/http"
	"time"

	"chartroom/record"
)

// statusView is how the work is going.
type statusView struct {
	Status
	Well      bool
	Ill       []Check
	Documents []countLink
	Total     int
	PageCount int
	States    []stateCount
	Rate      string
	Up        string
	Percent   int
	Failed    []failureView
	Drops     []folderView
	Now       time.Time
}

// Nav names the part of the site the page belongs to.
func (statusView) Nav() string { return "status" }

type stateCount struct {
	State record.PageState
	Count int
}

type failureView struct {
	Failure
	File string
	Link string
}

type folderView struct {
	Folder
	Files []waitingView
	More  int
}

type waitingView struct{ File, Why, Since string }

var pageStates = []record.PageState{record.PageText, record.PageBlank, record.PageLowConfidence, record.PageFailed, record.PageTimedOut}

func (s *site) statusPage(w http.ResponseWriter, r *http.Request) error {
	status, err := s.wholeStatus(r.Context())
	if err != nil {
		return err
	}
	return s.views.render(w, http.StatusOK, "status", toStatusView(&status, s.now()))
}

func toStatusView(s *Status, now time.Time) statusView {
	v := statusView{Status: *s, Now: now, Well: true, Percent: int(s.Index.Done() * 100)}
	for _, c := range s.Checks {
		if !c.OK {
			v.Well, v.Ill = false, append(v.Ill, c)
		}
	}
	for _, st := range statuses {
		v.Documents = append(v.Documents, countLink{st, s.Documents[st]})
		v.Total += s.Documents[st]
	}
	for _, state := range pageStates {
		v.States = append(v.States, stateCount{state, s.Pages[state]})
		v.PageCount += s.Pages[state]
	}
	v.Rate = fmt.Sprintf("%.0f", s.PagesPerMinute)
	if s.PagesPerMinute > 0 && s.PagesPerMinute < 10 {
		v.Rate = fmt.Sprintf("%.1f", s.PagesPerMinute)
	}
	if !s.Started.IsZero() {
		v.Up = span(now.Sub(s.Started))
	}
	for _, f := range s.Failures {
		v.Failed = append(v.Failed, toFailureView(f))
	}
	for _, f := range s.Folders {
		v.Drops = append(v.Drops, toFolderView(f, now))
	}
	return v
}

func toFailureView(f Failure) failureView {
	v := failureView{Failure: f, File: shownFile(f.File)}
	v.Reason = visible(f.Reason)
	if f.ID != "" {
		v.Link = documentLink(f.ID, place{})
	}
	return v
}

// waitingFiles is how many files of a folder are named on the page.
const waitingFiles = 12

func toFolderView(f Folder, now time.Time) folderView {
	v := folderView{Folder: f}
	v.Held = max(f.Held, len(f.Waiting))
	for _, w := range f.Waiting {
		if len(v.Files) == waitingFiles {
			break
		}
		v.Files = append(v.Files, waitingView{shownFile(w.File), visible(w.Why), ago(now, w.Since)})
	}
	v.More = v.Held - len(v.Files)
	return v
}

// Looked says how long ago the folder was looked through.
func (v folderView) Looked(now time.Time) string { return ago(now, v.LastScan) }

func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	if d := now.Sub(t); d >= 2*time.Second {
		return span(d) + " ago"
	}
	return "just now"
}

// span is a length of time in its largest fitting unit.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return plural(int(d.Seconds()), "second", "seconds")
	case d < 2*time.Hour:
		return plural(int(d.Minutes()), "minute", "minutes")
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour", "hours")
	}
	return plural(int(d.Hours()/24), "day", "days")
}

// The status as JSON. Keys without a value are left out.
type (
	wireHealth struct {
		Status string      `json:"status"`
		Checks []wireCheck `json:"checks,omitempty"`
	}
	wireCheck struct {
		Name   string `json:"name"`
		OK     bool   `json:"ok"`
		Detail string `json:"detail,omitempty"`
	}
	wireStatus struct {
		Started        string                   `json:"started,omitempty"`
		Documents      map[record.Status]int    `json:"documents"`
		Pages          map[record.PageState]int `json:"pages"`
		Waiting        int                      `json:"waiting"`
		Working        int                      `json:"working"`
		PagesPerMinute float64                  `json:"pages_per_minute"`
		FailuresTotal  int                      `json:"failures_total"`
		Failures       []wireFailure            `json:"failures,omitempty"`
		Folders        []wireFolder             `json:"folders,omitempty"`
		Outbox         wireOutbox               `json:"outbox"`
		Index          wireIndex                `json:"index"`
		Checks         []wireCheck              `json:"checks,omitempty"`
	}
	wireFailure struct {
		ID       record.ID `json:"id,omitempty"`
		File     string    `json:"file,omitempty"`
		Reason   string    `json:"reason,omitempty"`
		Attempts int       `json:"attempts"`
		At       string    `json:"at,omitempty"`
		Next     string    `json:"next,omitempty"`
		Retry    bool      `json:"retry"`
	}
	wireFolder struct {
		Name     string        `json:"name"`
		Path     string        `json:"path,omitempty"`
		State    string        `json:"state"`
		Reason   string        `json:"reason,omitempty"`
		LastScan string        `json:"last_scan,omitempty"`
		LastFile string        `json:"last_file,omitempty"`
		Held     int           `json:"held"`
		Waiting  []wireWaiting `json:"waiting,omitempty"`
	}
	wireWaiting struct {
		File  string `json:"file"`
		Why   string `json:"why"`
		Since string `json:"since,omitempty"`
	}
	wireOutbox struct {
		Objects int    `json:"objects"`
		Bytes   int64  `json:"bytes"`
		Oldest  string `json:"oldest,omitempty"`
	}
	wireIndex struct {
		Indexed    int64 `json:"indexed"`
		Head       int64 `json:"head"`
		Rebuilding bool  `json:"rebuilding"`
		Documents  int64 `json:"documents"`
	}
)

func toWireChecks(checks []Check) []wireCheck {
	var w []wireCheck
	for _, c := range checks {
		w = append(w, wireCheck(c))
	}
	return w
}

func toWireStatus(s *Status) wireStatus {
	w := wireStatus{Started: stamp(s.Started), Documents: map[record.Status]int{}, Pages: map[record.PageState]int{}, Waiting: s.Waiting, Working: s.Working,
		PagesPerMinute: thousandths(s.PagesPerMinute), FailuresTotal: s.FailuresTotal, Outbox: wireOutbox{s.Outbox.Objects, s.Outbox.Bytes, stamp(s.Outbox.Oldest)},
		Index: wireIndex(s.Index), Checks: toWireChecks(s.Checks)}
	for _, st := range statuses {
		w.Documents[st] = s.Documents[st]
	}
	for _, state := range pageStates {
		w.Pages[state] = s.Pages[state]
	}
	for _, f := range s.Failures {
		w.Failures = append(w.Failures, wireFailure{f.ID, fileName(f.File), f.Reason, f.Attempts, stamp(f.At), stamp(f.Next), f.Retry})
	}
	for _, f := range s.Folders {
		w.Folders = append(w.Folders, toWireFolder(f))
	}
	return w
}

func toWireFolder(f Folder) wireFolder {
	w := wireFolder{Name: f.Name, Path: f.Path, State: f.State, Reason: f.Reason, LastScan: stamp(f.LastScan), LastFile: stamp(f.LastFile), Held: max(f.Held, len(f.Waiting))}
	for _, file := range f.Waiting {
		w.Waiting = append(w.Waiting, wireWaiting{fileName(file.File), file.Why, stamp(file.Since)})
	}
	return w
}
