package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/doctor"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

const (
	// checkTime bounds each check, and connectTime the way to the database, which may
	// have to be started.
	checkTime   = 8 * time.Second
	connectTime = 30 * time.Second
)

func newDoctorCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Find what is wrong with an installation, and say what to do",
		Long: `Find what is wrong with an installation, and say what to do: configuration, database, role,
migrations, keys, clock, disk, ports, poolers in between, queues, daemons, certificates. It changes
nothing, needs no daemon, and says what it can where there is no database.

The exit code is 0 where nothing fails, 1 where something does, 5 where the database cannot be
reached. Each finding is a line of level (ok, warn, fail), check, text and remedy.`,
		Example: "  meshhook doctor\n  meshhook doctor -o json",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), a) },
	}
}

func runDoctor(ctx context.Context, a *app) error {
	o := a.Config
	o.File, o.Flags = a.configFile, a.flags
	c, err := config.Load(o)
	if err != nil {
		// Without a configuration nothing else can be looked at.
		finding := doctor.Finding{Check: "configuration", Level: doctor.Fail, Text: err.Error(), Remedy: "mend it; 'meshhook config show' prints the result"}
		return a.printFindings([]doctor.Finding{finding}, nil)
	}
	e := &examination{app: a, config: c}
	unreachable := e.open(ctx)
	findings := append(e.configured(), unreachable.findings...)
	checks := e.machine()
	if e.db != nil {
		defer func() { _ = e.db.Close(context.WithoutCancel(ctx)) }() // there is nothing to lose
		checks = append(e.installation(), checks...)
	}
	findings = append(findings, doctor.Run(ctx, checkTime, checks)...)
	return a.printFindings(findings, unreachable.err)
}

// examination is one 'meshhook doctor' under way.
type examination struct {
	app     *app
	config  *config.Config
	db      *daemon.Database
	server  meshhook.ServerFacts
	daemons []meshhook.Daemon
	// current tells that the schema is that of this binary, so that tables can be read.
	current bool
}

// opening is what came of the way to the database.
type opening struct {
	findings []doctor.Finding
	err      error // ends the command, when all else has been said
}

// open opens the database as it is: nothing is made, migrated or sealed.
func (e *examination) open(ctx context.Context) opening {
	private := filepath.Join(e.config.DataDir, "postgres")
	if _, err := os.Stat(filepath.Join(private, "data", "PG_VERSION")); e.config.DatabaseURL.IsZero() && err != nil {
		return opening{findings: []doctor.Finding{{
			Check: "database", Level: doctor.Warn,
			Text: "there is none yet: database_url is empty, and there is no private cluster in " + private, Remedy: "meshhook daemon, which makes one; or set database_url",
		}}}
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	log := slog.New(slog.DiscardHandler)
	if e.app.verbose {
		log = e.app.commandLog()
	}
	db, err := daemon.OpenUnmigrated(ctx, e.config, daemon.OpenOptions{Version: version, Log: log})
	if err == nil {
		if e.server, err = db.Server(ctx); err != nil {
			_ = db.Close(context.WithoutCancel(ctx)) // the first error tells more
		}
	}
	if err != nil {
		return opening{err: err, findings: []doctor.Finding{{
			Check: "database", Level: doctor.Fail, Text: oneLine(err), Remedy: "mend database_url (" + string(e.config.Origin("database_url")) + "), or what it leads to",
		}}}
	}
	e.db = db
	// Of an older schema, nothing is known of daemons.
	e.daemons, _ = db.Daemons(ctx, 24*time.Hour)
	facts, err := db.MigrationFacts(ctx)
	e.current = err == nil && len(facts.Pending) == 0
	return opening{findings: []doctor.Finding{{Check: "database", Level: doctor.OK, Text: "the database answers, as " + e.server.Role}}}
}

// configured says what is strange in the configuration.
func (e *examination) configured() []doctor.Finding {
	var found []doctor.Finding
	for _, text := range e.config.Warnings() {
		what, remedy, _ := strings.Cut(text, "; ")
		found = append(found, doctor.Finding{Check: "configuration", Level: doctor.Warn, Text: what, Remedy: remedy})
	}
	if len(found) > 0 {
		return found
	}
	from := "the environment and defaults; there is no file"
	if file := e.config.File(); file != "" {
		from = file
	}
	return []doctor.Finding{{Check: "configuration", Level: doctor.OK, Text: "read from " + from}}
}

// printFindings prints them, and returns what the command ends with.
func (a *app) printFindings(findings []doctor.Finding, unreachable error) error {
	err := a.print(findings, func(w io.Writer) error { return a.writeFindings(w, findings) })
	switch {
	case err != nil:
		return err
	case unreachable != nil:
		return unreachable
	case doctor.Failed(findings):
		return errSaid
	}
	return nil
}

// tones are how the levels are shown.
var tones = map[doctor.Level]tail.Tone{doctor.OK: tail.Good, doctor.Warn: tail.Warn, doctor.Fail: tail.Bad}

// writeFindings writes a line for each finding; on a terminal its remedy stands below.
func (a *app) writeFindings(w io.Writer, findings []doctor.Finding) error {
	if !a.aligned() {
		t := &table{}
		for _, f := range findings {
			t.add(string(f.Level), f.Check, f.Text, f.Remedy)
		}
		return a.writeTable(w, t)
	}
	var b strings.Builder
	for _, f := range findings {
		level := a.paint(fmt.Sprintf("%-4s", f.Level), tones[f.Level])
		fmt.Fprintf(&b, "%s  %-13s %s\n", level, f.Check, tail.Clean(f.Text))
		if f.Remedy != "" {
			fmt.Fprintf(&b, "%20s→ %s\n", "", tail.Clean(f.Remedy))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
