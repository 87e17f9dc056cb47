package config_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
)

func TestShow_MasksPasswords(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                         "",
		"postgres://db/x":          "postgres://db/x",
		"postgres://ada@db:5432/x": "postgres://ada@db:5432/x",
		"postgres://ada:hunter2@db:5432/x?sslmode=require": "postgres://ada:••••••@db:5432/x?sslmode=require",
		"postgresql://ada:hunter2@a:1,b:2/x":               "postgresql://ada:••••••@a:1,b:2/x",
		"postgres://ada:@db/x":                             "postgres://ada:••••••@db/x",
		"postgres://ada:hun/t@e?r2@db/x":                   "postgres://ada:••••••@db/x",
		"postgres://ada:1/hunter2@db/x":                    "postgres://ada:••••••@db/x",
		"postgres://db/x?user=ada&password=hunter2":        "postgres://db/x?user=ada&password=••••••",
		"postgres://db/x?sslpassword=hunter2&a=b":          "postgres://db/x?sslpassword=••••••&a=b",
		"postgres://db/x?pass%77ord=hunter2":               "postgres://db/x?pass%77ord=••••••",
		"postgres://db/x?%zz=hunter2":                      "postgres://db/x?%zz=••••••",
		"postgres://db/x?password=hunter2&user=ada@corp":   "postgres://db/x?password=••••••&user=ada@corp",
		"host=db password=hunter2 user=ada":                "host=db password=•••••• user=ada",
		"host=db PASSWORD = 'hunter2 \\' hunter2' user=a":  "host=db PASSWORD = •••••• user=a",
		"password='hunter2 hunter2":                        "password=••••••",
		"password=hun\\ ter2\\\\ sslpassword=hunter2":      "password=•••••• sslpassword=••••••",
		"host=db user=ada":                                 "host=db user=ada",
		"hunter2":                                          "••••••",
		"mysql://u:hunter2@db?x=y":                         "••••••",
	} {
		require.Equal(t, want, config.Mask(dsn), dsn)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("postgres://ada:", "@db/x")
	f.Add("host=db password=", " user=ada")
	f.Add("postgres://db/x?password=", "&a=b")
	f.Fuzz(func(t *testing.T, before, after string) {
		// Where a password can stand, it does not come through, whatever is around it.
		const password = "hunter2"
		if strings.Contains(before+after, password) {
			return
		}
		for _, dsn := range []string{
			"postgres://" + onlyWords(before) + ":" + password + "@" + after,
			"postgres://db/x?" + onlyWords(before) + "&password=" + password + after,
			"host=" + onlyWords(before) + " password=" + password + " " + after,
			"password='" + before + password + "'",
		} {
			if strings.Contains(before, "'") && strings.HasPrefix(dsn, "password='") {
				continue // it ends the password
			}
			require.NotContains(t, config.Mask(dsn), password, dsn)
		}
	})
}

// onlyWords drops what has a meaning in a DSN.
func onlyWords(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("=?&:@/'\\% \t\n\v\f\r", r) {
			return -1
		}
		return r
	}, text)
}

func TestShow_AndEverythingElseHidesSecrets(t *testing.T) {
	w := newWorld(t)
	w.options.Env = []string{"MESHHOOK_MASTER_KEY=hunter2", "MESHHOOK_METRICS_TOKEN=hunter2-hunter2-hunter2", "MESHHOOK_DATABASE_URL=postgres://ada:hunter2@db/x"}
	c := w.load()
	require.Equal(t, "hunter2", c.MasterKey.Reveal())
	require.Equal(t, []string{
		"database_url=postgres://ada:••••••@db/x (environment MESHHOOK_DATABASE_URL)",
		"master_key=•••••• (environment MESHHOOK_MASTER_KEY)",
		"metrics_token=•••••• (environment MESHHOOK_METRICS_TOKEN)",
	}, settings(c))

	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v", c, *c, *c)
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", "config", c)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "config", c)
	require.NotContains(t, out.String(), "hunter2")
}
