package doctor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/doctor"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// good is a server as it should be.
func good(changes ...func(*meshhook.ServerFacts)) meshhook.ServerFacts {
	s := meshhook.ServerFacts{
		Version: "16.2", VersionNum: 160002, Role: "meshhook", MayCreate: true, Fsync: "on", FullPageWrites: "on", SynchronousCommit: "on",
		Autovacuum: true, MaxConnections: 100, Reserved: 3, InUse: 20, Local: true,
	}
	for _, change := range changes {
		change(&s)
	}
	return s
}

// at is a moment that many seconds before now.
func at(now time.Time, seconds int) *time.Time {
	t := now.Add(-time.Duration(seconds) * time.Second)
	return &t
}

func TestJudgements(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	server := func(change func(*meshhook.ServerFacts)) meshhook.ServerFacts { return good(change) }
	d := func(seen int, version string, ahead int64) meshhook.Daemon {
		return meshhook.Daemon{Host: "alpha", PID: 7, Version: version, SeenAt: *at(now, seen), ClockAheadMS: ahead}
	}
	for name, test := range map[string]struct {
		found []doctor.Finding
		want  []string // level: a piece of the text or the remedy
	}{
		"version":                 {doctor.Version(good()), []string{"ok: 16.2"}},
		"old version":             {doctor.Version(server(func(s *meshhook.ServerFacts) { s.VersionNum = 130010 })), []string{"fail: too old"}},
		"role":                    {doctor.Role(good()), []string{"ok: bound by row-level security"}},
		"superuser":               {doctor.Role(server(func(s *meshhook.ServerFacts) { s.Superuser, s.BypassRLS = true, true })), []string{"warn: is a superuser"}},
		"bypass":                  {doctor.Role(server(func(s *meshhook.ServerFacts) { s.BypassRLS = true })), []string{"warn: NOBYPASSRLS"}},
		"a weak role":             {doctor.Role(server(func(s *meshhook.ServerFacts) { s.MayCreate, s.Foreign = false, []string{"events"} })), []string{"fail: GRANT CREATE", "fail: does not own events"}},
		"durable":                 {doctor.Durability(good()), []string{"ok: on the disk"}},
		"not durable":             {doctor.Durability(server(func(s *meshhook.ServerFacts) { s.Fsync, s.FullPageWrites, s.SynchronousCommit = "off", "off", "off" })), []string{"fail: fsync", "fail: full_page_writes", "fail: synchronous_commit"}},
		"a standby":               {doctor.Durability(server(func(s *meshhook.ServerFacts) { s.ReadOnly = true })), []string{"fail: primary"}},
		"connections":             {doctor.Connections(good(), 16, 2), []string{"ok: 2 daemons may open 38"}},
		"too few":                 {doctor.Connections(good(), 60, 2), []string{"fail: set database.max_conns to 45"}},
		"nearly too few":          {doctor.Connections(server(func(s *meshhook.ServerFacts) { s.InUse = 90 }), 16, 0), []string{"warn: 90 of the server's 97"}},
		"transport":               {doctor.Transport(good()), []string{"ok: read along"}},
		"in the clear":            {doctor.Transport(server(func(s *meshhook.ServerFacts) { s.Local = false })), []string{"warn: sslmode=verify-full"}},
		"TLS":                     {doctor.Transport(server(func(s *meshhook.ServerFacts) { s.Local, s.Secure = false, true })), []string{"ok: read along"}},
		"clock":                   {doctor.Clock(meshhook.ClockFacts{Ahead: time.Millisecond, Within: 2 * time.Millisecond}), []string{"ok: to 2ms"}},
		"a far clock":             {doctor.Clock(meshhook.ClockFacts{Ahead: -5 * time.Second, Within: time.Second}), []string{"warn: 5s behind"}},
		"a wrong clock":           {doctor.Clock(meshhook.ClockFacts{Ahead: 90 * time.Second}), []string{"fail: 1m30s ahead of"}},
		"a slow way":              {doctor.Clock(meshhook.ClockFacts{Ahead: 3 * time.Second, Within: 2 * time.Second}), []string{"ok: to 2s"}},
		"no pooler":               {doctor.Pooler(meshhook.PoolerFacts{Heard: true, Prepared: true}), []string{"ok: LISTEN"}},
		"a pooler":                {doctor.Pooler(meshhook.PoolerFacts{Moved: true}), []string{"fail: prepared statements", "fail: LISTEN"}},
		"a kind pooler":           {doctor.Pooler(meshhook.PoolerFacts{Heard: true, Prepared: true, Moved: true}), []string{"warn: advisory locks"}},
		"migrated":                {doctor.Migrations(meshhook.MigrationFacts{}), []string{"ok: every migration"}},
		"not migrated":            {doctor.Migrations(meshhook.MigrationFacts{Pending: []int64{1, 2, 3, 4, 5, 6}}), []string{"fail: 6 migrations not applied: 1, 2, 3, 4, 5 and 1 more"}},
		"migrated by a newer one": {doctor.Migrations(meshhook.MigrationFacts{Unknown: []int64{9}}), []string{"fail: newer meshhook, to 9"}},

		"partitions":    {doctor.Partitions(meshhook.PartitionFacts{Default: map[string]int64{"events": 0}}), []string{"ok: are there"}},
		"no partitions": {doctor.Partitions(meshhook.PartitionFacts{Missing: []string{"events_20261207"}, Bare: []string{"runs_20261130"}, Default: map[string]int64{"runs": 3}}), []string{"warn: 1 partition of", "fail: CALL isolate('runs_20261130')", "warn: about 3 rows of runs"}},
		"no runs":       {doctor.Runs(meshhook.QueueFacts{Now: now}), []string{"ok: no run waits"}},
		"runs":          {doctor.Runs(meshhook.QueueFacts{Now: now, ReadyRuns: 3, OldestRun: at(now, 5)}), []string{"ok: 3 runs wait"}},
		"old runs":      {doctor.Runs(meshhook.QueueFacts{Now: now, ReadyRuns: 3, OldestRun: at(now, 90)}), []string{"warn: engine.concurrency"}},
		"very old runs": {doctor.Runs(meshhook.QueueFacts{Now: now, ReadyRuns: 3, OldestRun: at(now, 900)}), []string{"fail: for 15m0s"}},
		"unheard":       {doctor.Deliveries(meshhook.QueueFacts{Now: now, Unheard: 2}), []string{"ok: no alert waits", "fail: redeliver --exhausted"}},
		"circuits":      {doctor.Circuits(meshhook.QueueFacts{}), []string{"ok: closed"}},
		"open circuits": {doctor.Circuits(meshhook.QueueFacts{OpenCircuits: 2}), []string{"warn: 2 hosts not called"}},
		"webhooks":      {doctor.Webhooks(meshhook.QueueFacts{}), []string{"ok: verifies"}},
		"unverified":    {doctor.Webhooks(meshhook.QueueFacts{Unverified: []string{"a"}}), []string{"warn: 1 webhook without verification: a"}},

		"daemons":          {doctor.Daemons([]meshhook.Daemon{d(1, "1", 0), d(2, "1", 3)}, "1", now), []string{"ok: 2 daemons of version 1"}},
		"no daemon":        {doctor.Daemons(nil, "1", now), []string{"warn: meshhook daemon"}},
		"a dead daemon":    {doctor.Daemons([]meshhook.Daemon{d(60, "1", 0)}, "1", now), []string{"warn: no daemon serves", "warn: did not say goodbye"}},
		"versions":         {doctor.Daemons([]meshhook.Daemon{d(1, "2", 0), d(1, "1", 0)}, "1", now), []string{"warn: different versions serve: 1, 2"}},
		"another version":  {doctor.Daemons([]meshhook.Daemon{d(1, "2", 0)}, "1", now), []string{"warn: this meshhook is 1"}},
		"a daemon's clock": {doctor.Daemons([]meshhook.Daemon{d(1, "1", -9000)}, "1", now), []string{"ok: 1 daemon", "warn: is 9s from"}},

		"vacuum": {doctor.Vacuum(good(), meshhook.VacuumFacts{
			Holders: []meshhook.VacuumHolder{{Kind: "transaction", Name: "1", For: 2 * time.Minute}}, Dead: []meshhook.DeadRows{{Table: "runs", Live: 10, Dead: 9}},
		}), []string{"ok: nothing holds"}},
		"no vacuum": {doctor.Vacuum(server(func(s *meshhook.ServerFacts) { s.Autovacuum = false }), meshhook.VacuumFacts{
			Holders: []meshhook.VacuumHolder{
				{Kind: "transaction", Name: "77", For: time.Hour, By: "ann, psql"}, {Kind: "prepared", Name: "x", For: time.Hour}, {Kind: "slot", Name: "old"},
			},
			Dead: []meshhook.DeadRows{{Table: "runs", Live: 10, Dead: 200_000}}, XIDAge: 1_500_000_000,
		}), []string{"fail: autovacuum = on", "warn: pg_terminate_backend(77)", "warn: ROLLBACK PREPARED", "warn: pg_drop_replication_slot('old')", "warn: VACUUM runs", "fail: FREEZE"}},

		"disk":          {doctor.Disk(doctor.DiskFacts{Path: "/d", Free: 50 << 30, Total: 100 << 30}), []string{"ok: 50 GiB of 100 GiB free at /d"}},
		"a large disk":  {doctor.Disk(doctor.DiskFacts{Path: "/d", Free: 50 << 30, Total: 2 << 40}), []string{"ok: 50 GiB of 2 TiB"}},
		"a full disk":   {doctor.Disk(doctor.DiskFacts{Path: "/d", Free: 500, Total: 100 << 30}), []string{"fail: only 500 B"}},
		"a filling one": {doctor.Disk(doctor.DiskFacts{Path: "/d", Free: 4 << 30, Total: 100 << 30}), []string{"warn: retention.events"}},

		"a free port":      {doctor.Port(doctor.PortFacts{Key: "listen", Address: ":80"}), []string{"ok: listen :80 is free"}},
		"our port":         {doctor.Port(doctor.PortFacts{Key: "listen", Address: ":80", Err: errors.New("x"), InUse: true, Ours: true, PID: 3}), []string{"ok: the daemon with pid 3"}},
		"a taken port":     {doctor.Port(doctor.PortFacts{Key: "listen", Address: ":80", Err: errors.New("x"), InUse: true, PID: 3, Program: "nginx"}), []string{"fail: nginx (pid 3)"}},
		"a socket unit":    {doctor.Port(doctor.PortFacts{Key: "listen", Address: ":80", Err: errors.New("x"), InUse: true, PID: 1, Program: "systemd"}), []string{"warn: systemctl list-sockets"}},
		"a port of others": {doctor.Port(doctor.PortFacts{Key: "listen", Address: ":80", Err: errors.New("x"), InUse: true}), []string{"warn: ss -ltnp"}},
		"a forbidden port": {doctor.Port(doctor.PortFacts{Key: "listen", Address: ":80", Err: errors.New("permission denied")}), []string{"fail: CAP_NET_BIND_SERVICE"}},

		"ACME":                 {doctor.ACME("a.example", now.AddDate(0, 0, 60), now), []string{"ok: ends on 2027-01-25"}},
		"ACME, none":           {doctor.ACME("a.example", time.Time{}, now), []string{"warn: no certificate was fetched"}},
		"ACME, soon":           {doctor.ACME("a.example", now.AddDate(0, 0, 10), now), []string{"warn: was not renewed"}},
		"ACME, ended":          {doctor.ACME("a.example", now.AddDate(0, 0, -1), now), []string{"fail: was not renewed"}},
		"a certificate":        {doctor.Certificate("c.pem", now.AddDate(0, 0, 60), now), []string{"ok: in 60 days"}},
		"an old certificate":   {doctor.Certificate("c.pem", now.AddDate(0, 0, 10), now), []string{"warn: ends on 2026-12-06"}},
		"an ended one, nearly": {doctor.Certificate("c.pem", now.AddDate(0, 0, 1), now), []string{"fail: renew it"}},
	} {
		require.Len(t, test.found, len(test.want), name)
		for i, f := range test.found {
			level, piece := test.want[i][:len(string(f.Level))], test.want[i][len(string(f.Level))+2:]
			require.Equal(t, string(f.Level), level, "%s: %+v", name, f)
			require.Contains(t, f.Text+" "+f.Remedy, piece, name)
			require.Equal(t, f.Level == doctor.OK, f.Remedy == "", "%s: what is not right has a remedy, and nothing else has", name)
		}
	}
}

// The checks run side by side and keep their order; the slow one is left behind.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		found := doctor.Run(t.Context(), 8*time.Second, []doctor.Check{
			{Name: "deaf", Run: func(context.Context) ([]doctor.Finding, error) { <-hang; return nil, nil }},
			{Name: "slow", Unknown: doctor.Fail, Run: func(ctx context.Context) ([]doctor.Finding, error) { <-ctx.Done(); return nil, ctx.Err() }},
			{Name: "good", Run: func(context.Context) ([]doctor.Finding, error) {
				return []doctor.Finding{{Level: doctor.OK, Text: "fine"}, {Level: doctor.OK, Text: "too"}}, nil
			}},
			{Name: "bad", Run: func(context.Context) ([]doctor.Finding, error) { return nil, errors.New("no such table") }},
		})
		close(hang)
		require.Equal(t, []doctor.Finding{
			{Check: "deaf", Level: doctor.Warn, Text: "no answer within 8s", Remedy: found[0].Remedy},
			{Check: "slow", Level: doctor.Fail, Text: "no answer within 8s", Remedy: found[0].Remedy},
			{Check: "good", Level: doctor.OK, Text: "fine"},
			{Check: "good", Level: doctor.OK, Text: "too"},
			{Check: "bad", Level: doctor.Warn, Text: "it could not be told: no such table"},
		}, found)
		require.True(t, doctor.Failed(found))
		require.False(t, doctor.Failed(found[2:]))
	})
}
