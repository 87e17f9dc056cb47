package alert

import (
	"regexp"
	"strconv"
	"time"
	_ "time/tzdata" // the same zones on every machine, whatever is installed there

	"github.com/profullstack/meshhook/internal/meshhook"
)

const minutesOfDay = 24 * 60

// quiet is a range of minutes of the day in a zone: from is in it, to is not. to is
// before from where midnight lies between.
type quiet struct {
	from, to int
	zone     *time.Location
}

func (q quiet) has(minute int) bool {
	if q.from < q.to {
		return minute >= q.from && minute < q.to
	}
	return minute >= q.from || minute < q.to
}

// QuietUntil returns the first moment from now on at which the clocks of the
// zone are out of the quiet hours, to the whole minute; ok is false when they are
// now. Where clocks are put forward over the end, that is the moment at which they
// are; where they are put back into the quiet hours, those begin again. Hours that
// Compile would refuse are never quiet.
func QuietUntil(q meshhook.QuietHours, now time.Time) (until time.Time, ok bool) {
	hours, problems := parseQuiet(q)
	if len(problems) > 0 {
		return time.Time{}, false
	}
	local := now.In(hours.zone)
	if !hours.has(minuteOf(local)) {
		return time.Time{}, false
	}
	local = local.Add(-time.Duration(local.Second())*time.Second - time.Duration(local.Nanosecond()))
	// Minute by minute, which no change of the clocks can mislead: at most some 1,600
	// of them, since a day has 25 hours at the longest.
	for hours.has(minuteOf(local)) {
		local = local.Add(time.Minute)
	}
	return local.UTC(), true
}

func minuteOf(t time.Time) int { return t.Hour()*60 + t.Minute() }

func quietProblems(q meshhook.QuietHours) []meshhook.Problem {
	_, problems := parseQuiet(q)
	return problems
}

// parseQuiet reads quiet hours. Paths of problems are those of an alert.
func parseQuiet(q meshhook.QuietHours) (quiet, []meshhook.Problem) {
	var problems []meshhook.Problem
	at := func(path, message string) {
		problems = append(problems, meshhook.Problem{Path: "/quiet_hours" + path, Message: message})
	}
	from, fromOK := parseMinute(q.From)
	to, toOK := parseMinute(q.To)
	if !fromOK {
		at("/from", "quiet_hours.from is a time of day, like 22:00")
	}
	if !toOK {
		at("/to", "quiet_hours.to is a time of day, like 07:00")
	}
	if fromOK && toOK && from == to {
		at("/to", "quiet_hours.to is the same as from, so that no time would be left; disable the alert instead")
	}
	zone, err := time.LoadLocation(q.Zone)
	if err != nil || q.Zone == "Local" { // which differs from machine to machine
		at("/zone", "quiet_hours.zone is the name of a time zone, like Europe/Berlin, or empty for UTC")
	}
	return quiet{from, to, zone}, problems
}

var minuteShape = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])$`)

// parseMinute reads a time of day, 00:00 to 23:59; 24:00 is the end of the day, as
// people write it, and so the beginning.
func parseMinute(text string) (minute int, ok bool) {
	if text == "24:00" {
		return 0, true
	}
	found := minuteShape.FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	hour, _ := strconv.Atoi(found[1])
	minute, _ = strconv.Atoi(found[2])
	return (hour*60 + minute) % minutesOfDay, true
}
