package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// rule checks one key: bad returns what is wrong with its value and the remedy,
// or nothing.
type rule struct {
	key string
	bad func(c *Config) string
}

// The limits of numbers.
const (
	maxBody     = 64 * MiB // what can be stored: seal.MaxBody
	maxConns    = 10_000
	maxInFlight = 1_000_000
	maxBuffered = 1024 * GiB
	// bodyCopies is how often a body is in memory: as it came, and with each of its
	// two encodings undone.
	bodyCopies     = 3
	maxConnections = 1_000_000
	minReadTimeout = 100 * time.Millisecond
	maxConcurrency = 10_000
	minRetention   = time.Hour
	minToken       = 16 // characters
)

func rules() []rule {
	return []rule{
		{"listen", func(c *Config) string { return badAddress(c.Listen) }},
		{"admin_listen", func(c *Config) string { return badAddress(c.AdminListen) }},
		{"admin_listen", badPair},
		{"public_url", func(c *Config) string { return badPublicURL(c.PublicURL) }},
		{"only", func(c *Config) string { return badChoice(c.Only, "", "ingress", "worker", "admin") }},
		{"project", func(c *Config) string { return badEmpty(c.Project, "name a project, like default") }},
		{"database_url", func(c *Config) string { return badDSN(c.DatabaseURL.Reveal()) }},
		{"database.max_conns", func(c *Config) string { return badRange(c.Database.MaxConns, 0, maxConns) }},
		{"data_dir", func(c *Config) string {
			return badEmpty(c.DataDir, "name a directory, since no home directory is known to have one in")
		}},
		{"metrics_token", func(c *Config) string { return badToken(c.MetricsToken) }},
		{"ingress.max_body", func(c *Config) string { return badRange(c.Ingress.MaxBody, KiB, maxBody) }},
		{"ingress.max_in_flight", func(c *Config) string { return badRange(c.Ingress.MaxInFlight, 1, maxInFlight) }},
		{"ingress.max_buffered", func(c *Config) string {
			return badRange(c.Ingress.MaxBuffered, bodyCopies*c.Ingress.MaxBody, maxBuffered)
		}},
		{"schema.engine", func(c *Config) string { return badChoice(c.Schema.Engine, "auto", "qri", "strict") }},
		{"ingress.max_connections", func(c *Config) string { return badRange(c.Ingress.MaxConnections, 1, maxConnections) }},
		{"ingress.read_timeout", func(c *Config) string {
			if c.Ingress.ReadTimeout < minReadTimeout {
				return fmt.Sprintf("%s is too short; use %s or more", meshhook.Duration(c.Ingress.ReadTimeout), minReadTimeout)
			}
			return ""
		}},
		{"limits.store", func(c *Config) string { return badChoice(c.Limits.Store, "auto", "postgres", "memory") }},
		{"tls.key_file", badKeyPair},
		{"tls.acme.domains", badDomains},
		{"tls.acme.accept_terms", func(c *Config) string {
			if len(c.TLS.ACME.Domains) > 0 && !c.TLS.ACME.AcceptTerms {
				return "certificates are fetched only once you agree to the terms of service of the authority; read them and set it to true"
			}
			return ""
		}},
		{"tls.acme.directory_url", func(c *Config) string { return badDirectory(c.TLS.ACME.DirectoryURL) }},
		{"tls.acme.http_listen", func(c *Config) string {
			if c.TLS.ACME.HTTPListen == "none" {
				return ""
			}
			return badAddress(c.TLS.ACME.HTTPListen)
		}},
		{"engine.concurrency", func(c *Config) string { return badRange(c.Engine.Concurrency, 1, maxConcurrency) }},
		{"retention.events", func(c *Config) string { return badRetention(c.Retention.Events) }},
		{"retention.rejected", func(c *Config) string { return badRetention(c.Retention.Rejected) }},
		{"retention.journal", func(c *Config) string { return badRetention(c.Retention.Journal) }},
		{"log.level", func(c *Config) string { return badChoice(c.Log.Level, "debug", "info", "warn", "error") }},
		{"log.format", func(c *Config) string { return badChoice(c.Log.Format, "auto", "text", "json") }},
	}
}

// Validate returns the first value that cannot be, as an error with CodeInvalid
// that names the key, the value, where it came from, and the remedy.
func (c *Config) Validate() error {
	for _, r := range rules() {
		if problem := r.bad(c); problem != "" {
			return c.fault(r.key, errors.New(problem))
		}
	}
	return nil
}

// fault says what is wrong with a key's value, and where that came from.
func (c *Config) fault(key string, err error) error {
	if ours, ok := errors.AsType[*meshhook.Error](err); ok {
		err = ours // without what mapstructure wraps around it
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "%s (%s): %w", key, c.origins[key], err)
}

func badAddress(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Sprintf("%q is not an address to listen on; write it like :8080 or 127.0.0.1:8080", address)
	}
	return ""
}

// badPair finds two listeners on one address. Port 0 is never the same twice.
func badPair(c *Config) string {
	if c.Listen == c.AdminListen && !strings.HasSuffix(c.Listen, ":0") {
		return fmt.Sprintf("%q is the address of listen too; give each its own", c.AdminListen)
	}
	return ""
}

func badPublicURL(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		if strings.Contains(text, "@") {
			text = meshhook.Mask // there may be a password before it
		}
		return fmt.Sprintf("%q is not a URL to reach this server by; write it like https://hooks.example.com", text)
	}
	return ""
}

func badChoice(text string, choices ...string) string {
	if slices.Contains(choices, text) {
		return ""
	}
	named := slices.DeleteFunc(choices, func(choice string) bool { return choice == "" })
	return fmt.Sprintf("%q is not one of %s%s", text, strings.Join(named, ", "), didYouMean(text, named))
}

func badEmpty(text, remedy string) string {
	if text != "" {
		return ""
	}
	return "it is empty; " + remedy
}

// badDSN looks at the shape only: the driver knows the rest. It never repeats
// the text, which may hold a password.
func badDSN(dsn string) string {
	if dsn == "" || isURL(dsn) || strings.Contains(dsn, "=") && !strings.Contains(dsn, "://") {
		return ""
	}
	return "it is not a DSN of Postgres; write it like postgres://user:password@host:5432/database"
}

// badToken never repeats the token.
func badToken(token meshhook.Secret) string {
	text := token.Reveal()
	unfit := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case text == "":
		return ""
	case len(text) < minToken || strings.ContainsFunc(text, unfit):
		return fmt.Sprintf("it is no token to rely on; take %d characters or more without spaces, like those that 'openssl rand -hex 32' prints", minToken)
	}
	return ""
}

func badRange[N int | ByteSize](n, least, most N) string {
	if n < least || n > most {
		return fmt.Sprintf("%v is out of range; it can be %v to %v", n, least, most)
	}
	return ""
}

func badRetention(d time.Duration) string {
	if d < minRetention {
		return fmt.Sprintf("%s is too short; keep things for %s at least", meshhook.Duration(d), meshhook.Duration(minRetention))
	}
	return ""
}
