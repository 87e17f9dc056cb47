package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Partitions judges whether rows of the next days have a place.
func Partitions(p meshhook.PartitionFacts) []Finding {
	var found []Finding
	const remedy = "start a daemon, which makes them within the hour, or run 'meshhook migrate up'"
	if len(p.Missing) > 0 {
		found = append(found, warn(remedy, "%s of the next days not made: %s", count(len(p.Missing), "partition"), some(p.Missing)))
	}
	for _, name := range p.Bare {
		found = append(found, fail("CALL isolate('"+name+"'), as the database's owner", "%s lacks the policy of its table: a backup by pg_dump may lack its rows", name))
	}
	for _, table := range slices.Sorted(maps.Keys(p.Default)) {
		if n := p.Default[table]; n > 0 {
			found = append(found, warn(remedy+"; what lies there moves along", "about %d rows of %s lie in its default partition, which retention does not drop", n, table))
		}
	}
	return none(found, "the partitions of the next days are there")
}

// How long things may wait before somebody should look.
const (
	waitsLong    = time.Minute
	waitsTooLong = 10 * time.Minute
)

// Runs judges the queue of runs.
func Runs(q meshhook.QueueFacts) []Finding {
	return queue("run", "is ready and not taken up", "start more daemons, or raise engine.concurrency; 'meshhook run list --status queued' shows them", q.ReadyRuns, q.OldestRun, q.Now)
}

// Deliveries judges the queue of alerts.
func Deliveries(q meshhook.QueueFacts) []Finding {
	found := queue("alert", "is due and not sent", "see 'meshhook alerts deliveries --status pending' and the daemon's log", q.Deliveries, q.OldestDelivery, q.Now)
	if q.Unheard > 0 {
		found = append(found, fail("meshhook alerts deliveries --status exhausted; then 'meshhook alerts redeliver --exhausted'",
			"%d alerts about alerts could not be delivered in 24 hours: nobody was told", q.Unheard))
	}
	return found
}

func queue(noun, state, remedy string, n int64, oldest *time.Time, now time.Time) []Finding {
	if oldest == nil {
		return []Finding{ok("no %s waits", noun)}
	}
	wait := now.Sub(*oldest)
	text := fmt.Sprintf("%d %ss wait; the oldest %s for %s", n, noun, state, round(max(wait, 0)))
	switch {
	case wait > waitsTooLong:
		return []Finding{fail(remedy, "%s", text)}
	case wait > waitsLong:
		return []Finding{warn(remedy, "%s", text)}
	}
	return []Finding{ok("%s", text)}
}

// Circuits judges which hosts are not called.
func Circuits(q meshhook.QueueFacts) []Finding {
	if q.OpenCircuits > 0 {
		return []Finding{warn("meshhook status lists them; they close by themselves when the host answers again", "%s not called for now, for having failed", count(int(q.OpenCircuits), "host"))}
	}
	return []Finding{ok("every circuit is closed")}
}

// Webhooks judges which take anything from anybody.
func Webhooks(q meshhook.QueueFacts) []Finding {
	if len(q.Unverified) > 0 {
		return []Finding{warn("meshhook webhook update PATH --verify SCHEME, or --allow-ip and --rate-limit", "%s without verification: %s", count(len(q.Unverified), "webhook"), some(q.Unverified))}
	}
	return []Finding{ok("every enabled webhook verifies its requests")}
}

// daemonSilent is how long a daemon may be silent before it is taken for dead, and
// daemonClock how far its clock may be from the server's.
const (
	daemonSilent = 15 * time.Second
	daemonClock  = 5 * time.Second
)

// Daemons judges those that were seen in the last day. mine is the version of the binary
// that asks, now the server's time.
func Daemons(list []meshhook.Daemon, mine string, now time.Time) []Finding {
	var found, problems []Finding
	versions := map[string]bool{}
	live := 0
	for _, d := range list {
		who := fmt.Sprintf("the daemon on %s (pid %d)", d.Host, d.PID)
		if silent := now.Sub(d.SeenAt); silent > daemonSilent {
			problems = append(problems, warn("see its log: it was killed, or cannot reach the database", "%s was last seen %s ago and did not say goodbye", who, round(silent)))
			continue
		}
		live++
		versions[d.Version] = true
		if ahead := time.Duration(d.ClockAheadMS) * time.Millisecond; max(ahead, -ahead) > daemonClock {
			problems = append(problems, warn("timedatectl set-ntp true, on that machine", "the clock of %s is %s from the server's", who, round(max(ahead, -ahead))))
		}
	}
	switch others := slices.Sorted(maps.Keys(versions)); {
	case live == 0:
		found = append(found, warn("meshhook daemon", "no daemon serves: nothing is taken in, run or sent"))
	case len(others) > 1:
		found = append(found, warn("upgrade all to the same one", "daemons of different versions serve: %s", strings.Join(others, ", ")))
	case others[0] != mine:
		found = append(found, warn("upgrade whichever is older", "serving: %s of version %s, and this meshhook is %s", count(live, "daemon"), others[0], mine))
	default:
		found = append(found, ok("serving: %s of version %s", count(live, "daemon"), mine))
	}
	return append(found, problems...)
}

// The limits of what vacuum leaves.
const (
	deadRows    = 100_000
	deadShare   = 0.5
	holdsVacuum = 10 * time.Minute
	xidWarn     = 1_000_000_000
)

// Vacuum judges whether dead rows are cleaned up.
func Vacuum(s meshhook.ServerFacts, v meshhook.VacuumFacts) []Finding {
	var found []Finding
	if !s.Autovacuum {
		found = append(found, fail("ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()", "autovacuum is off: tables grow without end"))
	}
	for _, h := range v.Holders {
		if h.For > 0 && h.For < holdsVacuum {
			continue
		}
		since := ""
		if h.For > 0 {
			since = " for " + h.For.Round(time.Minute).String()
		}
		remedy := map[string]string{
			"transaction": "end it: SELECT pg_terminate_backend(" + h.Name + ")",
			"prepared":    "ROLLBACK PREPARED '" + h.Name + "'",
			"slot":        "SELECT pg_drop_replication_slot('" + h.Name + "'), if nobody needs it",
		}[h.Kind]
		found = append(found, warn(remedy, "the %s %s (%s) holds vacuum back%s", h.Kind, h.Name, h.By, since))
	}
	for _, d := range v.Dead {
		if d.Dead > deadRows && float64(d.Dead) > deadShare*float64(d.Live) {
			found = append(found, warn("VACUUM "+d.Table+", when nothing holds it back", "%s has %d dead rows beside %d live ones", d.Table, d.Dead, d.Live))
		}
	}
	if v.XIDAge > xidWarn {
		found = append(found, fail("VACUUM FREEZE, in this database, when nothing holds it back", "transaction ids are %d old; at two billion the server stops", v.XIDAge))
	}
	return none(found, "nothing holds vacuum back")
}
