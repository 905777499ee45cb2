#include "imagelib.h"

// cr_unread lists where a one-bit page, its read words wiped away, still shows
// what looks like lines of writing: as left, top, width, height, at most so
// many. It returns their number, or -1.
int cr_unread(PIX *rest, int dpi, int *out, int most) {
  int fold = dpi >= 150 ? 4 : 2, fine = dpi / fold;
  PIX *small = pixReduceRankBinaryCascade(rest, 1, fold == 4 ? 2 : 0, 0, 0);
  PIX *clean = small ? pixSelectBySize(small, 2, L_MAX(fine / 25, 2), 8, L_SELECT_IF_BOTH, L_SELECT_IF_GTE, NULL) : NULL;
  PIX *lines = clean ? pixCloseSafeBrick(NULL, clean, L_MAX(fine / 9, 2), 1) : NULL;
  PIXA *each = NULL;
  BOXA *boxes = lines ? pixConnComp(lines, &each, 8) : NULL;
  int n = boxes ? 0 : -1;
  for (int i = 0; boxes && i < boxaGetCount(boxes) && n < most; i++) {
    l_int32 x, y, w, h, ink = 0;
    boxaGetBoxGeometry(boxes, i, &x, &y, &w, &h);
    if (h < fine / 16 || h > fine * 6 / 10 || w < fine / 8 || w < h * 8 / 10) continue;
    BOX *box = boxCreate(x, y, w, h);
    pixCountPixelsInRect(clean, box, &ink, NULL);
    boxDestroy(&box);
    double fill = (double)ink / ((double)w * h);
    if (fill < 0.12 || fill > 0.85) continue;
    out[4 * n] = x * fold;
    out[4 * n + 1] = y * fold;
    out[4 * n + 2] = w * fold;
    out[4 * n + 3] = h * fold;
    n++;
  }
  boxaDestroy(&boxes);
  pixaDestroy(&each);
  pixDestroy(&lines);
  pixDestroy(&clean);
  pixDestroy(&small);
  return n;
}
