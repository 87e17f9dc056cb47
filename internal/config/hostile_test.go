package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestLoad_RefusesTheFile(t *testing.T) {
	const at = "work/meshhook.yaml:"
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", "project: x\nlisten_address: :1\n", at + `2: unknown key "listen_address"; did you mean listen?`},
		{"unknown key in a group", "log:\n\n  lvl: info\n", at + `3: unknown key "log.lvl"; did you mean log.level?`},
		{"other spelling", "Admin-Listen: :1\n", at + `1: unknown key "Admin-Listen"; did you mean admin_listen?`},
		{"without its group", "concurrency: 1\n", at + `1: unknown key "concurrency"; did you mean engine.concurrency?`},
		{"nothing like it", "kubernetes: {}\n", at + `1: unknown key "kubernetes"`},
		{"a long word", strings.Repeat("k", 200) + ": 1\n", at + `1: unknown key "` + strings.Repeat("k", 60) + `…"`},
		{"a number as key", "1: x\n", at + `1: unknown key "1"`},
		{"a list as key", "? [a, b]\n: x\n", at + `1: a key must be a plain word`},
		{"merged", "base: &b {level: info}\nlog: {<<: *b}\n", at + `1: unknown key "base"`},
		{"merge key", "log: &b\n  <<: *b\n", at + `2: unknown key "log.<<"`},
		{"twice", "listen: :1\nlisten: :2\n", at + "2: the key listen stands there twice"},
		{"twice in two shapes", "log: {level: info}\nlog.level: debug\n", at + "2: the key log.level stands there twice"},
		{"a group as value", "log: debug\n", at + "1: log is a group of keys; write level under it"},
		{"a value as group", "listen: {port: 1}\n", at + "1: listen takes one plain value"},
		{"a list for one value", "listen: [':1', ':2']\n", at + "1: listen takes one plain value"},
		{"a list in a list", "network: {allow: [[10.0.0.1]]}\n", at + "1: network.allow takes a list of plain values"},
		{"an alias", "project: &p ops\nonly: *p\n", at + "2: only: aliases are not read here; write the value out, or quote it if it begins with *"},
		{"an alias of nothing", "master_key: *hunter2\n", "work/meshhook.yaml: it is not valid YAML: a value that begins with * must be quoted"},
		{"a tag", "master_key: !hunter2 x\n", at + "1: master_key: tags are not read here; write the plain value, or quote it if it begins with !"},
		{"no YAML", "project: [a\nlisten: b\n", at + "1: it is not valid YAML: did not find expected ',' or ']'"},
		{"a tab", "log:\n\tlevel: info\n", at + "2: it is not valid YAML: found character that cannot start any token"},
		{"binary", "\x00\x01\x02", "work/meshhook.yaml: it is not valid YAML: control characters are not allowed"},
		{"bad second document", "project: a\n---\nproject: [\n", at + "3: it is not valid YAML: did not find expected node content"},
		{"two documents", "project: a\n---\nproject: b\n", at + "2: it holds a second document; put everything into one"},
		{"no mapping", "- listen\n", at + "1: it is no mapping of keys to values; write lines like `listen: \":8080\"`"},
		{"huge", "#" + strings.Repeat("x", 1<<20), "cannot read the configuration file work/meshhook.yaml: it is larger than 1 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.file("work/meshhook.yaml", test.text)
			require.Equal(t, test.want, w.refuses())
		})
	}
}

func TestLoad_LargestFile(t *testing.T) {
	w := newWorld(t)
	text := "project: ops\n#"
	w.file("work/meshhook.yaml", text+strings.Repeat("x", 1<<20-len(text)))
	require.Equal(t, "ops", w.load().Project)
}

func TestLoad_CannotReadTheFile(t *testing.T) {
	const cannot = "cannot read the configuration file "
	t.Run("named but not there", func(t *testing.T) {
		w := newWorld(t)
		w.options.File = "nowhere.yaml"
		require.Equal(t, cannot+"work/nowhere.yaml: no such file or directory", w.refuses())
	})
	t.Run("a directory", func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, os.Mkdir(filepath.Join(w.options.Dir, "meshhook.yaml"), 0o700))
		require.Equal(t, cannot+"work/meshhook.yaml: it is a directory", w.refuses())
	})
	t.Run("a pipe found by chance", func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, syscall.Mkfifo(filepath.Join(w.options.Dir, "meshhook.yaml"), 0o600))
		require.Equal(t, cannot+"work/meshhook.yaml: it is not a regular file", w.refuses())
	})
	t.Run("a file that cannot be opened", func(t *testing.T) {
		w := newWorld(t)
		w.options.File = "socket" // which nobody can open, root neither
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		require.NoError(t, err)
		defer func() { require.NoError(t, syscall.Close(fd)) }()
		t.Chdir(w.options.Dir) // the path of a socket must be short
		require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: "socket"}))
		require.Equal(t, cannot+"work/socket: no such device or address", w.refuses())
	})
	t.Run("a pipe that was named", func(t *testing.T) {
		w := newWorld(t)
		w.options.File = filepath.Join(w.options.Dir, "pipe")
		require.NoError(t, syscall.Mkfifo(w.options.File, 0o600))
		written := make(chan error, 1)
		go func() { written <- os.WriteFile(w.options.File, []byte("project: piped\n"), 0) }()
		require.Equal(t, "piped", w.load().Project)
		require.NoError(t, <-written)
	})
}

func TestLoad_RefusesTheValue(t *testing.T) {
	for _, test := range []struct{ env, want string }{
		{"LISTEN=8080", `"8080" is not an address to listen on; write it like :8080 or 127.0.0.1:8080`},
		{"LISTEN=:65536", `":65536" is not an address to listen on; write it like :8080 or 127.0.0.1:8080`},
		{"ADMIN_LISTEN=::1:80", `"::1:80" is not an address to listen on; write it like :8080 or 127.0.0.1:8080`},
		{"ADMIN_LISTEN=:8080", `":8080" is the address of listen too; give each its own`},
		{"PUBLIC_URL=example.com", `"example.com" is not a URL to reach this server by; write it like https://hooks.example.com`},
		{"PUBLIC_URL=ftp://example.com", `"ftp://example.com" is not a URL to reach this server by; write it like https://hooks.example.com`},
		{"PUBLIC_URL=https://u:hunter2@example.com", `"••••••" is not a URL to reach this server by; write it like https://hooks.example.com`},
		{"ONLY=workers", `"workers" is not one of ingress, worker, admin; did you mean worker?`},
		{"LOG_LEVEL=verbose", `"verbose" is not one of debug, info, warn, error`},
		{"LOG_FORMAT=jsn", `"jsn" is not one of auto, text, json; did you mean json?`},
		{"PROJECT= ", `it is empty; name a project, like default`},
		{"DATABASE_URL=mysql://u:hunter2@db/x", `it is not a DSN of Postgres; write it like postgres://user:password@host:5432/database`},
		{"DATABASE_URL=hunter2", `it is not a DSN of Postgres; write it like postgres://user:password@host:5432/database`},
		{"DATABASE_MAX_CONNS=-1", `-1 is out of range; it can be 0 to 10000`},
		{"DATABASE_MAX_CONNS=many", `"many" is not a whole number`},
		{"NETWORK_ALLOW=10.0.0.0/8,intranet", `"intranet" is neither an address nor a network; write it like 10.0.0.0/8, 192.168.1.7 or fd00::/8`},
		{"NETWORK_ALLOW=fe80::1%eth0", `"fe80::1%eth0" is neither an address nor a network; write it like 10.0.0.0/8, 192.168.1.7 or fd00::/8`},
		{"NETWORK_ALLOW=10.1.2.3/8", `"10.1.2.3/8" is an address inside the network 10.0.0.0/8; write the one or the other`},
		{"INGRESS_MAX_BODY=1 lot", `"1 lot" is not a size; write it like 512, 64KiB or 1MiB`},
		{"INGRESS_MAX_BODY=1023", `1023B is out of range; it can be 1KiB to 64MiB`},
		{"INGRESS_MAX_BODY=65MiB", `65MiB is out of range; it can be 1KiB to 64MiB`},
		{"INGRESS_MAX_IN_FLIGHT=0", `0 is out of range; it can be 1 to 1000000`},
		{"INGRESS_MAX_BUFFERED=3145727", `3145727B is out of range; it can be 3MiB to 1024GiB`},
		{"INGRESS_MAX_BUFFERED=1025GiB", `1025GiB is out of range; it can be 3MiB to 1024GiB`},
		{"SCHEMA_ENGINE=qry", `"qry" is not one of auto, qri, strict; did you mean qri?`},
		{"SCHEMA_ASSERT_FORMATS=yes", `"yes" is neither true nor false`},
		{"INGRESS_MAX_CONNECTIONS=0", `0 is out of range; it can be 1 to 1000000`},
		{"INGRESS_READ_TIMEOUT=99ms", `99ms is too short; use 100ms or more`},
		{"LIMITS_STORE=redis", `"redis" is not one of auto, postgres, memory`},
		{"LIMITS_UNKNOWN_PATHS=lots", `"lots" is not a rate limit; write it like 100/minute, 10/s or 5/15m, or none`},
		{"LIMITS_FAILED_VERIFICATIONS=0", `"0" is not a rate limit; write it like 100/minute, 10/s or 5/15m, or none`},
		{"LIMITS_FAILED_VERIFICATIONS=0/minute", `"0/minute" is not a rate limit; write it like 100/minute, 10/s or 5/15m, or none`},
		{"TLS_KEY_FILE=/k", `it is set, but tls.cert_file is empty; name the key's certificate`},
		{"TLS_ACME_DOMAINS=localhost", `"localhost" is not a name that a certificate can be fetched for; write it like hooks.example.com`},
		{"TLS_ACME_DOMAINS=*.example.com", `"*.example.com" is not a name that a certificate can be fetched for; write it like hooks.example.com`},
		{"TLS_ACME_DOMAINS=192.0.2.1", `"192.0.2.1" is not a name that a certificate can be fetched for; write it like hooks.example.com`},
		{"TLS_ACME_ACCEPT_TERMS=maybe", `"maybe" is neither true nor false`},
		{"TLS_ACME_DIRECTORY_URL=letsencrypt", `it is not the URL of an ACME directory; write it like https://acme-v02.api.letsencrypt.org/directory`},
		{"TLS_ACME_HTTP_LISTEN=80", `"80" is not an address to listen on; write it like :8080 or 127.0.0.1:8080`},
		{"ENGINE_CONCURRENCY=10001", `10001 is out of range; it can be 1 to 10000`},
		{"ENGINE_CONCURRENCY=0x10", `"0x10" is not a whole number`},
		{"RETENTION_EVENTS=59m", `59m is too short; keep things for 1h at least`},
		{"RETENTION_REJECTED=0s", `0s is too short; keep things for 1h at least`},
		{"RETENTION_JOURNAL=30d", `"30d" is not a duration; write it like 90s, 1m30s or 24h`},
		{"SHUTDOWN_GRACE=20", `"20" is not a duration; write it like 90s, 1m30s or 24h`},
		{"SHUTDOWN_GRACE=-1s", `"-1s" is not a duration; write it like 90s, 1m30s or 24h`},
	} {
		t.Run(test.env, func(t *testing.T) {
			w := newWorld(t)
			w.options.Env = []string{"MESHHOOK_" + test.env}
			name, _, _ := strings.Cut(test.env, "=")
			got := w.refuses()
			require.NotContains(t, got, "hunter2")
			key, rest, _ := strings.Cut(got, " ")
			require.Equal(t, name, strings.ToUpper(strings.ReplaceAll(key, ".", "_")))
			require.Equal(t, "(environment MESHHOOK_"+name+"): "+test.want, rest)
		})
	}
}

func TestLoad_AcceptsTheEdges(t *testing.T) {
	for _, env := range []string{
		"LISTEN=:0", "LISTEN=[::1]:65535", "LISTEN=localhost:80", "DATABASE_MAX_CONNS=10000",
		"INGRESS_MAX_BODY=1KiB", "INGRESS_MAX_BODY=64MiB", "INGRESS_MAX_IN_FLIGHT=1", "INGRESS_MAX_IN_FLIGHT=1000000",
		"INGRESS_MAX_CONNECTIONS=1", "INGRESS_READ_TIMEOUT=100ms", "TLS_ACME_HTTP_LISTEN=none", "TLS_ACME_ACCEPT_TERMS=TRUE",
		"LIMITS_STORE=memory", "LIMITS_UNKNOWN_PATHS=none", "LIMITS_FAILED_VERIFICATIONS=1/s",
		"ENGINE_CONCURRENCY=1", "ENGINE_CONCURRENCY=10000", "RETENTION_EVENTS=1h", "SHUTDOWN_GRACE=0s",
		"NETWORK_ALLOW=0.0.0.0/0 ::/0", "DATABASE_URL=host=/run/postgresql user=u", "DATABASE_URL=postgresql:///db",
	} {
		w := newWorld(t)
		w.options.Env = []string{"MESHHOOK_" + env}
		require.Len(t, settings(w.load()), 1, env)
	}
	w := newWorld(t)
	w.options.Env = []string{"MESHHOOK_LISTEN=:0", "MESHHOOK_ADMIN_LISTEN=:0"}
	require.Equal(t, ":0", w.load().AdminListen, "port 0 is never the same twice")
}

func TestLoad_ErrorNamesTheLine(t *testing.T) {
	w := newWorld(t)
	w.file("work/meshhook.yaml", "log:\n  level: inof\n")
	require.Equal(t, `log.level (file work/meshhook.yaml:2): "inof" is not one of debug, info, warn, error; did you mean info?`, w.refuses())
	w.file("work/meshhook.yaml", "\nshutdown_grace: soon\n")
	require.Equal(t, `shutdown_grace (file work/meshhook.yaml:2): "soon" is not a duration; write it like 90s, 1m30s or 24h`, w.refuses())
	w.flags("--network-allow=x", "--network-allow=y")
	w.file("work/meshhook.yaml", "")
	require.Contains(t, w.refuses(), `network.allow (flag --network-allow): "x" is neither`)
}

func TestLoad_AListForOneValueByFlag(t *testing.T) {
	w := newWorld(t)
	w.options.Flags = pflag.NewFlagSet("meshhook", pflag.ContinueOnError)
	w.options.Flags.StringSlice("listen", nil, "")
	require.NoError(t, w.options.Flags.Parse([]string{"--listen=:1,:2"}))
	require.Equal(t, "listen (flag --listen): it takes one value, not a list", w.refuses())
}

func TestParse_DeepNesting(t *testing.T) {
	_, err := config.Parse([]byte("network: {allow: " + strings.Repeat("[", 100_000)))
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("log:\n  level: debug\nnetwork.allow: [10.0.0.0/8]\n"))
	f.Add([]byte("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"))
	f.Add([]byte("log: &l {level: *l}\n"))
	f.Add([]byte("? {}\n: !!binary aa\n---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := config.Parse(text)
		require.LessOrEqual(t, keys, len(config.Keys()))
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
		}
	})
}
