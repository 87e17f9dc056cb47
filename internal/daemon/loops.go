package daemon

import (
	"context"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/janitor"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// poll is how often every loop looks although no bell rang: the guarantee
// behind the bell.
const poll = time.Second

// recovery is how a loop goes on after a failure: often enough that a database
// which comes back is used at once, and leases are renewed before they run out.
var recovery = backoff.Policy{Initial: 100 * time.Millisecond, Max: 2 * time.Second, Multiplier: 2, Jitter: 0.2}

// loops is the one list of everything that this daemon does in the background.
func (d *Daemon) loops() []*loop.Loop {
	chores := janitor.New(d.db, meshhook.Retention{
		Events: d.config.Retention.Events, Rejected: d.config.Retention.Rejected, Journal: d.config.Retention.Journal,
	}, d.log)
	config := d.bell(postgres.BellConfig)
	list := []*loop.Loop{
		{Name: "configuration", Bell: config.C(), Every: poll, Work: d.refresh},
		{Name: "keys", Bell: d.bell(postgres.BellKeys).C(), Every: poll, Work: once(d.renewKeys)},
		{Name: "heartbeat", Every: 5 * time.Second, Work: once(d.beat)},
		{Name: "recover", Every: poll, Work: chores.Recover},
		{Name: "places", Every: time.Minute, Work: chores.LetIn},
		{Name: "tidy", Every: time.Hour, Work: chores.Tidy},
	}
	if d.does(roleAdmin) {
		d.db.OnRing(postgres.BellJournal, d.followers.ring)
		list = append(list, &loop.Loop{Name: "tokens", Every: time.Minute, Work: d.api.FlushUsed})
	}
	if d.does(roleIngress) {
		d.db.OnRing(postgres.BellJournal, d.ingress.RingJournal)
		list = append(
			list,
			&loop.Loop{Name: "suppressed", Every: poll, Work: d.ingress.FlushSuppressed},
			&loop.Loop{Name: "secret uses", Every: poll, Work: d.ingress.FlushUses},
			&loop.Loop{Name: "limits", Bell: d.bell(postgres.BellDaemons).C(), Every: poll, Work: d.limits.Step},
			&loop.Loop{Name: "waiting senders", Bell: d.ingress.JournalBell(), Every: poll, Work: d.ingress.Settle},
		)
	}
	list = append(list, d.certificateLoops()...)
	if d.does(roleWorker) {
		d.db.OnRing(postgres.BellRuns, d.engine.Bell().Ring)
		d.db.OnRing(postgres.BellDeliveries, d.alerts.Bell().Ring)
		list = append(
			list,
			&loop.Loop{Name: "runs", Bell: d.engine.Bell().C(), Every: poll, Work: d.engine.Claim},
			&loop.Loop{Name: "sleeping runs", Every: poll, Work: d.engine.Poll},
			&loop.Loop{Name: "leases", Bell: d.bell(postgres.BellControl).C(), Every: poll, Work: d.engine.Heartbeat},
			&loop.Loop{Name: "alerts", Bell: d.alerts.Bell().C(), Every: poll, Work: d.alerts.Claim},
			&loop.Loop{Name: "alert leases", Every: delivery.Lease / 5, Work: d.alerts.Heartbeat},
			&loop.Loop{Name: "alert queue", Every: 5 * poll, Work: once(d.measureQueue)},
			&loop.Loop{Name: "delayed runs", Every: poll / 5, Work: d.watch.Delayed},
			&loop.Loop{Name: "absent events", Every: poll, Work: d.watch.Absent},
			&loop.Loop{Name: "circuits", Bell: d.bell(postgres.BellCircuits).C(), Every: poll, Work: d.circuits.Refresh},
		)
	}
	for _, l := range list {
		l.Log = d.log
		if l.Backoff == (backoff.Policy{}) {
			l.Backoff = recovery
		}
		l.OnError = d.metrics.loopFailed(l.Name)
	}
	return list
}

// bell returns a new bell that rings with the channel.
func (d *Daemon) bell(c postgres.Channel) *loop.Bell {
	bell := loop.NewBell()
	d.db.OnRing(c, bell.Ring)
	return bell
}

// refresh renews what is cached of the configuration.
func (d *Daemon) refresh(ctx context.Context) (more bool, err error) {
	version, err := d.db.ConfigVersion(ctx)
	if err != nil {
		return false, err
	}
	if d.known.Swap(version) != version {
		d.engine.Forget()
		d.watch.Forget()
	}
	return d.ingress.Refresh(ctx)
}

// once makes the Work of a loop of something that is done once a tick.
func once(do func(context.Context) error) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) { return false, do(ctx) }
}
