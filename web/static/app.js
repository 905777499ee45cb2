// What makes the pages quicker to use. Each page does its work without this.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const off = "chartroom.shortcuts.off";
  const store = (() => { try { return window.localStorage; } catch { return null; } })();

  // Keys. One place, so that they can be switched off.
  const typing = (t) => t.closest && t.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const follow = (id) => { const a = $(id); if (a && a.href) { a.click(); return true; } return false; };

  function onKey(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    if (typing(e.target)) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    if (store && store.getItem(off)) return;
    if (keys[e.key] && keys[e.key](e)) e.preventDefault();
  }

  const wide = () => { const t = $("table"); return t && t.scrollWidth > t.clientWidth + 1; };
  const keys = {
    "/": () => { const q = $("q"); if (!q) return false; q.focus(); q.select(); return true; },
    n: () => step(1), p: () => step(-1),
    j: () => follow("next-page") || result(1), k: () => follow("prev-page") || result(-1),
    ArrowRight: () => !wide() && follow("next-page"), ArrowLeft: () => !wide() && follow("prev-page"),
    "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1), "0": () => zoom(0),
  };

  // Results: j and k go from one to the next.
  function result(by) {
    const all = [...document.querySelectorAll("a.go")];
    if (!all.length) return false;
    const at = all.indexOf(document.activeElement);
    const to = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by))];
    to.focus();
    to.closest("li, tr").scrollIntoView({ block: "nearest" });
    return true;
  }

  // Hits: stepping within a page happens here, beyond it by a link.
  const sheet = $("sheet");
  const hits = [...document.querySelectorAll("#sheet rect.hit")];
  let active = hits.findIndex((h) => h.classList.contains("active"));

  function step(by) {
    const to = active + by;
    if (to >= 0 && to < hits.length) { show(to); return true; }
    return follow(by > 0 ? "next-hit" : "prev-hit");
  }

  function show(to) {
    hits[active]?.classList.remove("active");
    active = to;
    hits[active].classList.add("active");
    $("hit-now").textContent = String(active + 1);
    remember("hit", String(active + 1));
    lead("prev-hit", active > 0 ? here() : sheet.dataset.before);
    lead("next-hit", active < hits.length - 1 ? here() : sheet.dataset.after);
    intoView(hits[active]);
  }

  const here = () => location.pathname + location.search;

  function remember(key, value) {
    const url = new URL(location.href);
    if (value) url.searchParams.set(key, value); else url.searchParams.delete(key);
    history.replaceState(null, "", url);
  }

  function lead(id, to) {
    const a = $(id);
    if (to) a.setAttribute("href", to); else a.removeAttribute("href");
    a.classList.toggle("off", !to);
    a.toggleAttribute("aria-disabled", !to);
  }

  function onHitLink(by) {
    return (e) => {
      const to = active + by;
      if (to >= 0 && to < hits.length) { e.preventDefault(); show(to); }
    };
  }

  function intoView(rect) {
    const table = $("table");
    if (!table || !rect) return;
    const r = rect.getBoundingClientRect(), t = table.getBoundingClientRect();
    if (table.scrollHeight > table.clientHeight + 1 || wide()) {
      table.scrollBy({ left: r.left + r.width / 2 - t.left - t.width / 2, top: r.top + r.height / 2 - t.top - t.height / 3 });
    }
    const after = rect.getBoundingClientRect();
    if (after.top < 0 || after.bottom > innerHeight) window.scrollBy({ top: after.top - innerHeight / 3 });
  }

  // Places: a word or an identifier shows where it stands on the page.
  function point(box) {
    const p = $("point");
    if (!p) return;
    const [x, y, w, h] = box ? box.split(" ") : [0, 0, 0, 0];
    for (const [k, v] of [["x", x], ["y", y], ["width", w], ["height", h]]) p.setAttribute(k, v);
    p.classList.toggle("on", Boolean(box));
  }

  function places(root) {
    const at = (e) => e.target.closest && e.target.closest("[data-box]");
    root.addEventListener("mouseover", (e) => { const w = at(e); point(w && w.dataset.box); });
    root.addEventListener("mouseleave", () => point(null));
    root.addEventListener("focusin", (e) => { const w = at(e); point(w && w.dataset.box); });
    root.addEventListener("focusout", () => point(null));
    root.addEventListener("click", (e) => {
      const w = at(e);
      if (!w || e.ctrlKey || e.metaKey || e.shiftKey || String(getSelection())) return;
      e.preventDefault();
      point(w.dataset.box);
      if (w.dataset.mark) mark(w);
      intoView($("point"));
    });
  }

  function mark(a) {
    document.querySelectorAll("rect.mark.active, .ids .active").forEach((m) => m.classList.remove("active"));
    $("mark-" + a.dataset.mark)?.classList.add("active");
    a.closest("li").classList.add("active");
  }

  // Size.
  const sizes = [100, 150, 200, 300];
  function zoom(by) {
    if (!sheet) return false;
    const now = sizes.findIndex((s) => sheet.classList.contains("zoom-" + s));
    resize(by === 0 ? 0 : Math.min(sizes.length - 1, Math.max(0, now + by)));
    return true;
  }

  function resize(to) {
    const now = sizes.findIndex((s) => sheet.classList.contains("zoom-" + s));
    sheet.classList.replace("zoom-" + sizes[now], "zoom-" + sizes[to]);
    document.querySelectorAll(".zooms a").forEach((a, i) => i === to ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current"));
    const size = to === 0 ? "" : String(sizes[to]);
    for (const a of document.querySelectorAll("a[rel=prev], a[rel=next], .rail a")) a.href = resized(a.href, size);
    for (const way of ["before", "after"]) if (sheet.dataset[way]) sheet.dataset[way] = resized(sheet.dataset[way], size);
    remember("zoom", size);
    if (active >= 0) show(active);
  }

  function resized(link, size) {
    const url = new URL(link, location.href);
    if (size) url.searchParams.set("zoom", size); else url.searchParams.delete("zoom");
    return url.pathname + url.search;
  }

  // The status page renews itself, but never under somebody's hands.
  function live(box) {
    const note = () => box.querySelector(".live-note")?.removeAttribute("hidden");
    note();
    const renew = async () => {
      if (document.hidden || box.contains(document.activeElement) || String(getSelection())) return;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        box.replaceChildren(...page.getElementById("live").childNodes);
        box.classList.remove("stale");
        note();
      } catch { box.classList.add("stale"); }
    };
    setInterval(renew, Number(box.dataset.refresh) * 1000);
  }

  document.addEventListener("keydown", onKey);
  if (hits.length) {
    $("prev-hit")?.addEventListener("click", onHitLink(-1));
    $("next-hit")?.addEventListener("click", onHitLink(1));
  }
  document.querySelectorAll("#text, .ids").forEach(places);
  document.querySelectorAll(".zooms a").forEach((a, i) => a.addEventListener("click", (e) => {
    if (!sheet) return;
    e.preventDefault();
    resize(i);
  }));
  if ($("live")) live($("live"));
  if ($("shortcuts") && store) {
    $("shortcuts").checked = !store.getItem(off);
    $("shortcuts").addEventListener("change", (e) => e.target.checked ? store.removeItem(off) : store.setItem(off, "1"));
  }
  const rail = document.querySelector(".rail"), open = rail?.querySelector("[aria-current]");
  if (open) {
    const r = rail.getBoundingClientRect(), o = open.getBoundingClientRect();
    rail.scrollBy({ left: o.left + o.width / 2 - r.left - r.width / 2, top: o.top + o.height / 2 - r.top - r.height / 2 });
  }
  if (sheet && sheet.dataset.ahead) new Image().src = sheet.dataset.ahead;
  const first = document.querySelector("#sheet rect.mark.active") || hits[active];
  const img = document.querySelector("#sheet img");
  if (first && img) (img.complete ? Promise.resolve() : img.decode().catch(() => {})).then(() => intoView(first));
})();
