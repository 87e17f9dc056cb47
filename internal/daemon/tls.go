package daemon

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/certs"
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/loop"
)

const (
	// certificatePoll is how often the files of the certificate are looked at.
	certificatePoll = 5 * time.Second
	// fetchPoll is how often it is looked whether every domain has its certificate.
	fetchPoll = 12 * time.Hour
)

// fetching is slow: authorities count failures, and lock out who has many.
var fetching = backoff.Policy{Initial: 5 * time.Minute, Max: 6 * time.Hour, Multiplier: 3, Jitter: 0.2}

// ACMEDir is where the certificates are kept that were fetched by ACME.
func ACMEDir(c *config.Config) string { return filepath.Join(c.DataDir, "acme") }

// certify opens the certificate that the configuration asks for.
func (d *Daemon) certify(ctx context.Context) (err error) {
	switch c := d.config.TLS; {
	case c.CertFile != "":
		d.files, err = certs.Open(c.CertFile, c.KeyFile)
		if err == nil {
			d.metrics.watchCertificate(d.files.Expires)
		}
		return err
	case len(c.ACME.Domains) > 0:
		d.acme, err = certs.NewACME(certs.ACMEOptions{
			Domains: c.ACME.Domains, Email: c.ACME.Email, DirectoryURL: c.ACME.DirectoryURL, Dir: ACMEDir(d.config),
		})
		if err == nil && c.ACME.HTTPListen != "none" {
			err = d.listen(ctx, roleACME, c.ACME.HTTPListen)
		}
		return err
	}
	return nil
}

// tlsConfig is that of the public listener; nil where it speaks plain HTTP. HTTP/2
// is spoken over TLS only.
func (d *Daemon) tlsConfig() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	switch {
	case d.files != nil:
		c.GetCertificate = d.files.Certificate
	case d.acme != nil:
		c.GetCertificate = d.acme.Certificate
		c.NextProtos = append(c.NextProtos, certs.ALPN)
	default:
		return nil
	}
	return c
}

// certificateLoops renew the certificate of the public listener.
func (d *Daemon) certificateLoops() []*loop.Loop {
	switch {
	case d.files != nil:
		return []*loop.Loop{{Name: "certificate", Bell: d.hangup.C(), Every: certificatePoll, Work: d.files.Reload}}
	case d.acme != nil:
		return []*loop.Loop{{Name: "certificates", Every: fetchPoll, Work: d.acme.Fetch, Backoff: fetching}}
	}
	return nil
}
