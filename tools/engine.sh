#!/bin/bash
# Builds Tesseract and Leptonica from the distribution's own source packages, of
# the very versions that are installed and with the distribution's patches, for
# a stated processor level: -O3, link-time optimization, no OpenMP.
#
#   tools/engine.sh FOLDER [LEVEL]
#
# FOLDER appears whole or not at all. Nothing of the system is changed: the list
# of sources is made anew from those that apt knows, in a folder of our own. No
# root is needed but for missing packages, which the Makefile installs.
set -euo pipefail

folder=$(realpath -m "$1")
level=${2:-x86-64-v3}
[ "$(dpkg --print-architecture)" = amd64 ] || { echo "make engine builds for x86-64 processors only; the system's Tesseract is used" >&2; exit 1; }

source_of() { dpkg-query -W -f "\${source:Package} \${source:Version}\n" "$1"; }
read -r tesseract tesseract_version < <(source_of libtesseract-dev)
read -r leptonica leptonica_version < <(source_of libleptonica-dev)
data=$(dirname "$(dirname "$(dpkg -L tesseract-ocr-osd | grep -m 1 '/osd.traineddata$')")")

# Floating point is rounded as in the distribution's build: no fused operations
# but those that the sources ask for by name.
flags="-O3 -march=$level -ffp-contract=off -flto=auto -fno-semantic-interposition -fPIC"
manifest=$(printf '{"tesseract": "%s", "leptonica": "%s", "level": "%s", "flags": "%s"}' "$tesseract_version" "$leptonica_version" "$level" "$flags")
if [ "$(cat "$folder/engine.json" 2>/dev/null)" = "$manifest" ]; then echo "$folder is up to date"; exit 0; fi

mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
jobs=$(nproc)

apt_options=(-o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1 -qq)
list_sources() {
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  local keys archives
  keys=$(find /usr/share/keyrings -name 'debian-archive-keyring.*' -o -name 'ubuntu-archive-keyring.*' | paste -sd ,)
  archives=$(apt-cache policy libtesseract-dev libleptonica-dev | grep -oE '[a-z+]+:/+[^ ]+' | sort -u | paste -sd '|')
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Architecture: amd64' |
    grep -E "^($archives)" | sed "s|^|deb-src ${keys:+[signed-by=$keys] }|" | sort -u >"$work/sources.list" &&
    apt-get "${apt_options[@]}" update
}
# fetch PACKAGE VERSION: its source, patched, in $work.
fetch() { (cd "$work" && apt-get "${apt_options[@]}" source "$1=$2" >"$work/log" 2>&1 && mv "$1"-*/ "$1"); }


# build NAME LIBRARY CONFIGURE-OPTIONS…: the library, stripped, in $work/engine.
build() {
  local name=$1 library=$2
  shift 2
  (
    cd "$work/$name" && autoreconf -fi &&
      ./configure --disable-static --disable-dependency-tracking CFLAGS="$flags" CXXFLAGS="$flags $defines" LDFLAGS="$flags" "$@" &&
      make -j"$jobs" $target
  ) >"$work/log" 2>&1 &&
    strip -o "$work/engine/$library" "$work/$name"/$built
}

failed() { tail -n 20 "$work/log" >&2; echo "make engine: $1; the system's Tesseract is used as before" >&2; exit 1; }

echo "fetching $leptonica $leptonica_version and $tesseract $tesseract_version"
: >"$work/log"
list_sources || failed "the lists of source packages cannot be had"
fetch "$leptonica" "$leptonica_version" && fetch "$tesseract" "$tesseract_version" || failed "the source packages cannot be had"
mkdir "$work/engine"
tess_path=$(ldconfig -p | awk '/libtesseract\.so\.[0-9]+ .*x86-64/ {print $NF; exit}')
tess_name=$(basename "$tess_path")
lept_name=$(ldd "$tess_path" | awk '$1 ~ /^liblept/ {print $1; exit}')
echo "building $lept_name for $level"
defines="" target="" built="src/.libs/$lept_name" build "$leptonica" "$lept_name" --disable-programs || failed "$leptonica does not build"
echo "building $tess_name for $level (a few minutes)"
defines="-DTESSDATA_PREFIX='\"$data\"'" target=libtesseract.la built=".libs/$tess_name" \
  build "$tesseract" "$tess_name" --disable-tessdata-prefix --disable-openmp --disable-graphics --disable-doc --without-archive --without-curl || failed "$tesseract does not build"
printf '%s\n' "$manifest" >"$work/engine/engine.json"
chmod 755 "$work/engine"
rm -rf "$folder"
mv "$work/engine" "$folder"
echo "built $folder"
