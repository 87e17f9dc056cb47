// Package config reads the configuration once, into a typed struct: flags over
// the environment over a file over defaults. It says what is wrong with a
// value, where the value came from and how to mend it, and shows the result with
// its secrets masked.
package config

import (
	"net/netip"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Config is the configuration of the daemon and the commands. The tags are the
// keys; what each may be set to stands in Keys, and Validate holds it.
type Config struct {
	// Listen is the address of the public listener, which takes webhooks in.
	Listen string `mapstructure:"listen"`
	// AdminListen is the address of the private listener: API, console, metrics.
	AdminListen string `mapstructure:"admin_listen"`
	// DatabaseURL is the DSN of Postgres, a URL or keywords; empty for the
	// private cluster in DataDir. It may hold a password.
	DatabaseURL meshhook.Secret `mapstructure:"database_url"`
	// DataDir is the absolute path of what is kept outside the database.
	DataDir string `mapstructure:"data_dir"`
	// Project is the name of the project that commands work in.
	Project string `mapstructure:"project"`
	// PublicURL is how the world reaches Listen, without a slash at its end;
	// empty when it was not said.
	PublicURL string `mapstructure:"public_url"`
	// Only limits a daemon to one part: ingress, worker or admin; empty for all.
	Only string `mapstructure:"only"`
	// MasterKey is the master key's text; empty when it is in MasterKeyFile.
	MasterKey meshhook.Secret `mapstructure:"master_key"`
	// MasterKeyNext is the text of the master key that a rotation changes to; empty when
	// it is in a file beside MasterKeyFile, or there is none.
	MasterKeyNext meshhook.Secret `mapstructure:"master_key_next"`
	// MasterKeyFile is the absolute path of the file that holds the master key.
	MasterKeyFile string `mapstructure:"master_key_file"`
	// MetricsToken is what /metrics asks for; empty when it asks for nothing.
	MetricsToken meshhook.Secret `mapstructure:"metrics_token"`
	// TrustedProxies are those whose forwarding headers are believed.
	TrustedProxies []netip.Prefix `mapstructure:"trusted_proxies"`
	// ShutdownGrace is how long a daemon that stops waits for what is under way.
	ShutdownGrace time.Duration `mapstructure:"shutdown_grace"`

	Log       Log       `mapstructure:"log"`
	Network   Network   `mapstructure:"network"`
	Postgres  Postgres  `mapstructure:"postgres"`
	Database  Database  `mapstructure:"database"`
	Ingress   Ingress   `mapstructure:"ingress"`
	Schema    Schema    `mapstructure:"schema"`
	Limits    Limits    `mapstructure:"limits"`
	TLS       TLS       `mapstructure:"tls"`
	Engine    Engine    `mapstructure:"engine"`
	Retention Retention `mapstructure:"retention"`

	file     string
	origins  map[string]Origin
	warnings []string
}

// Log says what is logged, and how.
type Log struct {
	// Level is the least level that is logged: debug, info, warn or error.
	Level string `mapstructure:"level"`
	// Format is text, json or auto: text on a terminal, else json.
	Format string `mapstructure:"format"`
}

// Network says where outgoing calls may go.
type Network struct {
	// Allow are the private addresses that outgoing calls may reach all the same.
	Allow []netip.Prefix `mapstructure:"allow"`
}

// Postgres is about the private cluster.
type Postgres struct {
	// BinDir is the absolute path of the directory of Postgres' programs; empty
	// to look where distributions put them.
	BinDir string `mapstructure:"bin_dir"`
}

// Database is about the connections to Postgres.
type Database struct {
	// MaxConns is the size of the pool; 0 for the default, which the machine
	// decides.
	MaxConns int `mapstructure:"max_conns"`
}

// Ingress limits what is taken in.
type Ingress struct {
	// MaxBody is the largest request body, where the webhook sets none of its own.
	MaxBody ByteSize `mapstructure:"max_body"`
	// MaxInFlight is how many requests are worked on at once.
	MaxInFlight int `mapstructure:"max_in_flight"`
	// MaxBuffered is how many bytes of bodies are held at once.
	MaxBuffered ByteSize `mapstructure:"max_buffered"`
	// MaxConnections is how many connections the public listener holds at once.
	MaxConnections int `mapstructure:"max_connections"`
	// ReadTimeout is how long a request may take to arrive whole.
	ReadTimeout time.Duration `mapstructure:"read_timeout"`
}

// Schema says how payloads are checked against JSON Schemas.
type Schema struct {
	// Engine is auto, qri or strict, as in schema.Options.
	Engine string `mapstructure:"engine"`
	// AssertFormats makes "format" a condition instead of an annotation.
	AssertFormats bool `mapstructure:"assert_formats"`
}

// Limits says where rates are counted, and what a single sender may do.
type Limits struct {
	// Store is where the webhooks' rate limits are counted: auto, postgres or memory.
	Store string `mapstructure:"store"`
	// FailedVerifications is how many wrong signatures an address may send.
	FailedVerifications Rate `mapstructure:"failed_verifications"`
	// UnknownPaths is how many paths that no webhook has an address may try.
	UnknownPaths Rate `mapstructure:"unknown_paths"`
}

// TLS makes the public listener speak TLS; without a certificate it does not.
type TLS struct {
	// CertFile and KeyFile are absolute paths of PEM files, both or neither.
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	ACME     ACME   `mapstructure:"acme"`
}

// ACME has certificates made by a certificate authority (RFC 8555).
type ACME struct {
	// Domains are the names that certificates are made for; none switches it off.
	Domains []string `mapstructure:"domains"`
	// Email is where the authority writes to; empty for nowhere.
	Email string `mapstructure:"email"`
	// DirectoryURL is the authority; empty for Let's Encrypt.
	DirectoryURL string `mapstructure:"directory_url"`
	// AcceptTerms tells that the operator agrees to the authority's terms of service.
	AcceptTerms bool `mapstructure:"accept_terms"`
	// HTTPListen is the address of the listener for HTTP-01, or none.
	HTTPListen string `mapstructure:"http_listen"`
}

// IsOn tells whether the public listener speaks TLS.
func (t TLS) IsOn() bool { return t.CertFile != "" || len(t.ACME.Domains) > 0 }

// Engine limits what is performed.
type Engine struct {
	// Concurrency is how many runs a daemon performs at once.
	Concurrency int `mapstructure:"concurrency"`
}

// Retention says how long things are kept.
type Retention struct {
	// Events is for events and their runs.
	Events time.Duration `mapstructure:"events"`
	// Rejected is for rejected events.
	Rejected time.Duration `mapstructure:"rejected"`
	// Journal is for the journal, which tail follows.
	Journal time.Duration `mapstructure:"journal"`
}

// File returns the path of the configuration file that was read, empty if none.
func (c *Config) File() string { return c.file }

// Origin says where a key's value came from; it is empty for no key.
func (c *Config) Origin(key string) Origin { return c.origins[key] }

// Warnings are remarks on what was probably meant otherwise, one line each. They
// keep nobody from starting.
func (c *Config) Warnings() []string { return c.warnings }

// Origin says where a value came from: "flag --listen", "environment
// MESHHOOK_LISTEN", "file /etc/meshhook/meshhook.yaml:12" or "default".
type Origin string
