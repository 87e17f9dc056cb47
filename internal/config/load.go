package config

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Where things lie when nobody says otherwise.
const (
	systemDir     = "/etc/meshhook"
	rootDataDir   = "/var/lib/meshhook"
	masterKeyName = "master.key"
)

// Options is all that Load looks at. Nothing else of the process is read, so a
// test decides everything.
type Options struct {
	// File is the configuration file that the user named; it must be there. Empty:
	// MESHHOOK_CONFIG, or else the first meshhook.yaml that is found.
	File string
	// Flags are the command line's. Those count that were given and whose name is
	// a key's Flag. May be nil.
	Flags *pflag.FlagSet
	// Env is the environment, as os.Environ returns it.
	Env []string
	// Dir is the working directory: a file is looked for in it, and relative paths
	// start from it.
	Dir string
	// Home is the user's home directory; empty when there is none.
	Home string
	// SystemDir is the last place where a file is looked for; empty for none.
	SystemDir string
	// Root tells that the process runs as root.
	Root bool
}

// FromProcess returns the Options of the running process. A working or a home
// directory that cannot be told stays empty: Load complains if it needs it.
func FromProcess(file string, flags *pflag.FlagSet) Options {
	dir, _ := os.Getwd()
	home, _ := os.UserHomeDir()
	return Options{
		File: file, Flags: flags, Env: os.Environ(), Dir: dir,
		Home: home, SystemDir: systemDir, Root: os.Geteuid() == 0,
	}
}

// value is what one source says of one key: a string, or a []string where the
// file has a sequence.
type value struct {
	raw    any
	origin Origin
}

// layer is what one source says: key → value.
type layer map[string]value

// Load reads the configuration and validates it. Every error is one line with
// CodeInvalid that names the key or file, where it stands, and the remedy; a
// secret's value is in none of them.
func Load(o Options) (*Config, error) {
	env := newEnviron(o.Env)
	doc, err := readDocument(o, env)
	if err != nil {
		return nil, err
	}
	c := &Config{file: doc.path}
	fromEnv, strange := env.layer()
	c.warnings = append(doc.warnings(), strange...)
	if err := c.merge(defaultLayer(o, env), doc.values, fromEnv, flagLayer(o.Flags)); err != nil {
		return nil, err
	}
	c.finish(o)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// merge decodes the layers into c, the later ones over the earlier. viper does
// the merging; the decoding goes key by key instead of by UnmarshalExact, so that
// an error can say where the value came from. (Unknown keys cannot get here.)
func (c *Config) merge(defaults layer, above ...layer) error {
	merged := viper.New()
	c.origins = map[string]Origin{}
	for key, v := range defaults {
		merged.SetDefault(key, v.raw)
		c.origins[key] = v.origin
	}
	for _, l := range above {
		tree := map[string]any{}
		for key, v := range l {
			plant(tree, key, v.raw)
			c.origins[key] = v.origin
		}
		if err := merged.MergeConfigMap(tree); err != nil {
			return meshhook.Errorf(meshhook.CodeInternal, "merge the configuration: %w", err)
		}
	}
	places := fields(c)
	for _, key := range Keys() {
		target := places[key.Name].Addr().Interface()
		if err := merged.UnmarshalKey(key.Name, target, viper.DecodeHook(decode)); err != nil {
			return c.fault(key.Name, err)
		}
	}
	return nil
}

// plant puts a value into a tree of maps, by its dotted key.
func plant(tree map[string]any, key string, raw any) {
	group, rest, nested := strings.Cut(key, ".")
	if !nested {
		tree[key] = raw
		return
	}
	sub, ok := tree[group].(map[string]any)
	if !ok {
		sub = map[string]any{}
		tree[group] = sub
	}
	plant(sub, rest, raw)
}

// flagLayer is what the command line says.
func flagLayer(flags *pflag.FlagSet) layer {
	l := layer{}
	if flags == nil {
		return l
	}
	for _, key := range Keys() {
		flag := flags.Lookup(key.Flag)
		if key.Flag == "" || flag == nil || !flag.Changed {
			continue
		}
		raw := any(flag.Value.String())
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			raw = list.GetSlice()
		}
		l[key.Name] = value{raw, Origin("flag --" + key.Flag)}
	}
	return l
}

// defaultLayer is what holds when nobody says anything. Key.Default is the
// default, but where it depends on the machine.
func defaultLayer(o Options, env environ) layer {
	l := layer{}
	for _, key := range Keys() {
		l[key.Name] = value{key.Default, "default"}
	}
	l["master_key_file"] = value{"", "default"} // finish knows data_dir
	l["data_dir"] = value{defaultDataDir(o, env), "default"}
	return l
}

// defaultDataDir follows the XDG Base Directory Specification; it is empty when
// there is no home to put the directory in.
func defaultDataDir(o Options, env environ) string {
	if o.Root {
		return rootDataDir
	}
	if base := xdg(env, "XDG_DATA_HOME", o.Home, ".local/share"); base != "" {
		return filepath.Join(base, "meshhook")
	}
	return ""
}

// xdg returns a base directory: a variable's, which the specification wants
// ignored if relative, or one in the home directory.
func xdg(env environ, name, home, fallback string) string {
	if dir := env[name]; filepath.IsAbs(dir) {
		return dir
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, fallback)
}

// finish works out what follows from several values.
func (c *Config) finish(o Options) {
	for _, path := range []*string{&c.DataDir, &c.MasterKeyFile, &c.Postgres.BinDir, &c.TLS.CertFile, &c.TLS.KeyFile} {
		*path = absolute(*path, o)
	}
	if c.DataDir != "" {
		c.MasterKeyFile = cmp.Or(c.MasterKeyFile, filepath.Join(c.DataDir, masterKeyName))
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
}

// absolute resolves a path against the working directory, and ~ as a shell does,
// since no shell sees what stands in a file or a systemd unit. Empty stays empty.
func absolute(path string, o Options) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok && o.Home != "" {
		path = filepath.Join(o.Home, rest)
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(o.Dir, path)
}
