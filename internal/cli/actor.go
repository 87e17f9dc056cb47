package cli

import (
	"os"
	osuser "os/user"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// actor names who runs the command, for the audit log: cli:USER@HOST.
func (a *app) actor() meshhook.Actor {
	name := "unknown"
	if u, err := osuser.Current(); err == nil {
		name = u.Username
	} else if text, ok := a.getenv("USER"); ok && text != "" { // a user id that no file knows, as in containers
		name = text
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return meshhook.Actor("cli:" + name + "@" + host)
}
