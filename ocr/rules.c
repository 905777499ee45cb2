#include "imagelib.h"

#include <stdlib.h>

// A rule is a thin straight run of ink across or down the page, far longer than
// any stroke of a letter: the border of a cell, a line to write on, a tick of a
// comb. Lengths are fractions of an inch, so that they mean the same at any
// resolution.

// fold paints (op) pix upon itself, moved right or down by so many pixels;
// what comes in is white for PIX_SRC & PIX_DST.
static void fold(PIX *pix, int op, int by, int down) {
  PIX *was = pixCopy(NULL, pix);
  int w = pixGetWidth(pix), h = pixGetHeight(pix);
  if (!was) return;
  if (op == (PIX_SRC & PIX_DST)) { // the first pixels have no neighbour before them
    if (down) pixRasterop(pix, 0, 0, w, by, PIX_CLR, NULL, 0, 0);
    else pixRasterop(pix, 0, 0, by, h, PIX_CLR, NULL, 0, 0);
  }
  pixRasterop(pix, down ? 0 : by, down ? by : 0, w, h, op, was, 0, 0);
  pixDestroy(&was);
}

// runs is what of the ink lies in runs of at least so many pixels, across or
// down: an opening, in as many steps as the length has binary digits.
static PIX *runs(PIX *ink, int length, int down) {
  PIX *ends = pixCopy(NULL, ink);
  if (!ends) return NULL;
  for (int have = 1; have < length;) {
    int by = L_MIN(have, length - have);
    fold(ends, PIX_SRC & PIX_DST, by, down);
    have += by;
  }
  // What is left marks the last pixel of every run; painted back, towards the first.
  PIX *out = pixCreateTemplate(ink);
  int w = pixGetWidth(ink), h = pixGetHeight(ink);
  if (out) pixRasterop(out, down ? 0 : 1 - length, down ? 1 - length : 0, w, h, PIX_SRC, ends, 0, 0);
  // The moved marks leave the image at its near edge only where no run can be.
  for (int have = 1; out && have < length;) {
    int by = L_MIN(have, length - have);
    fold(out, PIX_SRC | PIX_DST, by, down);
    have += by;
  }
  pixDestroy(&ends);
  return out;
}

// without is a minus b; it takes a over.
static PIX *without(PIX *a, PIX *b) {
  if (a && b) pixSubtract(a, a, b);
  return a;
}

// solids covers what is as thick as no rule is, and a little around it.
static PIX *solids(PIX *ink, int thick) {
  PIX *wide = runs(ink, thick, 0), *found = wide ? runs(wide, thick, 1) : NULL;
  for (int i = 0; found && i < 2; i++) {
    PIX *grown = pixDilateCompBrick(NULL, found, i ? 1 : 2 * thick + 1, i ? 2 * thick + 1 : 1);
    pixDestroy(&found);
    found = grown;
  }
  pixDestroy(&wide);
  return found;
}

// covered is the share of a side of a box, so many pixels deep, whose rows or
// columns hold ink of pix.
static double covered(PIX *pix, int x, int y, int w, int h, int along_x) {
  BOX *box = boxCreate(x, y, w, h);
  PIX *part = box ? pixClipRectangle(pix, box, NULL) : NULL;
  NUMA *counts = part ? (along_x ? pixCountPixelsByColumn(part) : pixCountPixelsByRow(part, NULL)) : NULL;
  int n = counts ? numaGetCount(counts) : 0, full = 0;
  for (int i = 0; i < n; i++) {
    l_int32 v = 0;
    numaGetIValue(counts, i, &v);
    full += v > 0;
  }
  numaDestroy(&counts);
  pixDestroy(&part);
  boxDestroy(&box);
  return n ? (double)full / n : 0;
}

// is_frame tells whether a mark is a small box to be ticked: ink on all four
// sides, corners included.
static int is_frame(PIX *mark, int dpi) {
  int w = pixGetWidth(mark), h = pixGetHeight(mark), deep = L_MAX(dpi / 50, 2);
  return w >= dpi / 9 && h >= dpi / 9 && w <= dpi / 2 && h <= dpi / 2 && covered(mark, 0, 0, w, deep, 1) > 0.93 && covered(mark, 0, h - deep, w, deep, 1) > 0.93 &&
         covered(mark, 0, 0, deep, h, 0) > 0.93 && covered(mark, w - deep, 0, deep, h, 0) > 0.93;
}

// is_comb tells whether a mark is a row of cells open at the top or bottom.
static int is_comb(PIX *mark, int dpi) {
  int w = pixGetWidth(mark), h = pixGetHeight(mark), deep = L_MAX(dpi / 50, 2);
  return w >= dpi / 4 && h >= dpi / 9 && h <= dpi / 2 && covered(mark, 0, 0, deep, h, 0) > 0.93 && covered(mark, w - deep, 0, deep, h, 0) > 0.93 &&
         (covered(mark, 0, 0, w, deep, 1) > 0.93 || covered(mark, 0, h - deep, w, deep, 1) > 0.93);
}

// paint_part adds to out what of the runs within a rectangle belongs to a mark,
// which lies at x, y.
static void paint_part(PIX *out, PIX *runs, PIX *mark, int x, int y, int left, int top, int w, int h) {
  PIX *part = pixCreate(w, h, 1);
  if (!part) return;
  pixRasterop(part, 0, 0, w, h, PIX_SRC, mark, left, top);
  pixRasterop(part, 0, 0, w, h, PIX_SRC & PIX_DST, runs, x + left, y + top);
  pixRasterop(out, x + left, y + top, w, h, PIX_PAINT, part, 0, 0);
  pixDestroy(&part);
}

// frames adds the sides of boxes to be ticked, and combs, to the rules. flat and
// upright are runs at least as long as such a box is wide.
static void frames(PIX *flat, PIX *upright, PIX *across, PIX *down, int dpi) {
  PIX *both = pixOr(NULL, flat, upright);
  PIXA *each = NULL;
  BOXA *boxes = both ? pixConnComp(both, &each, 8) : NULL;
  int deep = L_MAX(dpi / 50, 2);
  for (int i = 0; boxes && i < boxaGetCount(boxes); i++) {
    l_int32 x, y, w, h;
    boxaGetBoxGeometry(boxes, i, &x, &y, &w, &h);
    PIX *mark = pixaGetPix(each, i, L_CLONE);
    if (mark && is_frame(mark, dpi)) {
      paint_part(across, flat, mark, x, y, 0, 0, w, deep);
      paint_part(across, flat, mark, x, y, 0, h - deep, w, deep);
      paint_part(down, upright, mark, x, y, 0, 0, deep, h);
      paint_part(down, upright, mark, x, y, w - deep, 0, deep, h);
    } else if (mark && is_comb(mark, dpi)) {
      paint_part(across, flat, mark, x, y, 0, 0, w, h);
      paint_part(down, upright, mark, x, y, 0, 0, w, h);
    }
    pixDestroy(&mark);
  }
  boxaDestroy(&boxes);
  pixaDestroy(&each);
  pixDestroy(&both);
}

// thin_marks is those marks of the ink that could be dashes of a line down the
// page.
static PIX *thin_marks(PIX *ink, int dpi) {
  PIX *out = pixCreateTemplate(ink);
  BOXA *boxes = out ? pixConnCompBB(ink, 8) : NULL;
  for (int i = 0; boxes && i < boxaGetCount(boxes); i++) {
    l_int32 x, y, w, h;
    boxaGetBoxGeometry(boxes, i, &x, &y, &w, &h);
    if (w <= L_MAX(dpi / 50, 3) && h >= 2 * w && h >= dpi / 50 && h <= dpi) pixRasterop(out, x, y, w, h, PIX_PAINT, ink, x, y);
  }
  boxaDestroy(&boxes);
  return out;
}

// dashed adds broken lines down the page to the rules: at least three dashes in
// one column, with hardly anything beside them.
static void dashed(PIX *ink, PIX *down, int dpi) {
  PIX *thin = thin_marks(ink, dpi), *joined = thin ? pixCloseSafeBrick(NULL, thin, 1, L_MAX(dpi / 20, 3)) : NULL;
  PIX *found = joined ? runs(joined, dpi / 6, 1) : NULL;
  BOXA *boxes = found ? pixConnCompBB(found, 8) : NULL;
  int room = L_MAX(dpi / 40, 3);
  for (int i = 0; boxes && i < boxaGetCount(boxes); i++) {
    l_int32 x, y, w, h, own = 0, all = 0, marks = 0;
    boxaGetBoxGeometry(boxes, i, &x, &y, &w, &h);
    BOX *column = boxCreate(x - 1, y, w + 2, h), *around = boxCreate(L_MAX(x - room, 0), y, w + 2 * room, h);
    PIX *dashes = pixClipRectangle(thin, column, NULL);
    pixCountPixelsInRect(ink, around, &all, NULL);
    if (dashes) pixCountPixels(dashes, &own, NULL);
    if (own * 4 > all * 3) pixCountConnComp(dashes, 8, &marks);
    if (marks >= 3) pixRasterop(down, x - 1, y, w + 2, h, PIX_PAINT, dashes, 0, 0);
    pixDestroy(&dashes);
    boxDestroy(&around);
    boxDestroy(&column);
  }
  boxaDestroy(&boxes);
  pixDestroy(&found);
  pixDestroy(&joined);
  pixDestroy(&thin);
}

// upright_mark is a thin mark that stands on a rule, or hangs from one.
typedef struct {
  int x, y, w, h, mark;
} upright_mark;

static int by_place(const void *a, const void *b) {
  const upright_mark *p = a, *q = b;
  return p->y + p->h != q->y + q->h ? p->y + p->h - q->y - q->h : p->x - q->x;
}

static void paint(PIX *out, PIXA *each, const upright_mark *m) {
  PIX *mark = pixaGetPix(each, m->mark, L_CLONE);
  if (mark) pixRasterop(out, m->x, m->y, m->w, m->h, PIX_PAINT, mark, 0, 0);
  pixDestroy(&mark);
}

// ticks adds to out those marks that are the ticks of a comb: at least four in
// a row, as high as each other and evenly spaced.
static void ticks(PIX *out, PIXA *each, upright_mark *m, int n, int dpi) {
  qsort(m, n, sizeof *m, by_place);
  for (int i = 0; i + 3 < n;) {
    int step = m[i + 1].x - m[i].x, k = i + 1;
    while (step >= dpi / 12 && k < n && abs(m[k].x - m[k - 1].x - step) <= L_MAX(step / 8, 2) && abs(m[k].y - m[i].y) <= m[i].h / 4 && abs(m[k].y + m[k].h - m[i].y - m[i].h) <= L_MAX(dpi / 60, 2)) k++;
    for (int j = i; k - i >= 4 && j < k; j++) paint(out, each, m + j);
    i = k - i >= 4 ? k : i + 1;
  }
}

// meets tells at which ends an upright mark meets a rule: 1 above, 2 below.
static int meets(PIX *across, int x, int y, int w, int h) {
  l_int32 above = 0, below = 0;
  BOX *top = boxCreate(x, y, w, h / 4), *bottom = boxCreate(x, y + h - h / 4, w, h / 4);
  pixCountPixelsInRect(across, top, &above, NULL);
  pixCountPixelsInRect(across, bottom, &below, NULL);
  boxDestroy(&top);
  boxDestroy(&bottom);
  return (above ? 1 : 0) | (below ? 2 : 0);
}

// borders is those upright marks that reach more than half an inch, hang
// between two rules as the borders of cells do, or are the ticks of a comb.
static PIX *borders(PIX *upright, PIX *across, int dpi) {
  PIX *out = pixCreateTemplate(upright), *wide = pixDilateBrick(NULL, across, 1, 2 * (dpi / 60) + 1);
  PIXA *each = NULL;
  BOXA *boxes = out && wide ? pixConnComp(upright, &each, 8) : NULL;
  int all = boxes ? boxaGetCount(boxes) : 0, n = 0;
  upright_mark *maybe = all ? malloc(all * sizeof *maybe) : NULL;
  for (int i = 0; maybe && i < all; i++) {
    upright_mark m = {.mark = i};
    boxaGetBoxGeometry(boxes, i, &m.x, &m.y, &m.w, &m.h);
    if (m.h < 6 * m.w) continue;
    int ends = meets(wide, m.x, m.y, m.w, m.h);
    if (ends == 3 || m.h >= dpi * 6 / 10) paint(out, each, &m);
    else if (ends) maybe[n++] = m;
  }
  if (maybe) ticks(out, each, maybe, n, dpi);
  free(maybe);
  boxaDestroy(&boxes);
  pixaDestroy(&each);
  pixDestroy(&wide);
  return out;
}

// empty tells whether a one-bit image, if there is one, shows nothing.
static int empty(PIX *pix) {
  l_int32 none = 1;
  if (pix) pixZero(pix, &none);
  return none;
}

// ruled tells at little cost whether a page may have rules at all.
static int ruled(PIX *ink, int dpi) {
  PIX *flat = runs(ink, dpi * 35 / 100, 0), *upright = empty(flat) ? runs(ink, dpi * 6 / 10, 1) : NULL;
  int found = !empty(flat) || !empty(upright);
  pixDestroy(&upright);
  pixDestroy(&flat);
  return found;
}

// cr_rules finds the rules across and down a page that stands straight. Both
// are NULL where there is none.
int cr_rules(PIX *ink, int dpi, PIX **across, PIX **down) {
  *across = *down = NULL;
  if (!ruled(ink, dpi)) return 0;
  PIX *flat = runs(ink, L_MAX(dpi / 9, 5), 0), *upright = runs(ink, L_MAX(dpi / 9, 5), 1);
  PIX *thick = flat && upright ? solids(ink, L_MAX(dpi / 18, 4)) : NULL;
  flat = without(flat, thick);
  upright = without(upright, thick);
  PIX *a = flat ? runs(flat, dpi * 35 / 100, 0) : NULL, *d = a ? borders(upright, a, dpi) : NULL;
  int bad = !d, none = bad || (empty(a) && empty(d));
  if (!none) {
    frames(flat, upright, a, d, dpi);
    dashed(ink, d, dpi);
    *across = a;
    *down = d;
  } else {
    pixDestroy(&a);
    pixDestroy(&d);
  }
  pixDestroy(&thick);
  pixDestroy(&upright);
  pixDestroy(&flat);
  return bad;
}

// entered is the part of a band that a stroke enters from one side: from above
// or the left (step 1), from below or the right (step -1).
static PIX *entered(PIX *strokes, PIX *band, int step, int sideways) {
  PIX *out = pixCreateTemplate(band);
  int w = pixGetWidth(band), h = pixGetHeight(band);
  if (out) pixRasterop(out, sideways ? step : 0, sideways ? 0 : step, w, h, PIX_SRC, strokes, 0, 0);
  if (out) pixAnd(out, out, band);
  return out;
}

// grown is a seed in a band grown by so much across the band.
static PIX *grown(PIX *seed, PIX *band, int by, int sideways) {
  PIX *out = sideways ? pixDilateBrick(NULL, seed, 2 * by + 1, 1) : pixDilateBrick(NULL, seed, 1, 2 * by + 1);
  if (out) pixAnd(out, out, band);
  return out;
}

// crossing is what of a band of rules is to stay: all of it where a stroke of
// the rest enters from both sides, and a little where one ends in it.
static PIX *crossing(PIX *rest, PIX *band, int stroke, int reach, int sideways) {
  PIX *strokes = sideways ? pixOpenBrick(NULL, rest, stroke, 1) : pixOpenBrick(NULL, rest, 1, stroke);
  PIX *one = strokes ? entered(strokes, band, 1, sideways) : NULL, *other = strokes ? entered(strokes, band, -1, sideways) : NULL;
  PIX *through = one ? grown(one, band, reach, sideways) : NULL, *back = other ? grown(other, band, reach, sideways) : NULL;
  PIX *out = NULL;
  if (through && back) {
    pixAnd(through, through, back);
    pixOr(one, one, other);
    out = grown(one, band, stroke, sideways);
    if (out) pixOr(out, out, through);
  }
  pixDestroy(&back);
  pixDestroy(&through);
  pixDestroy(&other);
  pixDestroy(&one);
  pixDestroy(&strokes);
  return out;
}

// cr_rule_mask is what must be wiped for the rules to go: they and their
// frayed edges, of so many pixels, but not the strokes that touch or cross
// them.
PIX *cr_rule_mask(PIX *ink, PIX *across, PIX *down, int dpi, int frayed) {
  PIX *a = pixDilateBrick(NULL, across, 2 * frayed + 1, 2 * frayed + 1), *d = pixDilateBrick(NULL, down, 2 * frayed + 1, 2 * frayed + 1);
  PIX *all = a && d ? pixOr(NULL, a, d) : NULL;
  PIX *rest = all ? pixSubtract(NULL, ink, all) : NULL;
  int stroke = L_MAX(dpi / 100, 2), reach = dpi / 18 + 2 * frayed;
  PIX *onA = rest ? crossing(rest, a, stroke, reach, 0) : NULL, *onD = rest ? crossing(rest, d, stroke, reach, 1) : NULL;
  if (onA && onD) {
    pixSubtract(onA, onA, d);
    pixSubtract(onD, onD, a);
    pixOr(onA, onA, onD);
    pixAnd(onA, onA, ink);
    pixSubtract(all, all, onA);
  } else {
    pixDestroy(&all);
  }
  pixDestroy(&onD);
  pixDestroy(&onA);
  pixDestroy(&rest);
  pixDestroy(&d);
  pixDestroy(&a);
  return all;
}

// cr_boxes lists the bounding boxes of a one-bit image's marks, at most so
// many, as left, top, width, height; it returns their number.
int cr_boxes(PIX *pix, int *out, int most) {
  BOXA *boxes = pixConnCompBB(pix, 8);
  int n = boxes ? L_MIN(boxaGetCount(boxes), most) : 0;
  for (int i = 0; i < n; i++) boxaGetBoxGeometry(boxes, i, out + 4 * i, out + 4 * i + 1, out + 4 * i + 2, out + 4 * i + 3);
  boxaDestroy(&boxes);
  return n;
}

// cr_fill is the page with the masked part given the brightness of its paper.
PIX *cr_fill(PIX *pix, PIX *mask) {
  if (pixGetDepth(pix) == 1) return pixSubtract(NULL, pix, mask);
  PIX *grey = cr_grey(pix);
  NUMA *histogram = grey ? pixGetGrayHistogram(grey, 8) : NULL;
  l_float32 median = 255;
  PIX *out = histogram ? pixCopy(NULL, pix) : NULL;
  if (out) {
    numaHistogramGetValFromRank(histogram, 0.5, &median);
    l_uint32 v = (l_uint32)median;
    if (pixSetMasked(out, mask, pixGetDepth(pix) == 32 ? v << 24 | v << 16 | v << 8 : v)) pixDestroy(&out);
  }
  numaDestroy(&histogram);
  pixDestroy(&grey);
  return out;
}
