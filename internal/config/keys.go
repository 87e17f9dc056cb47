package config

import (
	"reflect"
	"strings"
)

// EnvPrefix begins the name of every environment variable that is ours.
const EnvPrefix = "MESHHOOK_"

// The environment variables that set no key of their own name.
const (
	envFile        = EnvPrefix + "CONFIG" // the configuration file, as --config
	envDatabaseURL = "DATABASE_URL"       // database_url, for what platforms set by themselves
	envTest        = EnvPrefix + "TEST_"  // the beginning of what the tests use
)

// Key describes one configuration key.
type Key struct {
	// Name is the key as it stands in the file, dots between levels: "log.level".
	Name string
	// Env is its environment variable.
	Env string
	// Flag is its command-line flag, without the dashes; empty where a flag would
	// show a secret in the list of processes.
	Flag string
	// Default is what it is when nobody sets it, in words where it depends on the
	// machine.
	Default string
	// Help says what it does, in one sentence.
	Help string
}

// Keys describes every key, in the order in which they are shown. The commands'
// flags and the documentation are made from it.
func Keys() []Key {
	keys := []Key{
		{Name: "listen", Default: ":8080", Help: "Address of the public listener, which takes webhooks in."},
		{Name: "admin_listen", Default: "127.0.0.1:8081", Help: "Address of the private listener: API, console, health and metrics."},
		{Name: "public_url", Help: "How the world reaches the public listener, for the URLs that are printed: https://hooks.example.com."},
		{Name: "only", Help: "The one part that this daemon does: ingress, worker or admin. Empty: all of them."},
		{Name: "project", Default: "default", Help: "The project that commands work in."},
		{Name: "database_url", Help: "DSN of Postgres; DATABASE_URL is read too. Empty: a private cluster in the data directory."},
		{Name: "database.max_conns", Default: "0", Help: "Connections to Postgres at once. 0: as many as suit the machine."},
		{Name: "postgres.bin_dir", Help: "Directory of Postgres' programs, for the private cluster. Empty: looked for."},
		{Name: "data_dir", Default: "$XDG_DATA_HOME/meshhook, for root " + rootDataDir, Help: "Directory of the private cluster, the master key and the spool."},
		{Name: "master_key", Help: "The master key itself, 32 bytes in base64, instead of a file; for the environment."},
		{Name: "master_key_next", Help: "The master key that 'meshhook key rotate' changes to, where master_key is set; for the environment."},
		{Name: "master_key_file", Default: masterKeyName + " in data_dir", Help: "File of the master key, made on the first start."},
		{Name: "metrics_token", Help: "Token that /metrics asks for, as 'Authorization: Bearer TOKEN'. Empty: it asks for none."},
		{Name: "network.allow", Help: "Private addresses or networks (CIDR) that outgoing calls may reach."},
		{Name: "trusted_proxies", Help: "Addresses or networks (CIDR) of the proxies whose X-Forwarded-For is believed."},
		{Name: "ingress.max_body", Default: "1MiB", Help: "Largest request body, where a webhook sets no other; at most 64MiB."},
		{Name: "ingress.max_in_flight", Default: "1024", Help: "Requests worked on at once; more are told to come again."},
		{Name: "ingress.max_buffered", Default: "256MiB", Help: "Memory for bodies that are being received and judged; beyond it senders are told to come again. At least three times ingress.max_body."},
		{Name: "schema.engine", Default: "auto", Help: "What checks payloads: auto, qri (a schema outside its subset is refused) or strict."},
		{Name: "schema.assert_formats", Default: "false", Help: "Whether format in a schema is a condition (true) or an annotation (false)."},
		{Name: "ingress.max_connections", Default: "10000", Help: "Connections of the public listener at once. One more takes the place of one that is idle, or waits."},
		{Name: "ingress.read_timeout", Default: "1m", Help: "How long a request may take to arrive whole."},
		{Name: "limits.store", Default: "auto", Help: "Where rate limits are counted: postgres, memory (each daemon for itself), or auto: memory while one daemon alone takes webhooks in, else postgres."},
		{Name: "limits.failed_verifications", Default: "60/minute", Help: "Wrong signatures of one sender address; beyond that it hears 429 and nothing is stored. none: no limit."},
		{Name: "limits.unknown_paths", Default: "300/minute", Help: "Requests of one sender address to paths that no webhook has; beyond that it hears 429. none: no limit."},
		{Name: "tls.cert_file", Help: "Certificate chain of the public listener (PEM), which then speaks TLS; read again when it changes."},
		{Name: "tls.key_file", Help: "Private key of tls.cert_file (PEM)."},
		{Name: "tls.acme.domains", Help: "Names that certificates are fetched for by ACME, instead of tls.cert_file."},
		{Name: "tls.acme.accept_terms", Default: "false", Help: "true: you agree to the terms of service of the certificate authority."},
		{Name: "tls.acme.email", Help: "Address for the certificate authority to write to."},
		{Name: "tls.acme.directory_url", Help: "ACME directory of the certificate authority. Empty: Let's Encrypt."},
		{Name: "tls.acme.http_listen", Default: ":80", Help: "Address of the listener for HTTP-01 challenges, which redirects all else to https. none: no such listener."},
		{Name: "engine.concurrency", Default: "256", Help: "Runs that a daemon performs at once."},
		{Name: "retention.events", Default: "720h", Help: "How long events, their runs and the messages of alerts are kept."},
		{Name: "retention.rejected", Default: "168h", Help: "How long rejected events are kept."},
		{Name: "retention.journal", Default: "168h", Help: "How long the journal is kept, which tail looks back in."},
		{Name: "shutdown_grace", Default: "20s", Help: "How long a daemon that stops waits for what is under way."},
		{Name: "log.level", Default: "info", Help: "Least level that is logged: debug, info, warn or error."},
		{Name: "log.format", Default: "auto", Help: "text, json, or auto: text on a terminal, else json."},
	}
	names := strings.NewReplacer(".", "_", "-", "_")
	flags := strings.NewReplacer(".", "-", "_", "-")
	for i := range keys {
		keys[i].Env = EnvPrefix + strings.ToUpper(names.Replace(keys[i].Name))
		if !isSecret(keys[i].Name) {
			keys[i].Flag = flags.Replace(keys[i].Name)
		}
	}
	return keys
}

// isSecret tells the keys whose whole value is a secret.
func isSecret(key string) bool {
	return key == "master_key" || key == "master_key_next" || key == "metrics_token"
}

// fields returns where in c each key's value lives, by the tags.
func fields(c *Config) map[string]reflect.Value {
	found := map[string]reflect.Value{}
	collect(found, "", reflect.ValueOf(c).Elem())
	return found
}

func collect(found map[string]reflect.Value, prefix string, group reflect.Value) {
	for i := range group.NumField() {
		name, tagged := group.Type().Field(i).Tag.Lookup("mapstructure")
		switch field := group.Field(i); {
		case !tagged:
		case isGroup(field.Type()):
			collect(found, prefix+name+".", field)
		default:
			found[prefix+name] = field
		}
	}
}

// isGroup tells a struct of further keys from one that is a value.
func isGroup(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() == 0 {
		return false
	}
	_, tagged := t.Field(0).Tag.Lookup("mapstructure")
	return tagged
}

// isList tells whether a key takes several values.
func isList(field reflect.Value) bool { return field.Kind() == reflect.Slice }
