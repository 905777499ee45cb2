#include "imagelib.h"

#include <math.h>

// cr_shapes measures the marks of a one-bit image, but for specks: how many
// there are, their ink and that of the large ones (an inch and a half or more
// one way) as shares of the surface, the mean of their heights in inches and how
// far these scatter around it, as a share of it.
int cr_shapes(PIX *ink, int dpi, cr_shape *out) {
  int fold = dpi >= 150 ? 2 : 1;
  PIX *small = fold == 2 ? pixReduceRankBinaryCascade(ink, 1, 0, 0, 0) : pixClone(ink);
  PIXA *each = NULL;
  BOXA *boxes = small ? pixConnComp(small, &each, 8) : NULL;
  double fine = (double)dpi / fold, sum = 0, squares = 0, all = 0, large = 0;
  int n = 0, counted = 0;
  for (int i = 0; boxes && i < boxaGetCount(boxes); i++) {
    l_int32 w, h, area = 0;
    boxaGetBoxGeometry(boxes, i, NULL, NULL, &w, &h);
    if (L_MAX(w, h) < fine / 20) continue;
    PIX *mark = pixaGetPix(each, i, L_CLONE);
    if (mark) pixCountPixels(mark, &area, NULL);
    pixDestroy(&mark);
    all += area;
    n++;
    if (L_MAX(w, h) >= 1.5 * fine) {
      large += area;
    } else if (h >= fine / 25) {
      sum += h;
      squares += (double)h * h;
      counted++;
    }
  }
  int bad = !boxes;
  if (!bad) {
    double surface = (double)pixGetWidth(small) * pixGetHeight(small), mean = counted ? sum / counted : 0;
    out->marks = n;
    out->ink = all / surface;
    out->large = large / surface;
    out->height = mean / fine;
    out->scatter = mean > 0 ? sqrt(L_MAX(squares / counted - mean * mean, 0)) / mean : 0;
  }
  boxaDestroy(&boxes);
  pixaDestroy(&each);
  pixDestroy(&small);
  return bad;
}
