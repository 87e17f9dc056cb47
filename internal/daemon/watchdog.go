package daemon

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/profullstack/meshhook/internal/loop"
)

// leastPatience is how long a round of work may take, at the least, before the loop
// is taken for stuck. Rounds take milliseconds; what waits behind another's lock in
// the database for minutes is not to be restarted.
const leastPatience = 5 * time.Minute

// pulse knows of every loop of the daemon whether it gets on. The watchdog asks it:
// what a restart mends is a loop that has ended, or that is stuck in this process or
// on a connection that nobody answers any more. A database that is out is mended by
// no restart; neither is a full queue, a host that fails or a flood of requests.
type pulse struct{ beats []*beat }

// beat is one loop's.
type beat struct {
	name     string
	patience time.Duration
	// round counts up when work begins and when it ends: it is odd meanwhile.
	round atomic.Int64
	ended atomic.Bool
	// seen and stuck are the judge's: the round at its last look, and for how long it
	// has seen the same one while the database answered.
	seen  int64
	stuck time.Duration
}

// watch has the loop's work counted. The returned function is for when the loop has
// ended.
func (p *pulse) watch(l *loop.Loop) (ended func()) {
	b := &beat{name: l.Name, patience: max(leastPatience, l.Every/2)}
	p.beats = append(p.beats, b)
	work := l.Work
	l.Work = func(ctx context.Context) (bool, error) {
		b.round.Add(1)
		defer b.round.Add(1) // after a panic, too
		return work(ctx)
	}
	return func() { b.ended.Store(true) }
}

// judge looks at the loops, so long after its last look, and names one that does not
// get on. While the database does not answer, none is to blame for waiting for it.
func (p *pulse) judge(since time.Duration, answers bool) error {
	for _, b := range p.beats {
		if b.ended.Load() {
			return fmt.Errorf("the loop %q has ended", b.name)
		}
		round := b.round.Load()
		if working := round%2 == 1; !working || round != b.seen || !answers {
			b.seen, b.stuck = round, 0
			continue
		}
		if b.stuck += since; b.stuck >= b.patience {
			return fmt.Errorf("the loop %q has been in one round of work for %s", b.name, b.stuck.Round(time.Second))
		}
	}
	return nil
}

// stayAlive tells the service manager that the daemon lives, for as long as it does.
// Silence is all that it takes to be restarted, so the cause is logged first.
func (d *Daemon) stayAlive(ctx context.Context) {
	every := d.manager.Every()
	if every == 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var outage time.Time
	said, last := d.serving(), time.Now()
	for {
		err := d.reach(ctx, every)
		if ctx.Err() != nil {
			return
		}
		if status := d.condition(err, &outage); status != said {
			d.tell(d.manager.Status(status))
			said = status
		}
		now := time.Now()
		if stuck := d.pulse.judge(now.Sub(last), err == nil); stuck != nil {
			d.log.Error("this daemon is stuck, and is to be restarted", "error", stuck)
			d.tell(d.manager.Status("Stuck: " + stuck.Error()))
			return
		}
		last = now
		d.tell(d.manager.Alive())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// reach asks the database for an answer on a connection of its own: those of the pool
// may be what is stuck.
func (d *Daemon) reach(ctx context.Context, every time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, min(5*time.Second, every/2))
	defer cancel()
	return d.db.Reach(ctx)
}

// condition is the status of a daemon whose database was just asked. It keeps since
// when the database is out.
func (d *Daemon) condition(err error, outage *time.Time) string {
	if err == nil {
		*outage = time.Time{}
		return d.serving()
	}
	if outage.IsZero() {
		*outage = time.Now()
	}
	return "The database has not answered since " + outage.Format("2006-01-02 15:04:05 MST")
}
