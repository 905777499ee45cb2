package web

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chartroom/record"
)

// ErrNotFound says that there is no such document, page, picture or original.
var ErrNotFound = errors.New("not found")

// ErrBusy says that an answer cannot be given now, and may be later.
var ErrBusy = errors.New("not available at the moment")

// QueryError says what is wrong with a query, in words for the person who
// typed it. Message may quote the query, so it is shown and never logged; the
// error's own text carries none of it.
type QueryError struct{ Message record.Private }

func (e *QueryError) Error() string { return "query cannot be understood" }

// Deps is what the pages stand on. Documents, Search and Files are required;
// without the others the pages leave out what they would show.
type Deps struct {
	Documents Documents
	Search    Searcher
	Files     Files
	System    System
	Exports   Exports
	Metrics   *prometheus.Registry // served at /metrics, and given the pages' own counts
	Log       *slog.Logger
	Version   string // shown at the foot of the pages
}

// Documents is the catalog as the pages see it. What does not exist is
// ErrNotFound.
type Documents interface {
	// Head is a document with its receipts and pages, the pages without words.
	Head(ctx context.Context, id record.ID) (*record.Document, error)
	// Document is a document with everything.
	Document(ctx context.Context, id record.ID) (*record.Document, error)
	// Page is one page with its words; numbers count from 1.
	Page(ctx context.Context, id record.ID, number int) (*record.Page, error)
	// List yields documents in one stable order.
	List(ctx context.Context, f Filter) iter.Seq2[*record.Document, error]
	// Retry puts a rejected or stuck document to work again.
	Retry(ctx context.Context, id record.ID) error
}

// Filter narrows a list of documents. Its zero value means all of them, in the
// order in which they were received.
type Filter struct {
	Status record.Status // empty for every status
	Text   bool          // pages with their words
	Newest bool          // the order turned round: what was received last comes first
	After  record.ID     // those behind this one in the order
	Limit  int           // 0 for no limit
}

// Searcher is the index as the pages see it. A query that cannot be understood
// is a *QueryError, an index that cannot answer ErrBusy.
type Searcher interface {
	Search(ctx context.Context, q Query) (Results, error)
}

// Query asks for pages.
type Query struct {
	Text       record.Private
	Status     record.Status // only pages of documents in this status; empty for all
	Document   record.ID     // only pages of this document, in the order of its pages; empty for all
	ByDocument bool          // only the best page of each document
	Limit      int
	After      string // Results.Next of the answer before; it carries nothing of the query
}

// Results is a page of results, best first.
type Results struct {
	Total int // how many pages match in all
	Hits  []Hit
	Next  string // where the next page of results starts; empty when there is none
	// Partial says that the index does not hold everything yet, or could not
	// ask all of itself: more may match than was found.
	Partial bool
	// Cut says that a prefix of the query stood for too many words, of which
	// only the most frequent were sought.
	Cut bool
}

// Hit is a page that matches. Page is 0 where a document without pages
// matches, by its name or its date. Spans are the matching stretches of the
// page's text, as byte offsets [start, end) in record.Page.Text; Kinds are the
// kinds of identifiers that match beside the text.
type Hit struct {
	ID    record.ID
	Page  int
	Score float64
	Spans [][2]int
	Kinds []record.Kind
	More  int // with Query.ByDocument: how many more pages of the document match
}

// Files is the object store as the pages see it. A body ends in an error, not
// in io.EOF, when its bytes are not what was stored. Size is -1 if unknown.
type Files interface {
	Original(ctx context.Context, scan record.Digest) (body io.ReadCloser, size int64, err error)
	Picture(ctx context.Context, key string) (body io.ReadCloser, size int64, err error)
}

// Exports makes files of documents.
type Exports interface {
	// PDF writes a document, as its head says it is, as a searchable PDF.
	PDF(ctx context.Context, w io.Writer, head *record.Document) error
}

// System says how the program is doing.
type System interface {
	// Status is asked for often, by the search page too: it probes nothing.
	Status(ctx context.Context) (Status, error)
	// Health probes the parts; it must answer within seconds, and is what
	// /healthz shows.
	Health(ctx context.Context) []Check
}

// Status is the state of the whole work at one moment.
type Status struct {
	Started        time.Time
	Documents      map[record.Status]int
	Pages          map[record.PageState]int
	Waiting        int // jobs that wait for their turn
	Working        int // jobs in hand
	PagesPerMinute float64
	Failures       []Failure // newest first, a bounded number
	FailuresTotal  int
	Folders        []Folder
	Outbox         Outbox
	Index          Index
	Checks         []Check // left nil, it is filled from Health where it is shown
}

// Failure is a document that could not be read, or not yet.
type Failure struct {
	ID       record.ID // empty where no document exists yet
	File     record.Private
	Reason   string
	Attempts int
	At       time.Time
	Next     time.Time // of the next attempt; zero when none is planned
	Retry    bool      // whether a person can have it tried again
}

// Folder is a drop folder. State is "ok", "degraded" (works, but not as it
// should) or "gone"; Reason says why it is not ok.
type Folder struct {
	Name     string
	Path     string
	State    string
	Reason   string
	LastScan time.Time // when the folder was looked through last
	LastFile time.Time // when a file was taken last
	Waiting  []WaitingFile
	Held     int // files that wait in all; Waiting may be shorter
}

// WaitingFile is a file in a drop folder that is not taken yet, and why.
type WaitingFile struct {
	File  record.Private
	Why   string
	Since time.Time
}

// Outbox is what waits to reach the object store.
type Outbox struct {
	Objects int
	Bytes   int64
	Oldest  time.Time
}

// Index says how far the search index is behind the documents.
type Index struct {
	Indexed    int64 // sequence number up to which everything is searchable
	Head       int64 // sequence number of the newest change
	Rebuilding bool
	Documents  int64
}

// Behind is how many changes are not searchable yet.
func (i Index) Behind() int64 { return max(0, i.Head-i.Indexed) }

// Done is the share of changes that are searchable, from 0 to 1.
func (i Index) Done() float64 {
	if i.Head <= 0 || i.Indexed >= i.Head {
		return 1
	}
	return float64(max(0, i.Indexed)) / float64(i.Head)
}

// Check is the health of one part: "store", "catalog", "index", "disk" and
// what else there is. Detail says, in words for a person and without patient
// data, what is wrong or, in a word, how it stands.
type Check struct {
	Name   string
	OK     bool
	Detail string
}
