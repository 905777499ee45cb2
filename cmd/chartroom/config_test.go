package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chartroom.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnvironmentWinsOverFileAndFileOverDefaults(t *testing.T) {
	file := writeConfig(t, "data = \"a\"\n[reading]\npage_timeout = \"30s\"\nworkers = 3\n[[drop]]\nname = \"desk\"\npath = \"in\"\nsettle = \"2s\"\n")
	c, err := loadConfig(file, []string{"CHARTROOM_READING_WORKERS=5", "CHARTROOM_READING_SECOND_LOOKS=0.5", "CHARTROOM_STORE_S3_BUCKET=charts", "CHARTROOM_TEST_X=1", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.finish(); err != nil {
		t.Fatal(err)
	}
	if c.Reading.Workers != 5 || c.Reading.SecondLooks != 0.5 || c.Reading.PageTimeout != 30*time.Second || c.Store.S3.Bucket != "charts" || c.Reading.Languages != "eng" {
		t.Errorf("settings %+v", c.Reading)
	}
	if d := c.Drop[0]; d.Settle != 2*time.Second || d.Poll != 10*time.Second || d.Path != filepath.Join(c.Data, "in") {
		t.Errorf("drop folder %+v", d)
	}
}

func TestUnknownAndImpossibleSettingsAreRefusedByName(t *testing.T) {
	for _, c := range []struct{ file, env, want string }{
		{"[reading]\nworker = 3\n", "", "reading.worker"},
		{"[reading]\nsecond_looks = 3.5\n", "", "reading.second_looks"},
		{"", "CHARTROOM_READING_WORKER=3", "CHARTROOM_READING_WORKER"},
		{"", "CHARTROOM_READING_WORKERS=many", "whole number"},
		{"[store]\nkind = \"ftp\"\n", "", "store.kind"},
		{"[store]\nkind = \"s3\"\n", "", "endpoint"},
		{"[[drop]]\nname = \"a\"\n", "", "path"},
		{"[index]\nshards = 0\n", "", "index.shards"},
		{"data = \n", "", "line 1"},
		{"data = \"/srv/c\"\n[[drop]]\nname = \"a\"\npath = \"/srv\"\n", "", "holds the data folder"},
		{"[[drop]]\nname = \"a\"\npath = \".\"\n", "", "holds the data folder"},
		{"[[drop]]\nname = \"a\"\npath = \"store/originals\"\n", "", "data folder's store"},
		{"[[drop]]\nname = \"a\"\npath = \"/in\"\n[[drop]]\nname = \"b\"\npath = \"/in/b\"\n", "", "lie in each other"},
	} {
		cfg, err := loadConfig(writeConfig(t, c.file), []string{c.env})
		if err == nil {
			err = cfg.finish()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: error %v, want one that names %s", c.file, c.env, err, c.want)
		}
	}
}

// A drop folder's rules stand in the general ones' place, as a whole.
func TestDropFoldersHaveTheirOwnRules(t *testing.T) {
	c, err := loadConfig(writeConfig(t, "[separators]\npatch = [\"2\"]\n[[drop]]\nname = \"a\"\npath = \"a\"\nlanguages = \"eng+deu\"\n[drop.separators]\nbarcodes = [\"END-[0-9]+\"]\nkeep = true\n[[drop]]\nname = \"b\"\npath = \"b\"\n"), nil)
	if err == nil {
		err = c.finish()
	}
	if err != nil {
		t.Fatal(err)
	}
	rules, err := c.rules()
	if err != nil {
		t.Fatal(err)
	}
	a, b := rules["a"], rules["b"]
	if a.Languages != "eng+deu" || len(a.Separators.Patch) > 0 || !a.Separators.Keep || a.Separators.Cover != nil || !a.Separators.Barcodes[0].MatchString("END-17") || a.Separators.Barcodes[0].MatchString("xEND-17") {
		t.Errorf("a has %+v", a)
	}
	if b.Languages != "eng" || b.Separators.Keep || b.Separators.Patch[0] != "2" || b.Separators.Cover == nil {
		t.Errorf("b has %+v", b)
	}
	if got := c.languages(); len(got) != 1 || got[0] != "eng+deu" {
		t.Errorf("languages %v", got)
	}
}

func TestSidesThatTellNothingApartAreRefused(t *testing.T) {
	for text, fine := range map[string]bool{
		"fronts = \"fronts\"\nbacks = \"backs\"": true, "fronts = \"*-odd.*\"\nbacks = \"*-even.*\"\nreversed = true\nwithin = \"10m\"": true,
		"fronts = \"a\"": false, "fronts = \"a\"\nbacks = \"a\"": false, "fronts = \"*\"\nbacks = \"**\"": false, "fronts = \"a/b\"\nbacks = \"c\"": false, "fronts = \"a*\"\nbacks = \"b\"": false,
	} {
		c, err := loadConfig(writeConfig(t, "[[drop]]\nname = \"a\"\npath = \"a\"\n[drop.sides]\n"+text), nil)
		if err == nil {
			err = c.finish()
		}
		if (err == nil) != fine {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRulesThatSeparateNothingOrEverythingAreRefused(t *testing.T) {
	for _, text := range []string{"patch = [\"5\"]", "barcodes = [\"(\"]", "barcodes = [\".*\"]", "cover = \"P.*\"", "cover = \"(P)(.*)\""} {
		c, err := loadConfig(writeConfig(t, "[separators]\n"+text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.finish(); err == nil || !strings.Contains(err.Error(), "separators") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := defaultConfig()
	c.Store.S3.SecretKey, c.Catalog.URL, c.Store.Encryption.Keys = "CANARY", "postgres://u:CANARY@h/d", "CANARY"
	var out strings.Builder
	if err := c.print(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "CANARY") || !strings.Contains(out.String(), "[hidden]") {
		t.Errorf("printed %s", out.String())
	}
}

// What is printed as the effective config must be a config.
func TestPrintedConfigCanBeRead(t *testing.T) {
	c := defaultConfig()
	if err := c.finish(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.print(&out); err != nil {
		t.Fatal(err)
	}
	got, err := loadConfig(writeConfig(t, out.String()), nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if !reflect.DeepEqual(got, c) {
		t.Errorf("came back as %+v, want %+v", got, c)
	}
}

// doc/config.md must name every setting, by its key and by its variable.
func TestEverySettingIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../doc/config.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range settingKeys(reflect.TypeFor[Config](), "") {
		if !strings.Contains(string(doc), "`"+key+"`") {
			t.Errorf("doc/config.md does not name %s", key)
		}
	}
}

func settingKeys(t reflect.Type, prefix string) (keys []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		key, ft := prefix+name, f.Type
		switch ft.Kind() {
		case reflect.Pointer, reflect.Slice:
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			keys = append(keys, settingKeys(ft, key+".")...)
		} else {
			keys = append(keys, key)
		}
	}
	return keys
}
