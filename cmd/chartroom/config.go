package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"chartroom/ingest"
)

// Config is every setting of the program. Defaults stand in defaultConfig; a
// file, the environment and flags change them, in that order. doc/config.md
// explains each key, and a test holds the two together.
type Config struct {
	Data       string           `toml:"data"`
	Pages      PagesConfig      `toml:"pages"`
	Drop       []DropConfig     `toml:"drop"`
	Store      StoreConfig      `toml:"store"`
	Catalog    CatalogConfig    `toml:"catalog"`
	Reading    ReadingConfig    `toml:"reading"`
	Limits     LimitsConfig     `toml:"limits"`
	Identify   IdentifyConfig   `toml:"identify"`
	Registry   RegistryConfig   `toml:"registry"`
	Separators SeparatorsConfig `toml:"separators"`
	Index      IndexConfig      `toml:"index"`
	Log        LogConfig        `toml:"log"`
}

// PagesConfig is where the clerk's pages and the API are served.
type PagesConfig struct {
	Listen string `toml:"listen"`
}

// DropConfig is one drop folder.
type DropConfig struct {
	Name       string            `toml:"name"`
	Path       string            `toml:"path"`
	Facility   string            `toml:"facility"`
	Settle     time.Duration     `toml:"settle"`
	Poll       time.Duration     `toml:"poll"`
	Pattern    string            `toml:"pattern"`
	Mount      string            `toml:"mount"`
	Copy       bool              `toml:"copy"`
	Backlog    bool              `toml:"backlog"`
	Languages  string            `toml:"languages"`
	Separators *SeparatorsConfig `toml:"separators,omitempty"`
	Sides      *SidesConfig      `toml:"sides,omitempty"`
}

// StoreConfig is where originals and records are kept.
type StoreConfig struct {
	Kind       string           `toml:"kind"`
	S3         S3Config         `toml:"s3"`
	Encryption EncryptionConfig `toml:"encryption"`
}

// S3Config is a bucket of an S3-compatible server.
type S3Config struct {
	Endpoint      string `toml:"endpoint"`
	Bucket        string `toml:"bucket"`
	Prefix        string `toml:"prefix"`
	Region        string `toml:"region"`
	Style         string `toml:"style"`
	CAFile        string `toml:"ca_file"`
	AccessKey     string `toml:"access_key"`
	SecretKey     Secret `toml:"secret_key"`
	SecretKeyFile string `toml:"secret_key_file"`
	Insecure      bool   `toml:"insecure_http"`
}

// EncryptionConfig names the master keys of the store's encryption.
type EncryptionConfig struct {
	KeyFile string `toml:"key_file"`
	Keys    Secret `toml:"keys"`
}

// CatalogConfig is where the working state lives.
type CatalogConfig struct {
	URL Secret `toml:"url"`
}

// ReadingConfig is how pages are read.
type ReadingConfig struct {
	Workers       int           `toml:"workers"`
	Languages     string        `toml:"languages"`
	PageTimeout   time.Duration `toml:"page_timeout"`
	RecyclePages  int           `toml:"recycle_pages"`
	SecondLooks   float64       `toml:"second_looks"`
	MemoryMB      int           `toml:"memory_mb"`
	AllowUnjailed bool          `toml:"allow_unjailed"`
	Engine        string        `toml:"engine"`
}

// LimitsConfig is what a scan may be.
type LimitsConfig struct {
	FileMB     int `toml:"file_mb"`
	Pages      int `toml:"pages"`
	Megapixels int `toml:"megapixels"`
	FreeMB     int `toml:"free_mb"`
}

// IdentifyConfig is what the site's paper looks like.
type IdentifyConfig struct {
	Country    string `toml:"country"`
	DateOrder  string `toml:"date_order"`
	MRNPattern string `toml:"mrn_pattern"`
}

// SidesConfig is how fronts and backs that are scanned in two passes are told
// apart in a drop folder.
type SidesConfig struct {
	Fronts   string        `toml:"fronts"`
	Backs    string        `toml:"backs"`
	Reversed bool          `toml:"reversed"`
	Within   time.Duration `toml:"within"`
}

// SeparatorsConfig is which sheets part the documents of a scan. In a drop
// folder it stands in the general one's place, as a whole.
type SeparatorsConfig struct {
	Patch    []string `toml:"patch"`
	Barcodes []string `toml:"barcodes"`
	Cover    string   `toml:"cover"`
	Keep     bool     `toml:"keep"`
}

// RegistryConfig is how the site's patients are delivered.
type RegistryConfig struct {
	Own string `toml:"own"`
}

// IndexConfig is how the search index is laid out.
type IndexConfig struct {
	Shards int `toml:"shards"`
}

// LogConfig is how the program speaks to its operators.
type LogConfig struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

// Secret is a setting that is never printed.
type Secret string

// String hides a secret that is set.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[hidden]"
}

// GoString, MarshalText hide it likewise.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides it in the effective config.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func defaultConfig() Config {
	return Config{
		Data:       "var",
		Pages:      PagesConfig{Listen: defaultListen},
		Store:      StoreConfig{Kind: "dir", S3: S3Config{Region: "us-east-1", Style: "path"}},
		Reading:    ReadingConfig{Languages: "eng", PageTimeout: time.Minute, RecyclePages: 200, SecondLooks: 0.2, MemoryMB: 2048},
		Limits:     LimitsConfig{FileMB: 512, Pages: 2000, Megapixels: 150, FreeMB: 512},
		Identify:   IdentifyConfig{Country: "US", DateOrder: "mdy"},
		Separators: SeparatorsConfig{Patch: []string{"T"}, Barcodes: []string{"PATCHT", "ADAR-NEXTDOC"}, Cover: coverPrefix + "(.+)"},
		Index:      IndexConfig{Shards: 1},
		Log:        LogConfig{Level: "info", Format: "text"},
	}
}

// defaultListen is tried first; a free port takes its place only where nobody
// asked for this one.
const defaultListen = "127.0.0.1:8470"

// coverPrefix begins the barcode of the cover sheets that this program prints;
// the patient's number follows.
const coverPrefix = "CHARTROOM-PATIENT-"

// loadConfig reads the file (where one is named), then the environment. Keys
// that do not exist are an error: a misspelt setting must not be ignored.
func loadConfig(file string, environ []string) (Config, error) {
	c := defaultConfig()
	if file != "" {
		if err := readConfigFile(file, &c); err != nil {
			return c, err
		}
	}
	if err := readEnvironment(environ, &c); err != nil {
		return c, err
	}
	return c, nil
}

func readConfigFile(file string, c *Config) error {
	meta, err := toml.DecodeFile(file, c)
	if err != nil {
		if e, ok := errors.AsType[toml.ParseError](err); ok {
			return fmt.Errorf("read %s: line %d: %s", file, e.Position.Line, e.Message)
		}
		return fmt.Errorf("read config: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("read %s: unknown setting %q: see doc/config.md for the settings there are", file, unknown[0].String())
	}
	return nil
}

// notSettings begin names in the environment that belong to the project's own
// tests and make targets.
var notSettings = []string{"CHARTROOM_TEST_", "CHARTROOM_SAMPLES", "CHARTROOM_BENCH", "CHARTROOM_VERSITYGW"}

func readEnvironment(environ []string, c *Config) error {
	fields := map[string]reflect.Value{}
	envFields(reflect.ValueOf(c).Elem(), "CHARTROOM", fields)
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "CHARTROOM_") || slices.ContainsFunc(notSettings, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf("read environment: unknown setting %s: see doc/config.md for the settings there are", name)
		}
		if err := setField(field, value); err != nil {
			return fmt.Errorf("read environment: %s: %w", name, err)
		}
	}
	return nil
}

// envFields maps CHARTROOM_STORE_S3_BUCKET and the like to the fields they
// set. Lists (drop folders) can be set in the file alone.
func envFields(v reflect.Value, prefix string, into map[string]reflect.Value) {
	for i := range v.NumField() {
		name := prefix + "_" + strings.ToUpper(v.Type().Field(i).Tag.Get("toml"))
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			envFields(f, name, into)
		case reflect.Slice:
		default:
			into[name] = f
		}
	}
}

func setField(f reflect.Value, s string) error {
	switch {
	case f.Type() == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New("want a duration like 30s or 5m")
		}
		f.SetInt(int64(d))
	case f.Kind() == reflect.String:
		f.SetString(s)
	case f.Kind() == reflect.Int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return errors.New("want a whole number")
		}
		f.SetInt(int64(n))
	case f.Kind() == reflect.Float64:
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return errors.New("want a number like 0.2")
		}
		f.SetFloat(n)
	case f.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("want true or false")
		}
		f.SetBool(b)
	}
	return nil
}

// finish fills in what follows from other settings, makes paths absolute, and
// says what cannot be.
func (c *Config) finish() error {
	abs, err := filepath.Abs(c.Data)
	if err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	c.Data = abs
	if len(c.Drop) == 0 {
		c.Drop = []DropConfig{{Name: "main", Path: filepath.Join(c.Data, "drop")}}
	}
	if err := c.finishDrops(); err != nil {
		return err
	}
	if f := c.Store.S3.SecretKeyFile; f != "" && c.Store.S3.SecretKey == "" {
		b, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("read store.s3.secret_key_file: %w", err)
		}
		c.Store.S3.SecretKey = Secret(strings.TrimSpace(string(b)))
	}
	return c.check()
}

func (c *Config) finishDrops() error {
	seen := map[string]bool{}
	for i := range c.Drop {
		d := &c.Drop[i]
		if d.Name == "" {
			d.Name = filepath.Base(d.Path)
		}
		if d.Path == "" || seen[d.Name] {
			return fmt.Errorf("check config: drop folder %d needs a path and a name of its own", i+1)
		}
		seen[d.Name] = true
		if !filepath.IsAbs(d.Path) {
			d.Path = filepath.Join(c.Data, d.Path)
		}
		if d.Languages == "" {
			d.Languages = c.Reading.Languages
		}
		if d.Settle == 0 {
			d.Settle = 5 * time.Second
		}
		if d.Poll == 0 {
			d.Poll = 10 * time.Second
		}
		if d.Settle < 0 || d.Poll < 0 {
			return fmt.Errorf("check config: drop folder %q: settle and poll must be positive", d.Name)
		}
	}
	return c.checkPlaces()
}

// checkPlaces refuses drop folders out of which Chartroom would take its own
// files, or the files of another drop folder.
func (c *Config) checkPlaces() error {
	for i, d := range c.Drop {
		if within(c.Data, d.Path) {
			return fmt.Errorf("check config: drop folder %q holds the data folder: give it a folder of its own", d.Name)
		}
		for _, own := range []string{"store", "rejected", "index", "hold", "tmp"} {
			if within(d.Path, filepath.Join(c.Data, own)) {
				return fmt.Errorf("check config: drop folder %q lies in the data folder's %s: give it a folder of its own", d.Name, own)
			}
		}
		for _, other := range c.Drop[:i] {
			if within(d.Path, other.Path) || within(other.Path, d.Path) {
				return fmt.Errorf("check config: drop folders %q and %q lie in each other: every file would have two", other.Name, d.Name)
			}
		}
	}
	return nil
}

// within reports whether a path is a folder or lies below it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

func (c *Config) check() error {
	oneOf := func(key, value string, allowed ...string) error {
		if slices.Contains(allowed, value) {
			return nil
		}
		return fmt.Errorf("check config: %s is %q: want one of %s", key, value, strings.Join(allowed, ", "))
	}
	atLeast := func(key string, value, least int) error {
		if value >= least {
			return nil
		}
		return fmt.Errorf("check config: %s is %d: want at least %d", key, value, least)
	}
	errs := []error{
		oneOf("store.kind", c.Store.Kind, "dir", "s3"),
		oneOf("store.s3.style", c.Store.S3.Style, "path", "host"),
		oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error"),
		oneOf("log.format", c.Log.Format, "text", "json"),
		oneOf("identify.date_order", c.Identify.DateOrder, "mdy", "dmy", "ymd"),
		atLeast("reading.workers", c.Reading.Workers, 0),
		atLeast("reading.recycle_pages", c.Reading.RecyclePages, 1),
		atLeast("reading.memory_mb", c.Reading.MemoryMB, 256),
		atLeast("limits.file_mb", c.Limits.FileMB, 1),
		atLeast("limits.pages", c.Limits.Pages, 1),
		atLeast("limits.megapixels", c.Limits.Megapixels, 1),
		atLeast("limits.free_mb", c.Limits.FreeMB, 0),
		atLeast("index.shards", c.Index.Shards, 1),
	}
	if s := c.Reading.SecondLooks; !(s >= 0 && s <= 1) {
		errs = append(errs, fmt.Errorf("check config: reading.second_looks is %g: want a share from 0 to 1", s))
	}
	if c.Store.Kind == "s3" && (c.Store.S3.Endpoint == "" || c.Store.S3.Bucket == "" || c.Store.S3.AccessKey == "" || c.Store.S3.SecretKey == "") {
		errs = append(errs, errors.New("check config: store.kind is \"s3\": set store.s3.endpoint, bucket, access_key and secret_key"))
	}
	if c.Reading.PageTimeout < time.Second {
		errs = append(errs, errors.New("check config: reading.page_timeout: want at least 1s"))
	}
	if _, err := c.rules(); err != nil {
		errs = append(errs, err)
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// rules are how scans are read and divided, by the drop folder they come from;
// "" is those of scans that come from none.
func (c *Config) rules() (map[string]ingest.Rules, error) {
	general, err := c.Separators.parse("separators")
	if err != nil {
		return nil, err
	}
	all := map[string]ingest.Rules{"": {Languages: c.Reading.Languages, Separators: general}}
	for _, d := range c.Drop {
		own := general
		if d.Separators != nil {
			if own, err = d.Separators.parse(fmt.Sprintf("drop folder %q: separators", d.Name)); err != nil {
				return nil, err
			}
		}
		sides, err := d.Sides.parse()
		if err != nil {
			return nil, fmt.Errorf("check config: drop folder %q: sides: %w", d.Name, err)
		}
		all[d.Name] = ingest.Rules{Languages: d.Languages, Separators: own, Sides: sides}
	}
	return all, nil
}

// parse gives what is not set its default. Names that fit both sides tell
// nothing apart.
func (c *SidesConfig) parse() (ingest.Sides, error) {
	if c == nil {
		return ingest.Sides{}, nil
	}
	s := ingest.Sides{Fronts: c.Fronts, Backs: c.Backs, Reversed: c.Reversed, Within: c.Within}
	if s.Within == 0 {
		s.Within = time.Hour
	}
	switch {
	case s.Fronts == "" || s.Backs == "" || s.Fronts == s.Backs || strings.Trim(s.Fronts+s.Backs, "*") == "":
		return s, errors.New("fronts and backs need names that differ")
	case strings.Contains(s.Fronts+s.Backs, "/"):
		return s, errors.New("fronts and backs are the names of a subfolder or a file, not paths")
	case strings.Count(s.Fronts, "*") != strings.Count(s.Backs, "*"):
		return s, errors.New("fronts and backs need as many * each")
	case s.Within < 0:
		return s, errors.New("within must be positive")
	}
	return s, nil
}

// languages are the sets that some drop folder is read in.
func (c *Config) languages() (sets []string) {
	for _, d := range c.Drop {
		if d.Languages != c.Reading.Languages && !slices.Contains(sets, d.Languages) {
			sets = append(sets, d.Languages)
		}
	}
	return sets
}

// patchCodes are those there are.
var patchCodes = []string{"T", "1", "2", "3", "4", "6"}

func (c SeparatorsConfig) parse(key string) (s ingest.Separators, err error) {
	s.Patch, s.Keep = c.Patch, c.Keep
	for _, code := range c.Patch {
		if !slices.Contains(patchCodes, code) {
			return s, fmt.Errorf("check config: %s.patch: %q is no patch code: want %s", key, code, strings.Join(patchCodes, ", "))
		}
	}
	for _, expr := range c.Barcodes {
		p, err := ingest.ParseBarcodePattern(expr)
		if err != nil || p.MatchString("") {
			return s, fmt.Errorf("check config: %s.barcodes: %q is no pattern of a separator's text", key, expr)
		}
		s.Barcodes = append(s.Barcodes, p)
	}
	if c.Cover == "" {
		return s, nil
	}
	if s.Cover, err = ingest.ParseBarcodePattern(c.Cover); err != nil || s.Cover.NumSubexp() != 1 {
		return s, fmt.Errorf("check config: %s.cover: %q: want a pattern with one group, the patient's number", key, c.Cover)
	}
	return s, nil
}

// print writes the effective config as TOML, secrets hidden.
func (c *Config) print(w io.Writer) error { return toml.NewEncoder(w).Encode(c) }
