//go:build unix

package pgembed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// oldestMajor is the oldest version of Postgres that MeshHook runs on.
const oldestMajor = 14

// binaries are the server programs of one version of Postgres.
type binaries struct {
	dir   string
	major int
}

// searchPatterns returns where the packages of the systems that we know put the
// server programs.
func searchPatterns() []string {
	return []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // Fedora, RHEL: the PostgreSQL project's own packages
		"/usr/bin",                  // Fedora, Arch
		"/usr/libexec/postgresql*",  // Alpine
		"/usr/lib/postgresql*/bin",  // openSUSE
		"/usr/local/bin",            // FreeBSD, built from source
		"/opt/homebrew/opt/*/bin",   // Homebrew on Apple silicon
		"/usr/local/opt/*/bin",      // Homebrew on Intel
		"/Applications/Postgres.app/*/*/*/bin",
	}
}

// findBinaries returns the newest version that the machine has, or the one of
// major want where that is not 0: data are readable for their own version only.
func (c *cluster) findBinaries(ctx context.Context, want int) (binaries, error) {
	dirs := []string{c.options.BinDir}
	if c.options.BinDir == "" {
		dirs = binaryDirs(searchPatterns())
	} else if !holdsServer(c.options.BinDir) {
		return binaries{}, meshhook.Errorf(meshhook.CodeInvalid,
			"there is no Postgres server in %s: postgres.bin_dir must name the directory of the programs postgres and initdb",
			c.options.BinDir)
	}
	var found []binaries
	var broken error
	for _, dir := range dirs {
		b, err := c.askVersion(ctx, dir)
		if err != nil {
			c.log.DebugContext(ctx, "a postgres does not tell its version", "dir", dir, "error", err)
			broken = err
			continue
		}
		found = append(found, b)
	}
	if b, ok := choose(found, want); ok {
		return b, nil
	}
	if broken != nil { // it might have been the one
		return binaries{}, broken
	}
	return binaries{}, c.missing(found, want)
}

// binaryDirs returns the directories that hold a server and an initdb, once each.
func binaryDirs(patterns []string) []string {
	var dirs []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern, which finds nothing
		}
		dirs = append(dirs, matches...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	var resolved []string
	for _, dir := range dirs {
		// Links to the same programs, of the directory or of each, count once.
		program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if dir := filepath.Dir(program); err == nil && holdsServer(dir) && !slices.Contains(resolved, dir) {
			resolved = append(resolved, dir)
		}
	}
	return resolved
}

func holdsServer(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// askVersion asks the server program in dir for its version. It runs as the user that
// will run the server: root does not execute what others may have put there.
func (c *cluster) askVersion(ctx context.Context, dir string) (binaries, error) {
	program := filepath.Join(dir, "postgres")
	out, err := c.runTool(ctx, program, "", "--version")
	if err != nil {
		return binaries{}, err
	}
	major, ok := parseVersion(out)
	if !ok {
		return binaries{}, meshhook.Errorf(meshhook.CodeInvalid,
			"%s is no server of Postgres: it calls itself %.80q: set postgres.bin_dir to the directory of one", program, out)
	}
	return binaries{dir: dir, major: major}, nil
}

// versionPattern fits "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" and
// "postgres (PostgreSQL) 19beta1".
var versionPattern = regexp.MustCompile(`^postgres \([^)]*\) (\d{1,3})(?:\D|$)`)

// parseVersion returns the major version that `postgres --version` printed.
func parseVersion(out string) (int, bool) {
	m := versionPattern.FindStringSubmatch(out)
	if m == nil {
		return 0, false
	}
	major, err := strconv.Atoi(m[1])
	return major, err == nil
}

// choose returns the binaries of major want, or the newest where want is 0.
func choose(found []binaries, want int) (binaries, bool) {
	var best binaries
	for _, b := range found {
		if b.major == want || (want == 0 && b.major >= oldestMajor && b.major > best.major) {
			best = b
		}
	}
	return best, best.major > 0
}

// missing says what to install.
func (c *cluster) missing(found []binaries, want int) error {
	install := installCommand(want, exec.LookPath)
	if want == 0 {
		return meshhook.Errorf(meshhook.CodeInvalid,
			"no Postgres server of version %d or newer is installed: %s, or set MESHHOOK_DATABASE_URL to a server of your own",
			oldestMajor, install)
	}
	have := "none"
	if b, ok := choose(found, 0); ok {
		have = strconv.Itoa(b.major)
	}
	return meshhook.Errorf(meshhook.CodeInvalid,
		"the data in %s need Postgres %d, but the newest version found is %s: %s, or move them to the newer version with pg_upgrade (nothing was changed)",
		c.data, want, have, install)
}

// installCommand returns the command that installs Postgres here: of the given
// major version, or any where that is 0.
func installCommand(major int, lookPath func(string) (string, error)) string {
	commands := []struct{ manager, anyVersion, oneVersion string }{
		{"apt-get", "apt install postgresql", "apt install postgresql-%d"},
		{"dnf", "dnf install postgresql-server", "dnf install postgresql%d-server"},
		{"apk", "apk add postgresql", "apk add postgresql%d"},
		{"pacman", "pacman -S postgresql", "pacman -S postgresql (version %d)"},
		{"zypper", "zypper install postgresql-server", "zypper install postgresql%d-server"},
		{"pkg", "pkg install postgresql17-server", "pkg install postgresql%d-server"},
		{"brew", "brew install postgresql@17", "brew install postgresql@%d"},
	}
	for _, command := range commands {
		if _, err := lookPath(command.manager); err != nil {
			continue
		}
		if major == 0 {
			return command.anyVersion
		}
		return fmt.Sprintf(command.oneVersion, major)
	}
	if major == 0 {
		return "install the package of the PostgreSQL server"
	}
	return fmt.Sprintf("install the package of the PostgreSQL %d server", major)
}
