#include "imagelib.h"

#include <math.h>

// cr_grey is the image in eight bits.
PIX *cr_grey(PIX *pix) {
  switch (pixGetDepth(pix)) {
    case 1: return pixConvert1To8(NULL, pix, 255, 0);
    case 32: return pixConvertRGBToLuminance(pix);
  }
  return pixClone(pix);
}

// cr_between is how many of a grey page's dots are neither nearly black nor
// nearly white, for each that is black: hardly any where the page was black and
// white before, as a fax or a copy is, however it is stored.
double cr_between(PIX *grey) {
  NUMA *histogram = pixGetGrayHistogram(grey, 3);
  l_float32 black = 0, between = 0;
  int bad = !histogram || numaGetSumOnInterval(histogram, 0, 63, &black) || numaGetSumOnInterval(histogram, 64, 191, &between);
  numaDestroy(&histogram);
  return bad || black < 1 ? 1e6 : between / black;
}

// cr_ragged measures how ragged the strokes of a one-bit page are: the share of
// dots that come to its ink where every notch and hole one dot wide is filled.
int cr_ragged(PIX *ink, double *share) {
  PIX *filled = pixCloseSafeBrick(NULL, ink, 2, 2);
  l_int32 before = 0, after = 0;
  int bad = !filled || pixCountPixels(ink, &before, NULL) || pixCountPixels(filled, &after, NULL);
  *share = before > 0 ? (double)(after - before) / before : 0;
  pixDestroy(&filled);
  return bad;
}

// cr_smooth is a one-bit page in grey, its ragged strokes smoothed.
PIX *cr_smooth(PIX *pix) {
  PIX *grey = pixConvert1To8(NULL, pix, 255, 0);
  PIX *out = grey ? pixBlockconvGray(grey, NULL, 1, 1) : NULL;
  pixDestroy(&grey);
  return out;
}

// cr_light measures how evenly lit the paper is, but for what the mask covers,
// if there is one: the values that a twentieth, and all but a twentieth, of its
// surface stay below, where every block of so many pixels across and down
// counts with its brightest.
int cr_light(PIX *grey, PIX *mask, int block, double *low, double *high) {
  PIX *paper = mask ? cr_wipe(grey, mask) : pixClone(grey);
  PIX *blocks = paper ? pixScaleGrayMinMax(paper, block, block, L_CHOOSE_MAX) : NULL;
  NUMA *histogram = blocks ? pixGetGrayHistogram(blocks, 1) : NULL;
  l_float32 l = 0, h = 0;
  int bad = !histogram || numaHistogramGetValFromRank(histogram, 0.05, &l) || numaHistogramGetValFromRank(histogram, 0.95, &h);
  *low = l;
  *high = h;
  numaDestroy(&histogram);
  pixDestroy(&blocks);
  pixDestroy(&paper);
  return bad;
}

// cr_even lights a grey page evenly: what is paper in each tile of so many
// pixels becomes nearly white. darkest is the value of the darkest paper.
PIX *cr_even(PIX *grey, int tile, int darkest) {
  return pixBackgroundNorm(grey, NULL, NULL, tile, tile, L_MIN(darkest * 3 / 5, 80), tile * tile / 4, 250, 2, 2);
}

// cr_skew finds by how many degrees the page must be turned clockwise to stand
// straight, and how sure that is: above 3 it can be relied upon.
int cr_skew(PIX *ink, int dpi, double *degrees, double *sure) {
  int reduction = dpi > 350 ? 4 : dpi > 150 ? 2 : 1;
  l_float32 angle = 0, confidence = 0;
  int bad = pixFindSkewSweepAndSearch(ink, &angle, &confidence, 2 * reduction, reduction, 7.0, 1.0, 0.01);
  *degrees = bad ? 0 : angle;
  *sure = bad ? 0 : confidence;
  return bad;
}

// cr_straighten turns clockwise about the middle, onto a sheet large enough that
// no corner is lost. One-bit pages become grey.
PIX *cr_straighten(PIX *pix, double degrees) {
  PIX *deep = pixGetDepth(pix) == 1 ? cr_grey(pix) : pixClone(pix);
  if (!deep) return NULL;
  PIX *out = pixRotate(deep, degrees * M_PI / 180, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE, pixGetWidth(deep), pixGetHeight(deep));
  pixDestroy(&deep);
  return out;
}

// cr_unfan is a grey page whose lines of writing fan out, as seen by a camera
// from above or below, with the lines made parallel. slope is by how much their
// slope, clockwise, changes from one row to the next.
PIX *cr_unfan(PIX *grey, double slope) {
  double x = pixGetWidth(grey) / 2.0, y = pixGetHeight(grey) / 2.0;
  // A dot at x, y comes from x, y + slope * (x - middle) * (y - middle).
  l_float32 from[8] = {1, 0, 0, 0, -slope * y, 1 - slope * x, slope, slope * x * y};
  return pixBilinearGray(grey, from, 255);
}

// cr_orient measures from the risers and tails of its letters how sure it is
// that a page stands upright (up) and, if right is asked for, that it was
// turned by a quarter clockwise; negative for the opposite of each.
int cr_orient(PIX *ink, int dpi, double *up, double *right) {
  PIX *small = dpi >= 560 ? pixReduceRankBinaryCascade(ink, 1, 0, 0, 0) : pixClone(ink);
  l_float32 u = 0, r = 0;
  int bad = !small || (right ? pixOrientDetect(small, &u, &r, 0, 0) : pixUpDownDetect(small, &u, 0, 0, 0));
  *up = u;
  if (right) *right = r;
  pixDestroy(&small);
  return bad;
}

// holds_writing tells whether a dark mark has bright gaps as large as letters,
// as the background of white letters does and the edge of a scan or a punch
// hole does not.
static int holds_writing(PIX *small, PIX *mark, int size) {
  PIX *closed = pixCloseSafeBrick(NULL, mark, 4 * size, 4 * size);
  PIX *gaps = closed ? pixSubtract(NULL, closed, small) : NULL;
  BOXA *boxes = gaps ? pixConnCompBB(gaps, 8) : NULL;
  int letters = 0;
  for (int i = 0; boxes && i < boxaGetCount(boxes); i++) {
    l_int32 w, h;
    boxaGetBoxGeometry(boxes, i, NULL, NULL, &w, &h);
    letters += w >= size / 2 && h >= size && w <= 6 * size && h <= 6 * size;
  }
  boxaDestroy(&boxes);
  pixDestroy(&gaps);
  pixDestroy(&closed);
  return letters >= 4;
}

// is_hole tells whether a mark in the margin is round and as large as what a
// punch leaves.
static int is_hole(PIX *mark, int dpi) {
  int w = pixGetWidth(mark), h = pixGetHeight(mark);
  l_int32 area = 0;
  pixCountPixels(mark, &area, NULL);
  double fill = (double)area / ((double)w * h);
  return w > dpi * 0.12 && w < dpi * 0.45 && abs(w - h) <= L_MAX(w, h) / 5 && fill > 0.68 && fill < 0.9;
}

// add_mark adds to mask what is to be wiped of a mark at a place on the page.
static void add_mark(PIX *mask, PIX *small, PIX *mark, BOX *box, int dpi) {
  l_int32 x, y, w, h;
  boxGetGeometry(box, &x, &y, &w, &h);
  int border = dpi / 5;
  PIX *wide = pixAddBorder(mark, border, 0);
  PIX *page = wide ? pixCreate(pixGetWidth(wide), pixGetHeight(wide), 1) : NULL;
  if (page) pixRasterop(page, 0, 0, pixGetWidth(page), pixGetHeight(page), PIX_SRC, small, x - border, y - border);
  if (page && !holds_writing(page, wide, dpi / 25)) pixRasterop(mask, x, y, w, h, PIX_PAINT, mark, 0, 0);
  pixDestroy(&page);
  pixDestroy(&wide);
}

// add_marks adds to mask the holes, or else what touches the page's edge, of
// what is solid within a margin of the width and height divided by share.
static int add_marks(PIX *mask, PIX *small, PIX *solid, int share, int holes, int dpi) {
  int w = pixGetWidth(small), h = pixGetHeight(small);
  PIX *marks = pixCopy(NULL, solid);
  if (marks) pixRasterop(marks, w / share, h / share, w - 2 * (w / share), h - 2 * (h / share), PIX_CLR, NULL, 0, 0);
  PIXA *each = NULL;
  BOXA *boxes = marks ? pixConnComp(marks, &each, 8) : NULL;
  for (int i = 0; boxes && i < boxaGetCount(boxes); i++) {
    BOX *box = boxaGetBox(boxes, i, L_CLONE);
    PIX *mark = pixaGetPix(each, i, L_CLONE);
    l_int32 x = 0, y = 0, across = 0, down = 0;
    boxGetGeometry(box, &x, &y, &across, &down);
    int edge = x <= 1 || y <= 1 || x + across >= w - 1 || y + down >= h - 1;
    if (box && mark && (holes ? is_hole(mark, dpi) : edge)) add_mark(mask, small, mark, box, dpi);
    pixDestroy(&mark);
    boxDestroy(&box);
  }
  int bad = !boxes;
  pixaDestroy(&each);
  boxaDestroy(&boxes);
  pixDestroy(&marks);
  return bad;
}

// enlarged is a mask of a reduced page for the whole page, a little wider than
// it was, for edges are blurred.
static PIX *enlarged(PIX *found, int fold, PIX *page) {
  PIX *fat = pixDilateBrick(NULL, found, 3, 3);
  PIX *large = fat ? pixExpandReplicate(fat, fold) : NULL;
  PIX *mask = large ? pixCreateTemplate(page) : NULL;
  int w = pixGetWidth(large), h = pixGetHeight(large);
  if (mask) {
    pixRasterop(mask, 0, 0, w, h, PIX_SRC, large, 0, 0);
    // The last rows and columns, which the reduction left out.
    pixRasterop(mask, w, 0, fold, h, PIX_SRC, large, w - fold, 0);
    pixRasterop(mask, 0, h, w, fold, PIX_SRC, large, 0, h - fold);
  }
  pixDestroy(&large);
  pixDestroy(&fat);
  return mask;
}

// cr_edges finds what is solid black at the page's edges (a tenth of each side)
// and punch holes in its margins: a seventh, for sheets lie askew, and holes are
// round. *mask is NULL where there is nothing.
int cr_edges(PIX *ink, int dpi, PIX **mask) {
  *mask = NULL;
  int fold = dpi >= 150 ? 4 : 2;
  PIX *small = pixReduceRankBinaryCascade(ink, 2, fold == 4 ? 2 : 0, 0, 0);
  if (!small) return 1;
  dpi /= fold;
  int least = L_MAX(dpi / 13, 3);
  PIX *solid = pixOpenBrick(NULL, small, least, least);
  PIX *found = solid ? pixCreateTemplate(small) : NULL;
  int bad = !found || add_marks(found, small, solid, 10, 0, dpi) || add_marks(found, small, solid, 7, 1, dpi);
  l_int32 none = 1;
  if (found) pixZero(found, &none);
  if (!none) *mask = enlarged(found, fold, ink);
  pixDestroy(&found);
  pixDestroy(&solid);
  pixDestroy(&small);
  return bad;
}

// is_bar tells whether a dark block is mostly ink and holds writing in white: a
// closed block of black letters has less ink than gaps. A bar that leans is left
// to the engine: the steps of its edges would stay as dirt around the writing.
static int is_bar(PIX *small, PIX *block, BOX *box, int dpi) {
  l_int32 x, y, w, h, area = 0, inked = 0;
  boxGetGeometry(box, &x, &y, &w, &h);
  PIX *ink = pixCreate(w, h, 1);
  if (!ink) return 0;
  pixRasterop(ink, 0, 0, w, h, PIX_SRC, small, x, y);
  pixRasterop(ink, 0, 0, w, h, PIX_MASK, block, 0, 0);
  pixCountPixels(block, &area, NULL);
  pixCountPixels(ink, &inked, NULL);
  int bar = inked > area * 0.6 && area > w * h * 0.9 && holds_writing(ink, ink, dpi / 25);
  pixDestroy(&ink);
  return bar;
}

// cr_inverted finds dark blocks that hold white writing, as headings of forms
// and tables do. *mask is NULL where there is none.
int cr_inverted(PIX *ink, int dpi, PIX **mask) {
  *mask = NULL;
  int fold = dpi >= 250 ? 2 : 1;
  PIX *small = fold == 2 ? pixReduceRankBinaryCascade(ink, 2, 0, 0, 0) : pixClone(ink);
  if (!small) return 1;
  dpi /= fold;
  PIX *seed = pixReduceRankBinaryCascade(small, 3, 0, 0, 0);
  l_int32 none = 1;
  PIX *core = seed ? pixOpenBrick(NULL, seed, dpi / 6, L_MAX(dpi / 100, 2)) : NULL;
  if (core) pixZero(core, &none);
  PIX *found = none ? NULL : pixCreateTemplate(small);
  if (found) {
    int gap = dpi / 20 | 1, across = dpi / 2, down = dpi / 9;
    PIX *closed = pixCloseSafeBrick(NULL, small, gap, gap), *solid = closed ? pixOpenBrick(NULL, closed, across, down) : NULL;
    PIXA *each = NULL;
    BOXA *boxes = solid ? pixConnComp(solid, &each, 8) : NULL;
    for (int i = 0; boxes && i < boxaGetCount(boxes); i++) {
      BOX *box = boxaGetBox(boxes, i, L_CLONE);
      PIX *block = pixaGetPix(each, i, L_CLONE);
      l_int32 x = 0, y = 0, w = 0, h = 0;
      boxGetGeometry(box, &x, &y, &w, &h);
      if (block && is_bar(small, block, box, dpi)) pixRasterop(found, x, y, w, h, PIX_PAINT, block, 0, 0);
      pixDestroy(&block);
      boxDestroy(&box);
    }
    pixaDestroy(&each);
    boxaDestroy(&boxes);
    pixDestroy(&solid);
    pixDestroy(&closed);
    pixZero(found, &none);
    if (!none) *mask = enlarged(found, fold, ink);
  }
  int bad = !core;
  pixDestroy(&found);
  pixDestroy(&core);
  pixDestroy(&seed);
  pixDestroy(&small);
  return bad;
}

// cr_invert is the page in which the masked blocks are white and their writing
// is black: in grey, if it was not of one bit.
PIX *cr_invert(PIX *pix, PIX *mask) {
  if (pixGetDepth(pix) == 1) return pixXor(NULL, pix, mask);
  PIX *grey = cr_grey(pix), *out = grey ? pixCopy(NULL, grey) : NULL;
  l_float32 dark = 0, light = 0;
  PIX *turned = NULL;
  NUMA *histogram = out ? pixGetGrayHistogramMasked(out, mask, 0, 0, 2) : NULL;
  if (histogram && !numaHistogramGetValFromRank(histogram, 0.5, &dark) && !numaHistogramGetValFromRank(histogram, 0.99, &light)) {
    turned = pixInvert(NULL, out);
    // The block's grey becomes white, its writing black.
    if (turned) pixGammaTRC(turned, turned, 1, L_MIN(255 - (int)light, 250 - (int)dark), 255 - (int)dark);
  }
  if (!turned || pixCombineMasked(out, turned, mask)) pixDestroy(&out);
  numaDestroy(&histogram);
  pixDestroy(&turned);
  pixDestroy(&grey);
  return out;
}

// boxed is what of the ink lies in boxes of at most so many pixels across and
// down, and *n how many of them there are.
static PIX *boxed(PIX *ink, BOXA *boxes, int most, int *n) {
  PIX *out = pixCreateTemplate(ink);
  *n = 0;
  for (int i = 0; out && i < boxaGetCount(boxes); i++) {
    l_int32 x, y, w, h;
    boxaGetBoxGeometry(boxes, i, &x, &y, &w, &h);
    if (w > most || h > most) continue;
    pixRasterop(out, x, y, w, h, PIX_SRC, ink, x, y);
    ++*n;
  }
  return out;
}

// alone is what of the specks has nothing within so many pixels of what else
// there is of the ink.
static PIX *alone(PIX *specks, PIX *ink, int distance) {
  PIX *rest = pixSubtract(NULL, ink, specks);
  PIX *near = rest ? pixDilateBrick(NULL, rest, 2 * distance + 1, 2 * distance + 1) : NULL;
  PIX *seed = near ? pixAnd(NULL, near, specks) : NULL;
  PIX *beside = seed ? pixSeedfillBinary(NULL, seed, specks, 8) : NULL;
  PIX *out = beside ? pixSubtract(NULL, specks, beside) : NULL;
  pixDestroy(&beside);
  pixDestroy(&seed);
  pixDestroy(&near);
  pixDestroy(&rest);
  return out;
}

// cr_specks finds dirt: specks as small as a full stop that stand apart from each
// other, as the crumbs of a letter whose toner fell out do not, and farther from
// all writing than a full stop does. *mask is NULL on pages that have fewer than
// so many for each square inch.
int cr_specks(PIX *ink, int dpi, int each, PIX **mask) {
  *mask = NULL;
  double inches = (double)pixGetWidth(ink) * pixGetHeight(ink) / dpi / dpi;
  int n = 0, gap = L_MAX(dpi / 60, 2);
  PIX *marks = pixCloseSafeBrick(NULL, ink, gap, gap);
  BOXA *boxes = marks ? pixConnCompBB(marks, 8) : NULL;
  PIX *specks = boxes ? boxed(marks, boxes, L_MAX(dpi / 40, 2), &n) : NULL;
  PIX *far = specks && n > inches * each ? alone(specks, marks, L_MAX(dpi / 25, 3)) : NULL;
  l_int32 left = 0;
  if (far && !pixCountConnComp(far, 8, &left) && left > inches * each) *mask = pixClone(far);
  int bad = !specks;
  pixDestroy(&far);
  pixDestroy(&specks);
  boxaDestroy(&boxes);
  pixDestroy(&marks);
  return bad;
}

// cr_dust is the page without the specks of a mask of its size: white on a page
// of one bit, the value of paper on others, where a speck's blurred border goes
// too.
PIX *cr_dust(PIX *pix, PIX *mask, int paper) {
  if (pixGetDepth(pix) == 1) return pixSubtract(NULL, pix, mask);
  PIX *wide = pixDilateBrick(NULL, mask, 5, 5);
  PIX *out = wide ? pixCopy(NULL, pix) : NULL;
  if (out && pixSetMasked(out, wide, pixGetDepth(pix) == 32 ? (l_uint32)paper << 24 | paper << 16 | paper << 8 : (l_uint32)paper)) pixDestroy(&out);
  pixDestroy(&wide);
  return out;
}

// cr_wipe is the page with the masked part made white. The mask may be of
// another size, for the same page.
PIX *cr_wipe(PIX *pix, PIX *mask) {
  PIX *fitting = pixGetWidth(mask) == pixGetWidth(pix) && pixGetHeight(mask) == pixGetHeight(pix) ? pixClone(mask) : pixScaleToSize(mask, pixGetWidth(pix), pixGetHeight(pix));
  PIX *out = NULL;
  if (fitting && pixGetDepth(pix) == 1) {
    out = pixSubtract(NULL, pix, fitting);
  } else if (fitting) {
    out = pixCopy(NULL, pix);
    if (out && pixSetMasked(out, fitting, pixGetDepth(pix) == 32 ? 0xffffff00 : 0xff)) pixDestroy(&out);
  }
  pixDestroy(&fitting);
  return out;
}
