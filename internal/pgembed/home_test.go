//go:build unix

package pgembed

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	me := &cluster{account: account{name: "me", uid: os.Geteuid(), gid: os.Getegid()}}
	open := filepath.Join(dir, "open")
	require.NoError(t, os.Mkdir(open, 0o755))
	require.NoError(t, me.claim(open))
	require.NoError(t, me.claim(open))
	info, err := os.Stat(open)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())

	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	require.NoError(t, os.Symlink(open, link))
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, trap := range []string{link, file} {
		requireError(t, me.claim(trap), trap, "invalid: DIR must be a directory: move it away")
	}
	requireError(t, me.claim(filepath.Join(dir, "no", "where")), dir,
		"unavailable: cannot make the directory DIR/no/where: no such file or directory")

	other := &cluster{account: account{name: "other", uid: os.Geteuid() + 4242}}
	requireError(t, other.claim(open), open, "invalid: DIR belongs to user "+userName(os.Geteuid())+
		", but Postgres runs as other here: start MeshHook as "+userName(os.Geteuid())+", or set data_dir to another directory")
}

func TestFileErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	me := userName(os.Geteuid())
	for _, test := range []struct {
		err  error
		want string
	}{
		{
			&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES},
			"invalid: cannot write /x: permission denied: let user " + me + " write there, or set data_dir to another directory",
		},
		{
			&fs.PathError{Op: "open", Path: "/x", Err: syscall.EROFS},
			"invalid: cannot write /x: read-only file system: let user " + me + " write there, or set data_dir to another directory",
		},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOSPC}, "unavailable: cannot write /x: no space left on device: free some disk space"},
		{syscall.EDQUOT, "unavailable: cannot write /x: disk quota exceeded: free some disk space"},
		{syscall.EIO, "unavailable: cannot write /x: input/output error"},
	} {
		err := new(cluster).fileError("write", "/x", test.err)
		require.Equal(t, test.want, describe(err))
		require.True(t, errors.Is(err, errors.Unwrap(test.err)) || errors.Is(err, test.err))
	}
}

func TestPickSocketDir(t *testing.T) {
	t.Parallel()
	// "/" + name + "/socket/.s.PGSQL.5432"
	fits := "/" + strings.Repeat("x", maxSocketPath-len("//socket/.s.PGSQL.5432"))
	require.Equal(t, fits+"/socket", (&cluster{dir: fits}).pickSocketDir())
	require.Equal(t, "/tmp/meshhook-40bce2e2d61672c1", (&cluster{dir: fits + "x"}).pickSocketDir())
	require.Equal(t, "/tmp/meshhook-a2d4a2894a84a9a4", (&cluster{dir: fits + "y"}).pickSocketDir())
}

// Root may have a narrow umask; the server's own user must open the lock still.
func TestOpenLockIsReadableForTheServersUser(t *testing.T) {
	t.Parallel()
	c := &cluster{dir: t.TempDir()}
	path := filepath.Join(c.dir, usersLock)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	f, err := c.openLock(usersLock)
	require.NoError(t, closing(f, err))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o644), info.Mode().Perm())

	// A second name may be a trap: some file of root's.
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "precious"), nil, 0o600))
	require.NoError(t, os.Link(filepath.Join(c.dir, "precious"), filepath.Join(c.dir, serverLock)))
	f, err = c.openLock(serverLock)
	require.NoError(t, closing(f, err))
	info, err = os.Stat(filepath.Join(c.dir, "precious"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.Error(t, closing(f, nil), "closed already")
}

func TestDataVersionOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	c := &cluster{dir: t.TempDir()}
	c.data = filepath.Join(c.dir, "file")
	require.NoError(t, os.WriteFile(c.data, nil, 0o600))
	_, err := c.dataVersion()
	require.ErrorContains(t, err, "cannot read the data in")

	require.Error(t, replaceFile(filepath.Join(c.dir, "no", "file"), ""))
	require.NoError(t, os.Mkdir(filepath.Join(c.dir, "taken"), 0o700))
	require.Error(t, replaceFile(filepath.Join(c.dir, "taken"), "text"))
	entries, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary file stays")
	require.Error(t, syncDir(filepath.Join(c.dir, "nowhere")))
}

func machine() directory { return directory{byName: user.Lookup, byID: user.LookupId} }

func TestPickAccount(t *testing.T) {
	t.Parallel()
	users := func(all ...user.User) directory {
		find := func(want func(user.User) bool) (*user.User, error) {
			for _, u := range all {
				if want(u) {
					return &u, nil
				}
			}
			return nil, errors.New("unknown")
		}
		return directory{
			byName: func(name string) (*user.User, error) {
				return find(func(u user.User) bool { return u.Username == name })
			},
			byID: func(id string) (*user.User, error) { return find(func(u user.User) bool { return u.Uid == id }) },
		}
	}
	root := user.User{Username: "root", Uid: "0", Gid: "0"}
	mesh := user.User{Username: "meshhook", Uid: "701", Gid: "801"}
	pg := user.User{Username: "postgres", Uid: "702", Gid: "802"}
	ann := user.User{Username: "ann", Uid: "1000", Gid: "1000"}
	for name, test := range map[string]struct {
		euid, owner int
		users       directory
		want        account
		err         string
	}{
		"user":                    {1000, -1, users(ann, pg), account{name: "ann", uid: 1000, gid: 1000}, ""},
		"user, others' data":      {1000, 702, users(ann, pg), account{name: "ann", uid: 1000, gid: 1000}, ""},
		"user without a name":     {1234, -1, users(pg), account{}, "invalid: Postgres cannot run as user id 1234, which has no name: add it to /etc/passwd, or set MESHHOOK_DATABASE_URL"},
		"root":                    {0, -1, users(pg, root, mesh), account{name: "meshhook", uid: 701, gid: 801, drop: true}, ""},
		"root, only Postgres":     {0, -1, users(pg, root), account{name: "postgres", uid: 702, gid: 802, drop: true}, ""},
		"root goes on as owner":   {0, 702, users(pg, root, mesh), account{name: "postgres", uid: 702, gid: 802, drop: true}, ""},
		"root, root's data":       {0, 0, users(pg, root), account{}, "invalid: the Postgres data belong to root, and Postgres refuses to run as root: give them to a service user (chown -R)"},
		"root, unknown owner":     {0, 99, users(pg, root), account{}, "invalid: Postgres cannot run as user id 99, which has no name: add it to /etc/passwd, or set MESHHOOK_DATABASE_URL"},
		"root, nobody":            {0, -1, users(ann, root), account{}, "invalid: Postgres refuses to run as root and there is no user meshhook or postgres: add one (useradd --system meshhook), or start MeshHook as another user"},
		"root under another name": {0, -1, users(user.User{Username: "meshhook", Uid: "0"}, pg), account{name: "postgres", uid: 702, gid: 802, drop: true}, ""},
		"odd id":                  {0, -1, users(user.User{Username: "meshhook", Uid: "S-1"}), account{}, `internal: read the id of user meshhook: strconv.Atoi: parsing "S-1": invalid syntax`},
		"odd group":               {0, -1, users(user.User{Username: "meshhook", Uid: "7", Gid: "S"}), account{}, `internal: read the group of user meshhook: strconv.Atoi: parsing "S": invalid syntax`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := pickAccount(test.euid, test.owner, test.users)
			if test.err != "" {
				require.Error(t, err)
				require.Equal(t, test.err, describe(err))
				return
			}
			require.NoError(t, err)
			got.groups = nil // the machine's
			require.Equal(t, test.want, got)
			require.Equal(t, test.want.drop, got.credential() != nil)
		})
	}
}

func TestMaySearch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o710))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	me, group := os.Geteuid(), groupOf(info)
	for name, test := range map[string]struct {
		account account
		want    bool
	}{
		"owner":         {account{uid: me, gid: group + 1}, true},
		"group":         {account{uid: me + 1, gid: group}, true},
		"further group": {account{uid: me + 1, gid: group + 1, groups: []uint32{uint32(group)}}, true},
		"other":         {account{uid: me + 1, gid: group + 1}, false},
	} {
		require.Equal(t, test.want, test.account.maySearch(info), name)
	}
	stranger := account{uid: me + 1, gid: group + 1}
	require.NotEmpty(t, stranger.barrier(filepath.Join(dir, "x")))
}

func TestUserNameOfNobody(t *testing.T) {
	t.Parallel()
	require.Equal(t, "3999999999", userName(3999999999))
}
