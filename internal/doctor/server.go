package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// minServer is the oldest version that is known to work: identity of partitions, xid8
// and the rest are there from 13 on, and the tests run from 14 on.
const minServer = 140000

// Version judges the server's version.
func Version(s meshhook.ServerFacts) []Finding {
	if s.VersionNum < minServer {
		return []Finding{fail("upgrade Postgres to 14 or later", "Postgres %s is too old", s.Version)}
	}
	return []Finding{ok("Postgres %s", s.Version)}
}

// Role judges what the role may do.
func Role(s meshhook.ServerFacts) []Finding {
	var found []Finding
	switch {
	case s.Superuser:
		found = append(found, warn("CREATE ROLE meshhook LOGIN NOSUPERUSER; ALTER DATABASE … OWNER TO meshhook; and name that role in database_url",
			"the role %s is a superuser: Postgres does not keep projects apart for it", s.Role))
	case s.BypassRLS:
		found = append(found, warn("ALTER ROLE "+s.Role+" NOBYPASSRLS, or another role that owns the tables",
			"the role %s has BYPASSRLS: Postgres does not keep projects apart for it", s.Role))
	}
	if !s.MayCreate {
		found = append(found, fail("GRANT CREATE, USAGE ON SCHEMA public TO "+s.Role+", as the database's owner",
			"the role %s may not create tables, which a daemon does every week", s.Role))
	}
	if len(s.Foreign) > 0 {
		found = append(found, fail("ALTER TABLE … OWNER TO "+s.Role+", or name the owner's role in database_url",
			"the role %s does not own %s", s.Role, some(s.Foreign)))
	}
	return none(found, "the role %s owns what it needs, and is bound by row-level security", s.Role)
}

// Durability judges whether what was acknowledged survives a crash.
func Durability(s meshhook.ServerFacts) []Finding {
	var found []Finding
	if s.ReadOnly {
		found = append(found, fail("name the primary in database_url", "the server takes no writes: it is a standby, or default_transaction_read_only is on"))
	}
	for _, setting := range [][2]string{{"fsync", s.Fsync}, {"full_page_writes", s.FullPageWrites}} {
		if setting[1] == "off" {
			found = append(found, fail("ALTER SYSTEM SET "+setting[0]+" = on; SELECT pg_reload_conf()",
				"%s is off: a crash of the machine can destroy the database", setting[0]))
		}
	}
	if s.SynchronousCommit == "off" {
		found = append(found, fail("ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf()",
			"synchronous_commit is off: a crash of the server loses events that were acknowledged"))
	}
	return none(found, "what is acknowledged is on the disk")
}

// Connections judges whether the server takes as many as daemons open: their pools, and
// three each beside them that listen, ring and ask for keys.
func Connections(s meshhook.ServerFacts, pool, daemons int) []Finding {
	const beside = 3
	usable := s.MaxConnections - s.Reserved
	needed := max(daemons, 1) * (pool + beside)
	switch {
	case needed > usable:
		return []Finding{fail(fmt.Sprintf("set database.max_conns to %d or less, or raise max_connections of the server", max(usable/max(daemons, 1)-beside, 1)),
			"%s may open %d connections, and the server takes %d", count(max(daemons, 1), "daemon"), needed, usable)}
	case s.InUse+pool+beside > usable:
		return []Finding{warn("close what is idle (SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1), or raise max_connections",
			"%d of the server's %d connections are in use; another daemon may open %d", s.InUse, usable, pool+beside)}
	}
	return []Finding{ok("%d of the server's %d connections are in use; %s may open %d", s.InUse, usable, count(max(daemons, 1), "daemon"), needed)}
}

// Transport judges whether others on the network can read along.
func Transport(s meshhook.ServerFacts) []Finding {
	if s.Secure || s.Local {
		return []Finding{ok("nobody on the network can read along")}
	}
	return []Finding{warn("add sslmode=verify-full to database_url", "the connection to the database crosses the network unencrypted")}
}

// How far clocks may be apart: signatures of webhooks allow five minutes, ids and
// schedules should be right to the second.
const (
	clockWarn = 2 * time.Second
	clockFail = time.Minute
)

// Clock judges this machine's clock.
func Clock(c meshhook.ClockFacts) []Finding {
	off := max(c.Ahead, -c.Ahead) - c.Within
	way := "ahead of"
	if c.Ahead < 0 {
		way = "behind"
	}
	const remedy = "switch time synchronisation on, on both machines: timedatectl set-ntp true"
	switch {
	case off > clockFail:
		return []Finding{fail(remedy, "this machine's clock is %s %s the server's: signatures with a time may be refused", round(max(c.Ahead, -c.Ahead)), way)}
	case off > clockWarn:
		return []Finding{warn(remedy, "this machine's clock is %s %s the server's", round(max(c.Ahead, -c.Ahead)), way)}
	}
	return []Finding{ok("this machine's clock is that of the server, to %s", round(max(c.Within, time.Millisecond)))}
}

// Pooler judges whether a pooler stands in between that takes away what is needed.
func Pooler(p meshhook.PoolerFacts) []Finding {
	const remedy = "connect to Postgres itself, or to the pooler in session mode: pool_mode = session in PgBouncer, port 5432 instead of 6543 at Supabase"
	var found []Finding
	if !p.Prepared {
		found = append(found, fail(remedy, "prepared statements are lost between two transactions: a pooler in transaction mode stands in between"))
	}
	if !p.Heard {
		found = append(found, fail(remedy, "LISTEN hears no NOTIFY: a pooler in transaction mode stands in between, and everything waits for the next poll"))
	}
	if len(found) == 0 && p.Moved {
		found = append(found, warn(remedy, "one connection is served by several of the server's: what belongs to a session (advisory locks of migrations) is not kept"))
	}
	return none(found, "LISTEN, NOTIFY and prepared statements work")
}

// Migrations judges the schema.
func Migrations(m meshhook.MigrationFacts) []Finding {
	var found []Finding
	if len(m.Unknown) > 0 {
		found = append(found, fail("use the newer meshhook here, too: 'meshhook version'", "the database was migrated by a newer meshhook, to %d", m.Unknown[len(m.Unknown)-1]))
	}
	if n := len(m.Pending); n > 0 {
		found = append(found, fail("meshhook migrate up", "%s not applied: %s", count(n, "migration"), numbers(m.Pending)))
	}
	return none(found, "every migration is applied")
}

func numbers(list []int64) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = fmt.Sprint(n)
	}
	return some(words)
}

// some lists the first few of many.
func some(list []string) string {
	const few = 5
	if len(list) > few {
		return strings.Join(list[:few], ", ") + fmt.Sprintf(" and %d more", len(list)-few)
	}
	return strings.Join(list, ", ")
}

// count is a number and a noun in its number.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func round(d time.Duration) time.Duration {
	if d >= 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
