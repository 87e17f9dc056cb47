package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// session is an open database, seen from the project that the user chose.
type session struct {
	config  *config.Config
	db      *daemon.Database
	project *postgres.Tenant
}

// inProject opens the database, calls fn and closes the database again.
func (a *app) inProject(ctx context.Context, fn func(ctx context.Context, s *session) error) error {
	return a.withDatabase(ctx, daemon.OpenDatabase, func(ctx context.Context, s *session) error {
		project, err := s.db.Project(ctx, s.config.Project)
		if err != nil {
			return err
		}
		s.project = project.As(a.actor())
		return fn(ctx, s)
	})
}

type opener func(context.Context, *config.Config, daemon.OpenOptions) (*daemon.Database, error)

func (a *app) withDatabase(ctx context.Context, open opener, fn func(ctx context.Context, s *session) error) (err error) {
	c, err := a.loadConfig()
	if err != nil {
		return err
	}
	db, err := open(ctx, c, daemon.OpenOptions{Version: version, Log: a.commandLog()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(context.WithoutCancel(ctx))) }()
	s := &session{config: c, db: db}
	return s.meant(ctx, fn(ctx, s))
}

// loadConfig reads the configuration. Where it would be right but for the flags,
// the mistake is one of the command line.
func (a *app) loadConfig() (*config.Config, error) {
	o := a.Config
	o.File, o.Flags = a.configFile, a.flags
	c, err := config.Load(o)
	if err != nil {
		o.Flags = nil
		if _, otherwise := config.Load(o); otherwise == nil {
			return nil, usageError("%w", err)
		}
		return nil, err
	}
	for _, warning := range c.Warnings() {
		a.warn("%s", warning)
	}
	return c, nil
}

// commandLog is the log of a command that is no daemon: problems only, unless
// the user wants to see more. On a screen a line of it would tear that; what the user
// has to know comes as an error there.
func (a *app) commandLog() *slog.Logger {
	if a.screen {
		return slog.New(slog.DiscardHandler)
	}
	level := slog.LevelWarn
	switch {
	case a.verbose:
		level = slog.LevelDebug
	case a.quiet:
		level = slog.LevelError
	}
	return slog.New(a.textLog(level))
}

// daemonLog is the log that the configuration asks for.
func (a *app) daemonLog(c config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "log.level: %w", err)
	}
	switch {
	case a.verbose:
		level = slog.LevelDebug
	case a.quiet:
		level = max(level, slog.LevelWarn)
	}
	if c.Format == "text" || c.Format == "auto" && a.ErrTTY {
		return slog.New(a.textLog(level)), nil
	}
	return slog.New(slog.NewJSONHandler(a.Err, &slog.HandlerOptions{Level: level, ReplaceAttr: legible})), nil
}

// legible writes durations as they are written everywhere else: 1m30s, and not as
// a number of nanoseconds.
func legible(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindDuration {
		attr.Value = slog.StringValue(attr.Value.Duration().Round(time.Microsecond).String())
	}
	return attr
}

func (a *app) textLog(level slog.Level) slog.Handler {
	return tint.NewTextHandler(a.Err, &tint.Options{Level: level, TimeFormat: "15:04:05.000", NoColor: !a.colored(a.ErrTTY)})
}

// judging is how stored events are judged, as this installation's daemons do.
func (s *session) judging() ingress.Options { return daemon.Judging(s.config, s.fetch) }

// fetch gets the keys of signatures, by a client that lives as long as the call:
// few events need any.
func (s *session) fetch(ctx context.Context, url string, body []byte) ([]byte, error) {
	client, err := egress.New(egress.Options{Allow: s.config.Network.Allow, UserAgent: "meshhook/" + version})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Fetch(ctx, url, body)
}
