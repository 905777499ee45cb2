// Tesseract 5 keeps every line that it is about to read as a PNG in memory,
// and decodes it again a moment later: with a grey page that costs a tenth of
// all the time that reading takes. It makes the PNG by calling pixWriteMem and
// reads it by pixReadMem, which knows any format by its first bytes. The
// function here has the name and type of Leptonica's, and so, standing in the
// program itself, is the one that the loader hands to libtesseract. It writes
// Leptonica's own uncompressed form in PNG's place: the same pixels, copied.
#define _GNU_SOURCE
#include "imagelib.h"

#include <dlfcn.h>

typedef l_ok write_mem(l_uint8 **, size_t *, PIX *, l_int32);

l_ok pixWriteMem(l_uint8 **data, size_t *size, PIX *pix, l_int32 format) {
  if (format == IFF_PNG) {
    l_uint32 *words = NULL;
    l_ok bad = pixSerializeToMemory(pix, &words, size);
    *data = (l_uint8 *)words;
    return bad;
  }
  write_mem *leptonica = (write_mem *)dlsym(RTLD_NEXT, "pixWriteMem");
  return leptonica ? leptonica(data, size, pix, format) : 1;
}

// cr_lines_uncompressed tells whether libtesseract and everybody else in the
// process gets the function above.
int cr_lines_uncompressed(void) { return dlsym(RTLD_DEFAULT, "pixWriteMem") == (void *)pixWriteMem; }
