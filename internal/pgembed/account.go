//go:build unix

package pgembed

import (
	"os/user"
	"strconv"
	"syscall"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// account is the user that runs Postgres.
type account struct {
	name     string
	uid, gid int
	groups   []uint32
	// drop says that we are root, which Postgres refuses, and must become this
	// user to run it.
	drop bool
}

// directory is the machine's list of users; see os/user.
type directory struct {
	byName, byID func(string) (*user.User, error)
}

// serviceAccounts are the users that root runs Postgres as, best first. The
// second comes with every package of Postgres.
func serviceAccounts() []string { return []string{"meshhook", "postgres"} }

// pickAccount returns the user that runs Postgres for a process of user euid.
// owner is the user that the existing data belong to, -1 without data: root
// goes on as that user, since taking data over would shut their owner out.
func pickAccount(euid, owner int, users directory) (account, error) {
	if euid != 0 {
		owner = euid
	}
	if owner == 0 {
		return account{}, meshhook.Errorf(meshhook.CodeInvalid,
			"the Postgres data belong to root, and Postgres refuses to run as root: give them to a service user (chown -R)")
	}
	if owner > 0 {
		// initdb and peer authentication both want a name, not a number.
		u, err := users.byID(strconv.Itoa(owner))
		if err != nil {
			return account{}, meshhook.Errorf(meshhook.CodeInvalid,
				"Postgres cannot run as user id %d, which has no name: add it to /etc/passwd, or set MESHHOOK_DATABASE_URL", owner)
		}
		return newAccount(u, euid == 0)
	}
	for _, name := range serviceAccounts() {
		if u, err := users.byName(name); err == nil && u.Uid != "0" {
			return newAccount(u, true)
		}
	}
	return account{}, meshhook.Errorf(meshhook.CodeInvalid,
		"Postgres refuses to run as root and there is no user meshhook or postgres: "+
			"add one (useradd --system meshhook), or start MeshHook as another user")
}

func newAccount(u *user.User, drop bool) (account, error) {
	a := account{name: u.Username, drop: drop}
	var err error
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		return account{}, meshhook.Errorf(meshhook.CodeInternal, "read the id of user %s: %w", u.Username, err)
	}
	if a.gid, err = strconv.Atoi(u.Gid); err != nil {
		return account{}, meshhook.Errorf(meshhook.CodeInternal, "read the group of user %s: %w", u.Username, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		ids = nil // the groups are a convenience; without them the user's own rights remain
	}
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			a.groups = append(a.groups, uint32(n))
		}
	}
	return a, nil
}

// credential returns what a child must become, nil if it stays as we are.
func (a account) credential() *syscall.Credential {
	if !a.drop {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid), Groups: a.groups}
}
