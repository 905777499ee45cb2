package web

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"chartroom/record"
)

// browse opens a real browser on the world's pages. A machine without one
// fails the test: these are the only tests that see what a clerk sees.
func browse(t *testing.T, w *world, width, height int, more ...chromedp.ExecAllocatorOption) (ctx context.Context, base string) {
	t.Helper()
	path := os.Getenv("CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path == "" {
			path, _ = exec.LookPath(name)
		}
	}
	if path == "" {
		t.Fatal("no Chromium on this machine: install the Debian package chromium (make test does), or name the program in CHROMIUM")
	}
	server := httptest.NewServer(New(w.deps()))
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("lang", "en-US"), chromedp.WindowSize(width, height))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	do(t, ctx) // starts the browser, which lives as long as this context
	ctx, cancel = context.WithTimeout(ctx, 60*time.Second)
	t.Cleanup(cancel)
	return ctx, server.URL
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// picture keeps a picture of the page where CHARTROOM_SHOTS says, for a person
// to look at.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	time.Sleep(250 * time.Millisecond)
	b, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("CHARTROOM_SHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

type rect struct{ X, Y, Width, Height float64 }

func rectOf(t *testing.T, ctx context.Context, selector string) rect {
	t.Helper()
	return evaluate[rect](t, ctx, fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return {X: r.x, Y: r.y, Width: r.width, Height: r.height} })()`, selector))
}

func evaluate[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// press is one stroke of a key that does something and types nothing.
func press(t *testing.T, ctx context.Context, key string) {
	t.Helper()
	do(t, ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
			if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: key}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// loaded waits until the page's script has run.
func loaded(t *testing.T, ctx context.Context) {
	t.Helper()
	for range 100 {
		if evaluate[string](t, ctx, `document.readyState`) == "complete" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("page does not finish loading")
}

// search types a query as a clerk does: the slash key, words, Enter. The start
// page has the search box ready. then is what the page that follows shows.
func search(t *testing.T, ctx context.Context, words, then string) {
	t.Helper()
	if !evaluate[bool](t, ctx, `document.activeElement.id === "q"`) {
		press(t, ctx, "/")
	}
	do(t, ctx, chromedp.KeyEvent(words+"\r"), chromedp.WaitVisible(chromedp.CSS(then)))
	loaded(t, ctx)
}

func TestClerkGoesFromSearchToTheHitOnThePage(t *testing.T) {
	w := sampleWorld(t)
	ctx, base := browse(t, w, 1360, 900)
	do(t, ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(chromedp.CSS("#q")))
	picture(t, ctx, "start")
	search(t, ctx, "nobodyhere", ".empty")
	picture(t, ctx, "nothing")
	search(t, ctx, "potassium", ".results")
	picture(t, ctx, "results")
	if got := evaluate[string](t, ctx, `location.href`); strings.Contains(got, "potassium") {
		t.Errorf("the address names what was sought: %s", got)
	}
	if got := evaluate[[]string](t, ctx, `[...document.querySelectorAll(".result h2 a")].map(a => a.textContent)`); len(got) != 3 || got[0] != "GARCIA, MARIA L" {
		t.Errorf("results are %q", got)
	}
	press(t, ctx, "j")
	do(t, ctx, chromedp.KeyEvent("\r"), chromedp.WaitVisible(chromedp.CSS("#sheet img")))
	loaded(t, ctx)
	picture(t, ctx, "document")
	checkBoxes(t, ctx, &w.documents[0].Pages[0])
	checkStepping(t, ctx)
	picture(t, ctx, "document-page3")
}

// checkBoxes holds every drawn hit against the box of its word, scaled as the
// picture is.
func checkBoxes(t *testing.T, ctx context.Context, p *record.Page) {
	t.Helper()
	img := rectOf(t, ctx, "#sheet img")
	if math.Abs(img.Height/img.Width-float64(p.Height)/float64(p.Width)) > 0.01 {
		t.Fatalf("picture is shown %v by %v, page is %d by %d", img.Width, img.Height, p.Width, p.Height)
	}
	scale := img.Width / float64(p.Width)
	for n, word := range []string{"Potassium", "potassium"} {
		want := wordBox(p, word, 0)
		got := rectOf(t, ctx, fmt.Sprintf("#sheet rect[data-hit='%d']", n+1))
		for _, d := range []float64{got.X - img.X - scale*float64(want.Left), got.Y - img.Y - scale*float64(want.Top),
			got.Width - scale*float64(want.Width), got.Height - scale*float64(want.Height)} {
			if math.Abs(d) > 2 {
				t.Errorf("hit %d is drawn at %+v, want %+v scaled by %.3f from %+v", n+1, got, want, scale, img)
				break
			}
		}
	}
}

// checkStepping leaves page 1 behind its second hit and comes to page 3.
func checkStepping(t *testing.T, ctx context.Context) {
	t.Helper()
	where := func() string {
		return evaluate[string](t, ctx, `(document.querySelector(".pos b")?.textContent ?? "") + "/" + (document.querySelector("#hit-now")?.textContent ?? "-")`)
	}
	for _, step := range []struct{ key, want string }{{"n", "1/2"}, {"n", "3/1"}, {"n", "3/2"}, {"n", "3/3"}, {"p", "3/2"}, {"p", "3/1"}, {"p", "1/2"},
		{"j", "2/-"}, {"n", "3/1"}, {"k", "2/-"}, {"p", "1/2"}, {"n", "3/1"}} {
		press(t, ctx, step.key)
		for range 40 {
			if where() == step.want {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if got := where(); got != step.want {
			t.Fatalf("after %q the page and hit are %s, want %s", step.key, got, step.want)
		}
		loaded(t, ctx)
	}
}

func TestIdentifierShowsItsPlace(t *testing.T) {
	w := sampleWorld(t)
	ctx, base := browse(t, w, 1360, 900)
	do(t, ctx, chromedp.Navigate(base+"/documents/"+string(w.documents[0].ID)), chromedp.WaitVisible(chromedp.CSS("#sheet img")), chromedp.Click(chromedp.CSS(`.id[data-mark="2"]`)))
	img, got, p := rectOf(t, ctx, "#sheet img"), rectOf(t, ctx, "#mark-2.active"), &w.documents[0].Pages[0]
	want, scale := wordBox(p, "00482913", 0), img.Width/float64(p.Width)
	if math.Abs(got.X-img.X-scale*float64(want.Left)) > 2 || math.Abs(got.Y-img.Y-scale*float64(want.Top)) > 2 {
		t.Errorf("the MRN is shown at %+v, want %+v scaled by %.3f from %+v", got, want, scale, img)
	}
	picture(t, ctx, "identifier")
}

func TestPagesWorkWithoutScripts(t *testing.T) {
	w := sampleWorld(t)
	ctx, base := browse(t, w, 1360, 900, chromedp.Flag("blink-settings", "scriptEnabled=false"))
	do(t, ctx, chromedp.Navigate(base+"/"), chromedp.SendKeys(chromedp.CSS("#q"), "potassium\r"), chromedp.WaitVisible(chromedp.CSS(".results")),
		chromedp.Click(chromedp.CSS(".result h2 a")), chromedp.WaitVisible(chromedp.CSS("#sheet rect.hit.active")), chromedp.Click(chromedp.CSS("#next-hit")), chromedp.WaitVisible(chromedp.CSS(`rect.hit.active[data-hit="2"]`)),
		chromedp.Click(chromedp.CSS("#next-hit")), chromedp.WaitVisible(chromedp.CSS(`[aria-label="Page 3 of 4"] rect.hit.active[data-hit="1"]`)))
}

// A window half as wide and half as high is what 200 % zoom leaves of it.
func TestPagesHoldTogetherAtTwiceTheSize(t *testing.T) {
	w := sampleWorld(t)
	id := string(w.documents[0].ID)
	long := longDocument(w, 120)
	ctx, base := browse(t, w, 1280, 900)
	for _, c := range []struct {
		name, path    string
		width, height int64
		scale         float64
	}{
		{"document-200", "/documents/" + id, 640, 450, 2},
		{"long-document-200", "/documents/" + string(long.ID) + "?page=30", 640, 450, 2},
		{"status-200", "/status", 640, 450, 2},
		{"start-phone", "/", 400, 800, 1},
		{"status", "/status", 1280, 1250, 1},
		{"list", "/documents", 1280, 700, 1},
		{"list-phone", "/documents", 400, 700, 1},
		{"help", "/help", 1280, 900, 1},
		{"rejected", "/documents/" + string(w.documents[3].ID), 1280, 700, 1},
	} {
		do(t, ctx, chromedp.EmulateViewport(c.width, c.height, chromedp.EmulateScale(c.scale)), chromedp.Navigate(base+c.path), chromedp.WaitVisible(chromedp.CSS("main")))
		loaded(t, ctx)
		picture(t, ctx, c.name)
		if over := evaluate[float64](t, ctx, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("%s is %v pixels wider than the window", c.name, over)
		}
		if at := evaluate[float64](t, ctx, `scrollY`); at != 0 {
			t.Errorf("%s opens %v pixels down", c.name, at)
		}
	}
}

// longDocument adds a document of many pages, each of which says whose it is.
func longDocument(w *world, pages int) *record.Document {
	d := *w.documents[0]
	d.ID = record.DocumentID(record.Digest{77}, 0)
	first, said := d.Pages[0], d.Identifiers
	d.Pages, d.Identifiers = nil, nil
	for n := range pages {
		p := first
		p.Number = n + 1
		d.Pages = append(d.Pages, p)
		for _, id := range said {
			id.Page = n + 1
			d.Identifiers = append(d.Identifiers, id)
		}
	}
	w.documents = append(w.documents, &d)
	return &d
}

func TestWhatEveryPageSaysIsListedOnce(t *testing.T) {
	w := sampleWorld(t)
	id := w.documents[0].Identifiers[0]
	long := longDocument(w, 120)
	body := ask(t, New(w.deps()), "GET", "/documents/"+string(long.ID)+"?page=30").Body.String()
	if n := strings.Count(body, `<bdi class="v">`+html.EscapeString(id.Value.Reveal())+`</bdi>`); n != 1 {
		t.Errorf("an identifier of 120 pages is listed %d times", n)
	}
	if !strings.Contains(body, "page 30 and 119 more") {
		t.Error("it does not say on which pages it stands")
	}
}

// polyglots are texts that run as script somewhere when they are not escaped.
var polyglots = []string{
	`<script>window.pwned=1</script>`,
	`"><img src=x onerror="window.pwned=1">`,
	`'"--></style></script></title></textarea><svg/onload=window.pwned=1>`,
	"jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=window.pwned=1 )//%0D%0A%0d%0a//</stYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=window.pwned=1//>\\x3e",
	`{{7*7}}${7*7}<iframe srcdoc="<script>parent.pwned=1</script>">`,
	`<a href="javascript:window.pwned=1" id=q name=q autofocus onfocus=window.pwned=1>`,
	`<math><mi//xlink:href="data:x,<script>window.pwned=1</script>">`,
	"\u202egnp.exe\u2066\u0000\n<b>x",
}

// hostileWorld has a document that says each of the polyglots wherever text
// from paper, scanners or registries is shown.
func hostileWorld(t *testing.T) *world {
	w := newWorld()
	for i, p := range polyglots {
		s := newSheet(1)
		s.page.Words = nil
		for j, word := range strings.Fields(p + " potassium") {
			s.page.Words = append(s.page.Words, record.Word{Text: record.Hide(word), Box: record.Box{Left: 100 + 90*j, Top: 100, Width: 80, Height: 30}, Block: 1, Line: 1})
		}
		s.page.Reason = p
		d := record.Document{Revision: 1, Received: monday, Status: record.StatusFiled, FiledBy: p, Reason: p, DocType: p, Date: p,
			Patient:     &record.PatientRef{MRN: record.Hide(p), Name: record.Hide(p), DOB: record.Hide(p)},
			Identifiers: []record.Identifier{{Kind: record.Kind(p), Role: record.Role(p), Value: record.Hide(p), Raw: record.Hide(p + p), Page: 1, Box: record.Box{Left: 1, Top: 1, Width: 9, Height: 9}, Source: record.Source(p), Check: record.Check(p)}},
			Receipts: []record.Receipt{{Name: record.Hide(p), Path: record.Hide(p), From: p, Facility: p, Batch: p, Place: p, Received: monday},
				{Name: record.Hide(p), From: p, Received: monday}}}
		w.add(t, d, fmt.Sprint("hostile", i), s)
		w.status.Failures = append(w.status.Failures, Failure{ID: w.documents[i].ID, File: record.Hide(p), Reason: p, Retry: true})
		w.status.Folders = append(w.status.Folders, Folder{Name: p, Path: p, State: p, Reason: p, Waiting: []WaitingFile{{record.Hide(p), p, monday}}})
	}
	w.health = []Check{{polyglots[0], false, polyglots[1]}}
	w.status.Documents = map[record.Status]int{record.StatusFiled: len(polyglots)}
	return w
}

func TestHostileTextIsShownAndNeverRuns(t *testing.T) {
	w := hostileWorld(t)
	ctx, base := browse(t, w, 1280, 900)
	look := func(where string) {
		t.Helper()
		time.Sleep(150 * time.Millisecond)
		if evaluate[bool](t, ctx, `"pwned" in window`) {
			t.Errorf("%s: hostile text ran as script", where)
		}
		stray := `document.querySelectorAll("main script, main iframe, main style, main math, main [onerror], main [onload], main [onfocus], main [style], a[href^='java' i]").length`
		if n := evaluate[int](t, ctx, stray); n != 0 {
			t.Errorf("%s: hostile text became %d elements", where, n)
		}
	}
	for i, d := range w.documents {
		do(t, ctx, chromedp.Navigate(base+"/documents/"+string(d.ID)), chromedp.WaitVisible(chromedp.CSS("main")))
		look(fmt.Sprintf("document of polyglot %d", i))
		h1 := evaluate[string](t, ctx, `document.querySelector("h1 bdi").textContent`)
		if want := visible(polyglots[i]); h1 != want {
			t.Errorf("polyglot %d is shown as %q, want %q", i, h1, want)
		}
	}
	for _, path := range []string{"/documents", "/status"} {
		do(t, ctx, chromedp.Navigate(base+path), chromedp.WaitVisible(chromedp.CSS("main")))
		look(path)
	}
	for i, p := range polyglots[:7] {
		w.searchErr = &QueryError{record.Hide("cannot read " + p)}
		do(t, ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(chromedp.CSS("#q")), chromedp.SetValue(chromedp.CSS("#q"), p), chromedp.Submit(chromedp.CSS("#q")), chromedp.WaitVisible(chromedp.CSS("#problem")))
		look(fmt.Sprintf("query of polyglot %d", i))
		if got := evaluate[string](t, ctx, `document.querySelector("#q").value`); got != p {
			t.Errorf("query is shown as %q, want %q", got, p)
		}
	}
	w.searchErr = nil
	do(t, ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(chromedp.CSS("#q")))
	search(t, ctx, "potassium", ".results")
	look("results")
	picture(t, ctx, "hostile")
}

// The policy must stop a script even where escaping fails: a page that holds
// one is made by hand here.
func TestPolicyStopsInlineScript(t *testing.T) {
	ctx, base := browse(t, sampleWorld(t), 800, 600)
	do(t, ctx, chromedp.Navigate(base+"/help"), chromedp.WaitVisible(chromedp.CSS("main")))
	js := `(() => { const s = document.createElement("script"); s.textContent = "window.pwned=1"; document.body.append(s);
		const d = document.createElement("div"); d.setAttribute("onclick", "window.pwned=1"); document.body.append(d); d.click(); return "pwned" in window })()`
	if evaluate[bool](t, ctx, js) {
		t.Error("an inline script ran in spite of the policy")
	}
	out, _ := json.Marshal(evaluate[[]string](t, ctx, `performance.getEntriesByType("resource").map(r => new URL(r.name).host).filter(h => h != location.host)`))
	if string(out) != "[]" {
		t.Errorf("the page asked other hosts: %s", out)
	}
}

// legible finds text on a page whose contrast is under 4.5:1, or 3:1 where it
// is large, and fields without a label.
const legible = `(() => {
  const rgb = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; n = walk.nextNode();) {
    const e = n.parentElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
    if (!n.data.trim() || r.width < 2 || s.visibility === "hidden" || e.closest("[aria-disabled], [aria-hidden], noscript, .hidden, .skip")) continue;
    const [a, b] = [light(rgb(s.color)), light(ground(e))].sort((x, y) => y - x);
    const size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.66 && s.fontWeight >= 700;
    if ((a + .05) / (b + .05) < (large ? 3 : 4.5)) bad.push(n.data.trim().slice(0, 30) + " " + ((a + .05) / (b + .05)).toFixed(2));
  }
  for (const i of document.querySelectorAll("input:not([type=hidden])")) if (!i.labels.length) bad.push("no label: " + i.id);
  for (const b of document.querySelectorAll("a[href], button")) if (!(b.textContent.trim() || b.ariaLabel || b.closest("[aria-hidden]"))) bad.push("no name: " + b.outerHTML.slice(0, 80));
  if (document.querySelectorAll("h1").length !== 1) bad.push("h1 is there " + document.querySelectorAll("h1").length + " times");
  if (!document.documentElement.lang) bad.push("no language");
  return bad;
})()`

func TestPagesAreLegibleAndNamed(t *testing.T) {
	w := sampleWorld(t)
	w.health = append(w.health, Check{"outbox", false, "the bucket does not answer"})
	w.partial, w.status.Index = true, Index{Indexed: 40, Head: 100, Rebuilding: true}
	for scheme, setting := range map[string]string{"light": "preferredColorScheme=1", "dark": "preferredColorScheme=0"} {
		t.Run(scheme, func(t *testing.T) {
			ctx, base := browse(t, w, 1280, 900, chromedp.Flag("blink-settings", setting))
			id := string(w.documents[0].ID)
			do(t, ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(chromedp.CSS("#q")))
			search(t, ctx, "potassium", ".results")
			if dark := evaluate[bool](t, ctx, `matchMedia("(prefers-color-scheme: dark)").matches`); dark != (scheme == "dark") {
				t.Fatalf("the browser is not %s", scheme)
			}
			picture(t, ctx, "results-"+scheme)
			results := evaluate[string](t, ctx, `location.pathname + location.search`)
			for _, path := range []string{"/", results, "/documents", "/documents/" + id, "/documents/" + id + "?page=2", "/documents/" + id + "?page=4",
				"/documents/" + string(w.documents[3].ID), "/status", "/help", "/nothing"} {
				do(t, ctx, chromedp.Navigate(base+path), chromedp.WaitVisible(chromedp.CSS("main")))
				for _, what := range evaluate[[]string](t, ctx, legible) {
					t.Errorf("%s: %s", strings.SplitN(path, "?", 2)[0], what)
				}
			}
		})
	}
}
