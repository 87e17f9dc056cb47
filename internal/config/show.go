package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Setting is one key as `config show` prints it.
type Setting struct {
	Key string `json:"key" yaml:"key"`
	// Value is as it would stand in the environment, with secrets masked.
	Value  string `json:"value" yaml:"value"`
	Origin Origin `json:"origin" yaml:"origin"`
}

// Show returns every key in the order of Keys.
func (c *Config) Show() []Setting {
	places := fields(c)
	settings := make([]Setting, 0, len(places))
	for _, key := range Keys() {
		text := show(places[key.Name].Interface())
		settings = append(settings, Setting{key.Name, maskValue(key.Name, text), c.origins[key.Name]})
	}
	return settings
}

func show(v any) string {
	switch v := v.(type) {
	case meshhook.Secret:
		return v.Reveal() // for maskValue
	case time.Duration:
		return meshhook.Duration(v).String()
	case []string:
		return strings.Join(v, ",")
	case []netip.Prefix:
		texts := make([]string, 0, len(v))
		for _, network := range v {
			texts = append(texts, network.String())
		}
		return strings.Join(texts, ",")
	default:
		return fmt.Sprint(v)
	}
}

// maskValue hides what is secret in a key's value.
func maskValue(key, text string) string {
	switch {
	case text == "":
		return ""
	case isSecret(key):
		return meshhook.Mask
	case key == "database_url":
		return maskDSN(text)
	default:
		return text
	}
}

// maskDSN hides the passwords in a DSN. It would rather hide too much: what it
// does not understand, it hides whole.
func maskDSN(dsn string) string {
	switch {
	case isURL(dsn):
		return maskURL(dsn)
	case strings.Contains(dsn, "=") && !strings.Contains(dsn, "://"):
		return maskKeywords(dsn)
	default:
		return meshhook.Mask
	}
}

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// maskURL goes by the text, not by net/url, because the password of a URL that
// somebody wrote by hand may well hold a / or a ? that should have been escaped.
// So the last @ ends the password, wherever it stands.
func maskURL(dsn string) string {
	scheme, rest, _ := strings.Cut(dsn, "://")
	rest, query, asked := strings.Cut(rest, "?")
	if asked {
		rest += "?" + maskQuery(query)
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		if user, _, has := strings.Cut(rest[:at], ":"); has {
			rest = user + ":" + meshhook.Mask + rest[at:]
		}
	}
	return scheme + "://" + rest
}

// maskQuery hides the parameters of a URL that are passwords.
func maskQuery(query string) string {
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		name, _, _ := strings.Cut(parameter, "=")
		if plain, err := url.QueryUnescape(name); err != nil || isPassword(plain) {
			parameters[i] = name + "=" + meshhook.Mask
		}
	}
	return strings.Join(parameters, "&")
}

// isPassword tells libpq's password and sslpassword.
func isPassword(name string) bool { return strings.Contains(strings.ToLower(name), "password") }

// keywordPassword finds a password among keywords, libpq's way: the value ends at
// white space, or else at the closing quote; a backslash escapes; spaces may
// stand around the sign.
var keywordPassword = regexp.MustCompile(`(?is)(password\s*=\s*)(?:'(?:[^'\\]|\\.)*(?:'|$)|(?:[^\s\\]|\\.)+)`)

func maskKeywords(dsn string) string {
	return keywordPassword.ReplaceAllString(dsn, "${1}"+meshhook.Mask)
}
