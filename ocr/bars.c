#include "barcode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "imagelib.h"

// cr_reduce is the image in grey, smaller by a whole factor.
PIX *cr_reduce(PIX *pix, int factor) {
  if (factor <= 1) return cr_grey(pix);
  float f = 1.0f / factor;
  if (pixGetDepth(pix) == 1) return pixScaleToGray(pix, f);
  PIX *grey = cr_grey(pix);
  PIX *out = grey ? pixScaleAreaMap(grey, f, f) : NULL;
  pixDestroy(&grey);
  return out;
}

// A block is a small square of a page: how much, and in which direction, its
// grey changes, and between which values.
typedef struct {
  float xx, yy, xy;
  unsigned char low, high;
} block;

// row_of copies a row of the page, for it is looked at often.
static void row_of(PIX *grey, int y, int w, unsigned char *to) {
  const l_uint32 *line = pixGetData(grey) + (size_t)y * pixGetWpl(grey);
  for (int x = 0; x < w; x++) to[x] = GET_DATA_BYTE(line, x);
}

// measure fills the blocks of the page, columns of them in each row.
static void measure(PIX *grey, int size, block *blocks, int columns, int rows) {
  int w = columns * size + 1;
  unsigned char *here = malloc(w), *next = malloc(w);
  for (int i = 0; i < columns * rows; i++) blocks[i].low = 255;
  for (int y = 0; here && next && y <= rows * size; y++) {
    row_of(grey, y, w, next);
    block *b = blocks + (size_t)((y - 1) / size) * columns;
    for (int c = 0; y > 0 && c < columns; c++, b++) {
      int xx = 0, yy = 0, xy = 0, low = b->low, high = b->high;
      for (int x = c * size; x < (c + 1) * size; x++) {
        int p = here[x], dx = here[x + 1] - p, dy = next[x] - p;
        xx += dx * dx, yy += dy * dy, xy += dx * dy;
        low = p < low ? p : low, high = p > high ? p : high;
      }
      b->xx += xx, b->yy += yy, b->xy += xy, b->low = low, b->high = high;
    }
    unsigned char *swap = here;
    here = next, next = swap;
  }
  free(here);
  free(next);
}

// leaning is the direction in which a block changes, in degrees from across,
// between -90 and 90.
static double leaning(const block *b) { return atan2(2 * b->xy, b->xx - b->yy) * 90 / M_PI; }

// barred tells whether a block looks like a piece of bars: strong changes, all
// in one direction.
static int barred(const block *b, int size) {
  double contrast = b->high - b->low, all = b->xx + b->yy, in = hypot(b->xx - b->yy, 2 * b->xy);
  return contrast >= 40 && all >= 0.03 * contrast * contrast * size * size && in >= 0.6 * all;
}

// A patch is a connected set of barred blocks of one direction.
typedef struct {
  int left, top, right, bottom, blocks;
  double xx, yy, xy;
  double near, far; // from where to where it reaches along its bars
} patch;

// spread gathers the patch around a block; seen marks what it took.
static patch spread(const block *blocks, unsigned char *seen, int *stack, int columns, int rows, int at) {
  patch p = {at % columns, at / columns, at % columns, at / columns, 0, 0, 0, 0, 1e9, -1e9};
  double way = leaning(blocks + at) * M_PI / 180, cx = -sin(way), cy = cos(way);
  int n = 0;
  stack[n++] = at, seen[at] = 2;
  while (n > 0) {
    int i = stack[--n], x = i % columns, y = i / columns;
    const block *b = blocks + i;
    double lean = leaning(b);
    p.left = L_MIN(p.left, x), p.right = L_MAX(p.right, x), p.top = L_MIN(p.top, y), p.bottom = L_MAX(p.bottom, y), p.blocks++;
    p.near = L_MIN(p.near, x * cx + y * cy), p.far = L_MAX(p.far, x * cx + y * cy);
    p.xx += b->xx, p.yy += b->yy, p.xy += b->xy;
    for (int k = 0; k < 25; k++) {
      int nx = x + k % 5 - 2, ny = y + k / 5 - 2, j = ny * columns + nx;
      if (nx < 0 || ny < 0 || nx >= columns || ny >= rows || seen[j] != 1) continue;
      double d = fabs(leaning(blocks + j) - lean);
      if (L_MIN(d, 180 - d) <= 15) stack[n++] = j, seen[j] = 2;
    }
  }
  return p;
}

// bar_regions finds where bars seem to stand, whatever way they lean, largest
// first. A rule is no bar, for nothing stands beside it: the patch must be as
// wide, on average, as a code is.
static int bar_regions(const block *blocks, int size, int dpi, int columns, int rows, cr_region *out, int most) {
  size_t count = (size_t)columns * rows;
  unsigned char *seen = calloc(count, 1);
  int *stack = malloc(count * sizeof *stack), n = 0;
  if (seen && stack) {
    for (size_t i = 0; i < count; i++) seen[i] = barred(blocks + i, size);
    for (size_t i = 0; i < count; i++) {
      if (seen[i] != 1) continue;
      patch p = spread(blocks, seen, stack, columns, rows, i);
      if (p.blocks < 6 || p.blocks * size < (p.far - p.near + 1) * dpi * 0.25) continue;
      block sum = {p.xx, p.yy, p.xy, 0, 0};
      double lean = leaning(&sum);
      cr_region r = {p.left * size, p.top * size, (p.right - p.left + 1) * size, (p.bottom - p.top + 1) * size, p.blocks, -lean};
      int k = n < most ? n++ : most;
      while (k > 0 && out[k - 1].bars < r.bars) {
        if (k < most) out[k] = out[k - 1];
        k--;
      }
      if (k < most) out[k] = r;
    }
  }
  free(seen);
  free(stack);
  return n;
}

// ink_of is what is darker than the middle of the values around it, block by
// block. Where those hardly differ there is no ink.
static PIX *ink_of(PIX *grey, const block *blocks, int size, int columns, int rows) {
  PIX *out = pixCreate(columns * size, rows * size, 1);
  unsigned char *row = malloc(columns * size), *middle = malloc(columns);
  for (int y = 0; out && row && middle && y < rows * size; y++) {
    if (y % size == 0)
      for (int c = 0, r = y / size; c < columns; c++) {
        int low = 255, high = 0;
        for (int j = L_MAX(r - 1, 0); j <= L_MIN(r + 1, rows - 1); j++)
          for (int i = L_MAX(c - 1, 0); i <= L_MIN(c + 1, columns - 1); i++) {
            const block *b = blocks + (size_t)j * columns + i;
            low = L_MIN(low, b->low), high = L_MAX(high, b->high);
          }
        middle[c] = high - low < 40 ? 0 : (low + high) / 2;
      }
    row_of(grey, y, columns * size, row);
    l_uint32 *to = pixGetData(out) + (size_t)y * pixGetWpl(out);
    for (int c = 0, x = 0; c < columns; c++)
      for (int end = x + size; x < end; x++)
        if (row[x] < middle[c]) SET_DATA_BIT(to, x);
  }
  free(row);
  free(middle);
  return out;
}

// is_square tells whether a mark of the closed ink may be a code of squares:
// compact, and neither too full nor too empty.
static int is_square(PIX *ink, PIX *closed, BOX *box, int dpi) {
  l_int32 x, y, w, h, marks = 0, solid = 0;
  boxGetGeometry(box, &x, &y, &w, &h);
  int small = L_MIN(w, h), large = L_MAX(w, h);
  if (small < dpi * 0.13 || large > dpi * 4 || large > 8 * small || (large > 3 * small && small < dpi * 0.2)) return 0;
  pixCountPixelsInRect(ink, box, &marks, NULL);
  pixCountPixelsInRect(closed, box, &solid, NULL);
  double area = (double)w * h, fill = large < 1.4 * small ? 0.45 : 0.75; // a square that leans fills half of its box
  return marks > fill * area / 4 && marks < 0.8 * area && solid > fill * area;
}

// square_regions finds what may be codes made of squares once gaps so wide are
// closed, largest first.
static int square_regions(PIX *ink, int dpi, int gap, cr_region *out, int most) {
  int n = 0;
  PIX *closed = pixCloseSafeBrick(NULL, ink, gap, gap);
  BOXA *found = closed ? pixConnCompBB(closed, 8) : NULL;
  BOXA *boxes = found && boxaGetCount(found) > 0 ? boxaSort(found, L_SORT_BY_AREA, L_SORT_DECREASING, NULL) : NULL;
  for (int i = 0; boxes && i < boxaGetCount(boxes) && n < most; i++) {
    BOX *box = boxaGetBox(boxes, i, L_CLONE);
    if (is_square(ink, closed, box, dpi)) {
      l_int32 x, y, w, h;
      boxGetGeometry(box, &x, &y, &w, &h);
      out[n++] = (cr_region){x, y, w, h, 0, 0};
    }
    boxDestroy(&box);
  }
  boxaDestroy(&boxes);
  boxaDestroy(&found);
  pixDestroy(&closed);
  return n;
}

// squares_of finds what may be codes made of squares, of small ones and of
// large ones; what both give alike it gives once.
static int squares_of(PIX *ink, int dpi, cr_region *out, int most) {
  int n = square_regions(ink, dpi, L_MAX(dpi / 18, 3), out, most / 2), kept = n;
  int all = n + square_regions(ink, dpi, L_MAX(dpi / 11, 4), out + n, most - n);
  for (int i = n; i < all; i++) {
    int known = 0;
    for (int k = 0; k < n; k++) known |= abs(out[i].width - out[k].width) + abs(out[i].height - out[k].height) + abs(out[i].left - out[k].left) + abs(out[i].top - out[k].top) <= dpi / 10;
    if (!known) out[kept++] = out[i];
  }
  return kept;
}

// cr_regions finds on a grey page what looks like bars, then what looks like
// squares, each largest first and at most so many.
int cr_regions(PIX *grey, int dpi, cr_region *out, int most) {
  int size = L_MAX(dpi / 15, 6), columns = (pixGetWidth(grey) - 1) / size, rows = (pixGetHeight(grey) - 1) / size, n = 0;
  if (columns < 3 || rows < 3) return 0;
  block *blocks = calloc((size_t)columns * rows, sizeof *blocks);
  PIX *ink = NULL;
  if (blocks) {
    measure(grey, size, blocks, columns, rows);
    n = bar_regions(blocks, size, dpi, columns, rows, out, most);
    ink = ink_of(grey, blocks, size, columns, rows);
  }
  if (ink) n += squares_of(ink, dpi, out + n, most);
  pixDestroy(&ink);
  free(blocks);
  return n;
}

// cr_cut is a part of the page in grey, turned clockwise about its middle onto
// a sheet that holds it all, then scaled.
PIX *cr_cut(PIX *pix, int left, int top, int width, int height, double degrees, double scale) {
  BOX *box = boxCreate(left, top, width, height);
  PIX *part = box ? pixClipRectangle(pix, box, NULL) : NULL, *grey = part ? cr_grey(part) : NULL, *turned = NULL, *out = NULL;
  if (grey) turned = degrees == 0 ? pixClone(grey) : pixRotate(grey, degrees * M_PI / 180, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE, width, height);
  if (turned) out = scale == 1 ? pixClone(turned) : scale < 1 ? pixScaleAreaMap(turned, scale, scale) : pixScaleGrayLI(turned, scale, scale);
  pixDestroy(&turned);
  pixDestroy(&grey);
  pixDestroy(&part);
  boxDestroy(&box);
  return out;
}

// cr_average puts the mean of so many rows, or columns where the bars lie, in
// the place of each: specks go, bars stay.
PIX *cr_average(PIX *grey, int lying, int rows) {
  PIX *standing = lying ? pixRotateOrth(grey, 1) : pixClone(grey), *out = standing ? pixCopy(NULL, standing) : NULL;
  int w = out ? pixGetWidth(out) : 0, h = out ? pixGetHeight(out) : 0, wpl = out ? pixGetWpl(out) : 0;
  unsigned *sums = calloc(w + 1, sizeof *sums);
  for (int top = 0; sums && top < h; top += rows) {
    int n = L_MIN(rows, h - top);
    memset(sums, 0, w * sizeof *sums);
    for (int y = top; y < top + n; y++) {
      const l_uint32 *line = pixGetData(out) + (size_t)y * wpl;
      for (int x = 0; x < w; x++) sums[x] += GET_DATA_BYTE(line, x);
    }
    for (int y = top; y < top + n; y++) {
      l_uint32 *line = pixGetData(out) + (size_t)y * wpl;
      for (int x = 0; x < w; x++) SET_DATA_BYTE(line, x, sums[x] / n);
    }
  }
  free(sums);
  pixDestroy(&standing);
  if (out && lying) {
    PIX *back = pixRotateOrth(out, 3);
    pixDestroy(&out);
    out = back;
  }
  return out;
}

// cr_lean is by how many degrees, between -45 and 45, an image must be turned
// clockwise for most of its edges to stand or lie.
double cr_lean(PIX *grey) {
  int w = pixGetWidth(grey), h = pixGetHeight(grey);
  unsigned char *here = malloc(w), *next = malloc(w);
  double re = 0, im = 0;
  for (int y = 0; here && next && y < h; y++) {
    row_of(grey, y, w, next);
    for (int x = 0; y > 0 && x + 1 < w; x++) {
      double dx = here[x + 1] - here[x] + next[x + 1] - next[x], dy = next[x] - here[x] + next[x + 1] - here[x + 1], size = dx * dx + dy * dy;
      if (size < 400) continue;
      double a = dx * dx - dy * dy, b = 2 * dx * dy; // the direction twice, then four times
      re += (a * a - b * b) / size, im += 2 * a * b / size;
    }
    unsigned char *swap = here;
    here = next, next = swap;
  }
  free(here);
  free(next);
  return -atan2(im, re) * 45 / M_PI;
}

// cr_despeckle takes away specks smaller than the modules of a code.
PIX *cr_despeckle(PIX *grey) { return pixMedianFilter(grey, 3, 3); }

enum { samples = 400 };

// sample takes the grey values along a line; 0 where it leaves the image.
static int sample(PIX *grey, double x, double y, double dx, double dy, int n, double *out) {
  int w = pixGetWidth(grey), h = pixGetHeight(grey), wpl = pixGetWpl(grey);
  for (int i = 0; i < n; i++, x += dx, y += dy) {
    int px = (int)floor(x + 0.5), py = (int)floor(y + 0.5);
    if (px < 0 || py < 0 || px >= w || py >= h) return 0;
    out[i] = GET_DATA_BYTE(pixGetData(grey) + (size_t)py * wpl, px);
  }
  return 1;
}

static double alike(const double *a, const double *b, int n) {
  double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
  for (int i = 0; i < n; i++) sa += a[i], sb += b[i], aa += a[i] * a[i], bb += b[i] * b[i], ab += a[i] * b[i];
  double va = aa - sa * sa / n, vb = bb - sb * sb / n;
  return va <= 0 || vb <= 0 ? 0 : (ab - sa * sb / n) / sqrt(va * vb);
}

// cr_tall measures how far, in pixels, the bars that a line crosses go on to
// its left and to its right as seen along it: above and below for a line from
// left to right. Bars may lean a little, and rows may be spoilt.
void cr_tall(PIX *grey, double x0, double y0, double x1, double y1, int most, int *above, int *below) {
  double length = hypot(x1 - x0, y1 - y0), first[samples], row[samples], best[samples];
  int n = L_MIN(samples, (int)length);
  *above = *below = 0;
  if (n < 20) return;
  double dx = (x1 - x0) / n, dy = (y1 - y0) / n, ux = (x1 - x0) / length, uy = (y1 - y0) / length;
  if (!sample(grey, x0, y0, dx, dy, n, first)) return;
  for (int side = -1; side <= 1; side += 2) {
    int *far = side < 0 ? above : below, drift = 0, missed = 0;
    memcpy(best, first, sizeof best);
    for (int d = 1; d <= most && missed < 5; d++) {
      double like = 0;
      int at = drift;
      for (int s = drift - 1; s <= drift + 1; s++) {
        double x = x0 + side * d * -uy + s * ux, y = y0 + side * d * ux + s * uy, a;
        if (sample(grey, x, y, dx, dy, n, row) && (a = alike(best, row, n)) > like + (s == drift ? -0.001 : 0.001)) like = a, at = s;
      }
      if (like >= 0.6) *far = d, drift = at, missed = 0;
      else missed++;
    }
  }
}
