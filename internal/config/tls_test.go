package config_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTLS(t *testing.T) {
	w := newWorld(t)
	require.False(t, w.load().TLS.IsOn())

	w.options.Env = []string{"MESHHOOK_TLS_CERT_FILE=tls/cert.pem", "MESHHOOK_TLS_KEY_FILE=~/key.pem"}
	c := w.load()
	require.True(t, c.TLS.IsOn())
	require.Equal(t, filepath.Join(w.options.Dir, "tls/cert.pem"), c.TLS.CertFile)
	require.Equal(t, filepath.Join(w.options.Home, "key.pem"), c.TLS.KeyFile)

	w.options.Env = append(w.options.Env, "MESHHOOK_TLS_ACME_DOMAINS=hooks.example.com", "MESHHOOK_TLS_ACME_ACCEPT_TERMS=true")
	require.Equal(t, "tls.acme.domains (environment MESHHOOK_TLS_ACME_DOMAINS): there is a tls.cert_file too; use the one or the other", w.refuses())
	w.options.Env = w.options.Env[2:]
	require.True(t, w.load().TLS.IsOn())
	w.options.Env = w.options.Env[:1]
	require.Equal(t, "tls.acme.accept_terms (default): certificates are fetched only once you agree to the terms of service of the authority; "+
		"read them and set it to true", w.refuses())
	w.options.Env = []string{"MESHHOOK_TLS_CERT_FILE=cert.pem"}
	require.Equal(t, "tls.key_file (default): it is empty, but tls.cert_file is set; name the certificate's private key", w.refuses())

	// A list of names in a file is one too.
	w.options.Env = nil
	w.file("work/meshhook.yaml", "tls:\n  acme:\n    domains: [a.example.com, b.example.com]\n    accept_terms: true\n    http_listen: none\n")
	require.Equal(t, []string{"a.example.com", "b.example.com"}, w.load().TLS.ACME.Domains)
	require.Equal(t, "none", w.load().TLS.ACME.HTTPListen)
}
