package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// world is a machine of its own for Load: nothing but what a test puts there.
type world struct {
	t       *testing.T
	root    string // of all its directories
	options config.Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root := t.TempDir()
	w := &world{t: t, root: root, options: config.Options{
		Dir: filepath.Join(root, "work"), Home: filepath.Join(root, "home"), SystemDir: filepath.Join(root, "etc"),
	}}
	for _, dir := range []string{w.options.Dir, w.options.Home, w.options.SystemDir} {
		require.NoError(t, os.Mkdir(dir, 0o700))
	}
	return w
}

// file writes a file and returns its path.
func (w *world) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.root, name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (w *world) flags(set ...string) {
	w.t.Helper()
	w.options.Flags = pflag.NewFlagSet("meshhook", pflag.ContinueOnError)
	for _, key := range config.Keys() {
		if key.Flag != "" && key.Name != "network.allow" {
			w.options.Flags.String(key.Flag, key.Default, key.Help)
		}
	}
	w.options.Flags.StringSlice("network-allow", nil, "")
	w.options.Flags.Bool("no-color", false, "a flag that is no key")
	require.NoError(w.t, w.options.Flags.Parse(set))
}

func (w *world) load() *config.Config {
	w.t.Helper()
	c, err := config.Load(w.options)
	require.NoError(w.t, err)
	return c
}

// refuses returns the message of the error of Load, with w.root cut out.
func (w *world) refuses() string {
	w.t.Helper()
	_, err := config.Load(w.options)
	require.Error(w.t, err)
	require.Equal(w.t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	require.NotContains(w.t, err.Error(), "\n", "one line")
	return strings.ReplaceAll(err.Error(), w.root+"/", "")
}

// settings returns what is not at its default, as "key=value (origin)".
func settings(c *config.Config) []string {
	var changed []string
	for _, s := range c.Show() {
		if s.Origin != "default" {
			changed = append(changed, s.Key+"="+s.Value+" ("+string(s.Origin)+")")
		}
	}
	return changed
}

func TestLoad_Defaults(t *testing.T) {
	w := newWorld(t)
	c := w.load()
	require.Empty(t, settings(c))
	require.Empty(t, c.Warnings())
	require.Empty(t, c.File())

	data := filepath.Join(w.options.Home, ".local/share/meshhook")
	want := map[string]string{
		"listen": ":8080", "admin_listen": "127.0.0.1:8081", "public_url": "", "only": "", "project": "default",
		"database_url": "", "database.max_conns": "0", "postgres.bin_dir": "", "data_dir": data,
		"master_key": "", "master_key_next": "", "master_key_file": data + "/master.key", "network.allow": "", "trusted_proxies": "", "metrics_token": "",
		"ingress.max_body": "1MiB", "ingress.max_in_flight": "1024", "schema.engine": "auto", "schema.assert_formats": "false", "engine.concurrency": "256",
		"ingress.max_buffered": "256MiB", "ingress.max_connections": "10000", "ingress.read_timeout": "1m",
		"limits.store": "auto", "limits.failed_verifications": "60/minute", "limits.unknown_paths": "300/minute",
		"tls.cert_file": "", "tls.key_file": "", "tls.acme.domains": "", "tls.acme.email": "", "tls.acme.directory_url": "",
		"tls.acme.accept_terms": "false", "tls.acme.http_listen": ":80",
		"retention.events": "720h", "retention.rejected": "168h", "retention.journal": "168h",
		"shutdown_grace": "20s", "log.level": "info", "log.format": "auto",
	}
	got := map[string]string{}
	for _, s := range c.Show() {
		got[s.Key] = s.Value
	}
	require.Equal(t, want, got)
}

func TestLoad_Precedence(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, config.Origin("default"), w.load().Origin("log.level"))

	path := w.file("work/meshhook.yaml", "# ours\nlog:\n  level: debug\nproject: ops\n")
	c := w.load()
	require.Equal(t, "debug", c.Log.Level)
	require.Equal(t, path, c.File())
	require.Equal(t, []string{"project=ops (file " + path + ":4)", "log.level=debug (file " + path + ":3)"}, settings(c))

	w.options.Env = []string{"MESHHOOK_LOG_LEVEL=warn"}
	c = w.load()
	require.Equal(t, "warn", c.Log.Level)
	require.Equal(t, config.Origin("environment MESHHOOK_LOG_LEVEL"), c.Origin("log.level"))

	w.flags("--log-level=error")
	c = w.load()
	require.Equal(t, "error", c.Log.Level)
	require.Equal(t, "ops", c.Project, "a flag that was not given says nothing")
	require.Equal(t, config.Origin("flag --log-level"), c.Origin("log.level"))
}

// Every key can be set by every means, and arrives in the field of its name.
func TestLoad_EveryKeyByEveryMeans(t *testing.T) {
	values := map[string]string{
		"listen": ":1", "admin_listen": ":2", "public_url": "https://h.example", "only": "worker", "project": "ops",
		"database_url": "postgres://db/x", "database.max_conns": "7", "postgres.bin_dir": "/pg/bin", "data_dir": "/data",
		"master_key_file": "/key", "network.allow": "10.0.0.0/8,192.168.1.7/32", "trusted_proxies": "fd00::/8",
		"ingress.max_body": "2MiB", "ingress.max_in_flight": "9", "schema.engine": "strict", "schema.assert_formats": "true", "engine.concurrency": "8",
		"ingress.max_buffered": "7MiB", "ingress.max_connections": "11", "ingress.read_timeout": "6s",
		"limits.store": "postgres", "limits.failed_verifications": "5/15m", "limits.unknown_paths": "none",
		"tls.acme.domains": "hooks.example.com,b.example.com", "tls.acme.email": "ops@example.com", "tls.acme.accept_terms": "true",
		"tls.acme.directory_url": "https://ca.example/dir", "tls.acme.http_listen": ":81",
		"retention.events": "2h", "retention.rejected": "3h", "retention.journal": "4h",
		"shutdown_grace": "5s", "log.level": "debug", "log.format": "json",
	}
	want := config.Config{
		Listen: ":1", AdminListen: ":2", PublicURL: "https://h.example", Only: "worker", Project: "ops",
		DatabaseURL: meshhook.NewSecret("postgres://db/x"), Database: config.Database{MaxConns: 7},
		Schema:   config.Schema{Engine: "strict", AssertFormats: true},
		Postgres: config.Postgres{BinDir: "/pg/bin"}, DataDir: "/data", MasterKeyFile: "/key",
		Network:        config.Network{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.7/32")}},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("fd00::/8")},
		Ingress:        config.Ingress{MaxBody: 2 * config.MiB, MaxInFlight: 9, MaxBuffered: 7 * config.MiB, MaxConnections: 11, ReadTimeout: 6 * time.Second},
		Engine:         config.Engine{Concurrency: 8},
		Limits:         config.Limits{Store: "postgres", FailedVerifications: config.Rate{Limit: meshhook.RateLimit{Limit: 5, Period: 15 * time.Minute}}},
		TLS: config.TLS{ACME: config.ACME{
			Domains: []string{"hooks.example.com", "b.example.com"}, Email: "ops@example.com", AcceptTerms: true,
			DirectoryURL: "https://ca.example/dir", HTTPListen: ":81",
		}},
		Retention:     config.Retention{Events: 2 * time.Hour, Rejected: 3 * time.Hour, Journal: 4 * time.Hour},
		ShutdownGrace: 5 * time.Second, Log: config.Log{Level: "debug", Format: "json"},
	}
	var env, flags []string
	var file strings.Builder
	for _, key := range config.Keys() {
		if key.Name == "master_key" || key.Name == "master_key_next" || key.Name == "metrics_token" {
			require.Empty(t, key.Flag, "a flag shows in the list of processes")
			continue
		}
		if key.Name == "tls.cert_file" || key.Name == "tls.key_file" {
			continue // they stand instead of tls.acme: TestTLS
		}
		text, ok := values[key.Name]
		require.True(t, ok, "no value for %s", key.Name)
		env = append(env, key.Env+"="+text)
		flags = append(flags, "--"+key.Flag+"="+text)
		file.WriteString(key.Name + ": " + "'" + text + "'\n")
	}
	for means, prepare := range map[string]func(w *world){
		"environment": func(w *world) { w.options.Env = env },
		"flag":        func(w *world) { w.flags(flags...) },
		"file":        func(w *world) { w.file("work/meshhook.yaml", file.String()) },
	} {
		t.Run(means, func(t *testing.T) {
			w := newWorld(t)
			prepare(w)
			c := w.load()
			require.Equal(t, want.Public(), c.Public())
			for _, s := range c.Show() {
				if _, set := values[s.Key]; set {
					require.Equal(t, values[s.Key], s.Value)
					require.Contains(t, s.Origin, means)
				}
			}
		})
	}
}

func TestLoad_FileInItsShapes(t *testing.T) {
	for name, text := range map[string]string{
		"nested":           "network:\n  allow:\n    - 10.0.0.0/8\n    - 192.168.1.7\n",
		"dotted":           "network.allow: [10.0.0.0/8, 192.168.1.7]\n",
		"one text":         "network: {allow: '10.0.0.0/8, 192.168.1.7'}\n",
		"with no values":   "network.allow: [10.0.0.0/8, 192.168.1.7]\nlisten:\nlog:\npostgres: {bin_dir: ~}\n",
		"marked and typed": "---\n\"network\":\n  allow: [\"10.0.0.0/8\", '192.168.1.7']\n...\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := w.file("work/meshhook.yaml", text)
			c := w.load()
			require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.7/32")}, c.Network.Allow)
			require.Contains(t, c.Origin("network.allow"), "file "+path+":")
			require.Len(t, settings(c), 1)
		})
	}
	for name, text := range map[string]string{"empty": "", "comments": "# nothing\n", "null": "~\n", "no keys": "{}\n"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.file("work/meshhook.yaml", text)
			require.Empty(t, settings(w.load()))
		})
	}
}

func TestLoad_TheEnvironmentReplacesAListOfTheFile(t *testing.T) {
	w := newWorld(t)
	w.file("work/meshhook.yaml", "trusted_proxies: [10.0.0.1, 10.0.0.2]\n")
	w.options.Env = []string{"MESHHOOK_TRUSTED_PROXIES= 172.16.0.0/12 , ::ffff:10.1.2.3\tfd00::1"}
	require.Equal(t, []string{"trusted_proxies=172.16.0.0/12,10.1.2.3/32,fd00::1/128 (environment MESHHOOK_TRUSTED_PROXIES)"}, settings(w.load()))

	w.flags("--trusted-proxies=", "--network-allow=10.0.0.1", "--network-allow=10.0.0.2")
	require.Equal(t, []string{"network.allow=10.0.0.1/32,10.0.0.2/32 (flag --network-allow)", "trusted_proxies= (flag --trusted-proxies)"}, settings(w.load()))
}

func TestLoad_WhereTheFileIsLookedFor(t *testing.T) {
	w := newWorld(t)
	step := func(want string) {
		t.Helper()
		require.Equal(t, want, w.load().Project)
	}
	w.file("etc/meshhook.yaml", "project: etc\n")
	step("etc")
	w.file("home/.config/meshhook/meshhook.yaml", "project: home\n")
	step("home")
	w.file("xdg/meshhook/meshhook.yaml", "project: xdg\n")
	w.options.Env = []string{"XDG_CONFIG_HOME=" + filepath.Join(w.root, "xdg")}
	step("xdg")
	w.options.Env = []string{"XDG_CONFIG_HOME=relative/is/ignored"}
	step("home")
	w.file("work/meshhook.yaml", "listen: :9\n")
	step("default") // the first file counts alone
	w.file("work/named.yaml", "project: named\n")
	w.options.Env = []string{"MESHHOOK_CONFIG=named.yaml"}
	step("named")
	w.options.File = w.file("home/flag.yaml", "project: flag\n")
	step("flag")
	w.options.File = "~/flag.yaml"
	step("flag")
}

func TestLoad_WhereNobodyCanLook(t *testing.T) {
	w := newWorld(t)
	w.options.Home = w.file("null", "") // the home of many a service is no directory
	require.Empty(t, w.load().File())
	w.options.Dir, w.options.SystemDir = "", ""
	require.Empty(t, w.load().File())
}

func TestLoad_DatabaseURL(t *testing.T) {
	for _, test := range []struct {
		name, file, want string
		env, flags       []string
	}{
		{name: "of the platform", env: []string{"DATABASE_URL=postgres://platform/x"}, want: "postgres://platform/x environment DATABASE_URL"},
		{
			name: "ours first", env: []string{"DATABASE_URL=postgres://platform/x", "MESHHOOK_DATABASE_URL=postgres://ours/x"},
			want: "postgres://ours/x environment MESHHOOK_DATABASE_URL",
		},
		{
			name: "empty is not set", env: []string{"DATABASE_URL=postgres://platform/x", "MESHHOOK_DATABASE_URL="},
			want: "postgres://platform/x environment DATABASE_URL",
		},
		{
			name: "over the file", env: []string{"DATABASE_URL=postgres://platform/x"}, file: "database_url: postgres://file/x\n",
			want: "postgres://platform/x environment DATABASE_URL",
		},
		{
			name: "an empty flag is the private cluster", env: []string{"DATABASE_URL=postgres://platform/x"},
			flags: []string{"--database-url="}, want: " flag --database-url",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.file("work/meshhook.yaml", test.file)
			w.options.Env = test.env
			w.flags(test.flags...)
			c := w.load()
			require.Equal(t, test.want, c.DatabaseURL.Reveal()+" "+string(c.Origin("database_url")))
		})
	}
}

func TestLoad_DataDir(t *testing.T) {
	w := newWorld(t)
	dirs := func(want, key string) {
		t.Helper()
		c := w.load()
		require.Equal(t, []string{want, key}, []string{c.DataDir, c.MasterKeyFile})
	}
	w.options.Home = "/home/ada"
	dirs("/home/ada/.local/share/meshhook", "/home/ada/.local/share/meshhook/master.key")
	w.options.Env = []string{"XDG_DATA_HOME=/xdg"}
	dirs("/xdg/meshhook", "/xdg/meshhook/master.key")
	w.options.Root = true
	dirs("/var/lib/meshhook", "/var/lib/meshhook/master.key")
	w.options.Env = []string{"MESHHOOK_DATA_DIR=~/mesh", "MESHHOOK_MASTER_KEY_FILE=keys/k"}
	dirs("/home/ada/mesh", filepath.Join(w.options.Dir, "keys/k"))

	w.options.Root, w.options.Home, w.options.Env = false, "", nil
	require.Equal(t, "data_dir (default): it is empty; name a directory, since no home directory is known to have one in", w.refuses())
}

func TestLoad_PublicURLLosesItsSlash(t *testing.T) {
	w := newWorld(t)
	w.options.Env = []string{"MESHHOOK_PUBLIC_URL=https://example.com/mesh/"}
	require.Equal(t, "https://example.com/mesh", w.load().PublicURL)
}

func TestLoad_Warnings(t *testing.T) {
	w := newWorld(t)
	w.options.Env = []string{
		"MESHHOOK_LISTN=:1", "MESHHOOK_LEVEL=debug", "MESHHOOK_SERVICE_HOST=10.0.0.1",
		"MESHHOOK_TEST_DATABASE_URL=x", "MESHHOOK_CONFIG=", "OTHER_LISTEN=x", "malformed",
	}
	require.Equal(t, []string{
		"the environment variable MESHHOOK_LEVEL means nothing to MeshHook",
		"the environment variable MESHHOOK_LISTN means nothing to MeshHook; did you mean MESHHOOK_LISTEN?",
		"the environment variable MESHHOOK_SERVICE_HOST means nothing to MeshHook",
	}, w.load().Warnings())
}

func TestLoad_WarnsOfAnOpenFile(t *testing.T) {
	for text, key := range map[string]string{
		"master_key: abc":                   "master_key",
		"database_url: postgres://u:p@db/x": "database_url",
		"database_url: postgres://u@db/x":   "",
		"metrics_token: 0123456789abcdef":   "metrics_token",
		"project: ops":                      "",
	} {
		w := newWorld(t)
		path := w.file("work/meshhook.yaml", text)
		require.Empty(t, w.load().Warnings(), "closed")
		require.NoError(t, os.Chmod(path, 0o644))
		var want []string
		if key != "" {
			want = []string{"everybody on this machine can read " + key + " in the file " + path + "; run `chmod 600 " + path + "`"}
		}
		require.Equal(t, want, w.load().Warnings(), text)
	}
}

func TestFromProcess(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", "/home/ada")
	t.Setenv("MESHHOOK_PROJECT", "ops")
	flags := pflag.NewFlagSet("meshhook", pflag.ContinueOnError)
	o := config.FromProcess("x.yaml", flags)
	require.Contains(t, o.Env, "MESHHOOK_PROJECT=ops")
	o.Env = nil
	require.Equal(t, config.Options{
		File: "x.yaml", Flags: flags, Dir: dir, Home: "/home/ada", SystemDir: "/etc/meshhook", Root: os.Geteuid() == 0,
	}, o)
}

// A token that could be guessed is refused, and not repeated.
func TestLoad_MetricsToken(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, strings.Repeat("x", 16): true, strings.Repeat("x", 15): false, "hunter2-hunter2 hunter2": false, "hünter2-hünter2-hünter2": false,
	} {
		w := newWorld(t)
		w.options.Env = []string{"MESHHOOK_METRICS_TOKEN=" + text}
		c, err := config.Load(w.options)
		if good {
			require.NoError(t, err)
			require.Equal(t, text, c.MetricsToken.Reveal())
			continue
		}
		require.ErrorContains(t, err, "metrics_token")
		require.ErrorContains(t, err, "16 characters or more")
		require.NotContains(t, err.Error(), text)
	}
}
