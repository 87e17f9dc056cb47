package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// scratch receives the packages that the tests look into.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(around(m)) //nolint:forbidigo // as every TestMain does
}

func around(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "meshhook-packages-"); err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(scratch) }() // it lies where temporary files do
	return m.Run()
}

// made are the packages of all tests here, by format and architecture: `make packages`.
var made = sync.OnceValues(func() (map[string]string, error) {
	cmd := exec.Command("make", "--no-print-directory", "packages", "DIST="+scratch, "PACKAGE_VERSION=1.2.3", "SOURCE_DATE_EPOCH=1700000000") //nolint:noctx // all tests share it
	cmd.Dir = "../.."
	// Not as a part of the make that runs the tests.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS") })
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make packages: %w\n%s", err, out)
	}
	return map[string]string{
		"deb amd64": filepath.Join(scratch, "meshhook_1.2.3_amd64.deb"), "deb arm64": filepath.Join(scratch, "meshhook_1.2.3_arm64.deb"),
		"rpm amd64": filepath.Join(scratch, "meshhook-1.2.3-1.x86_64.rpm"), "rpm arm64": filepath.Join(scratch, "meshhook-1.2.3-1.aarch64.rpm"),
	}, nil
})

func build(t *testing.T) map[string]string {
	t.Helper()
	needs(t, "make", "dpkg-deb", "rpm")
	files, err := made()
	require.NoError(t, err)
	return files
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %q: %s%s", name, args, out, &stderr)
	return string(out)
}

// contents is what stands in both formats: mode, owner and group, path. Of docs and man
// pages there are more; they are counted.
const contents = `-rw-r----- root/meshhook /etc/meshhook/meshhook.yaml
-rwxr-xr-x root/root /usr/bin/meshhook
-rw-r--r-- root/root /usr/lib/systemd/system/meshhook-admin.socket
-rw-r--r-- root/root /usr/lib/systemd/system/meshhook.service
-rw-r--r-- root/root /usr/lib/systemd/system/meshhook.socket
-rw-r--r-- root/root /usr/lib/sysusers.d/meshhook.conf
-rw-r--r-- root/root /usr/lib/tmpfiles.d/meshhook.conf
-rw-r--r-- root/root /usr/share/bash-completion/completions/meshhook
-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/meshhook.fish
`

// requireContents takes lines of mode, owner/group and path.
func requireContents(t *testing.T, lines []string, more ...string) {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	var rest []string
	docs, man := 0, 0
	for _, line := range lines {
		switch file := line[strings.LastIndexByte(line, ' ')+1:]; {
		case strings.HasPrefix(line, "d"):
		case path.Dir(file) == "/usr/share/man/man1":
			require.Equal(t, "-rw-r--r-- root/root "+file, line)
			man++
		case path.Dir(file) == "/usr/share/doc/meshhook" && path.Ext(file) == ".md":
			require.Equal(t, "-rw-r--r-- root/root "+file, line)
			docs++
		default:
			rest = append(rest, line)
		}
	}
	want := append(strings.Split(strings.TrimSpace(contents), "\n"), more...)
	require.ElementsMatch(t, want, rest)
	require.Equal(t, len(pages)+1, docs, "the pages and the changelog")
	require.Equal(t, commandCount(), man, "one for each command")
}

func TestDeb(t *testing.T) {
	t.Parallel()
	files := build(t)
	for _, arch := range []string{"amd64", "arm64"} {
		deb := files["deb "+arch]
		var lines []string
		for line := range strings.Lines(output(t, "dpkg-deb", "--contents", deb)) {
			f := strings.Fields(line)
			require.Equal(t, "2023-11-14 22:13", f[3]+" "+f[4], "the time of the sources, not of the build")
			lines = append(lines, f[0]+" "+f[1]+" "+strings.TrimPrefix(f[5], "."))
		}
		requireContents(
			t, lines, "-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_meshhook", "-rw-r--r-- root/root /usr/share/doc/meshhook/copyright",
		)
		fields := output(t, "dpkg-deb", "--field", deb, "Package", "Version", "Architecture", "Section", "Recommends", "Depends", "Homepage")
		require.Equal(t, "Package: meshhook\nVersion: 1.2.3\nArchitecture: "+arch+"\nSection: net\n"+
			"Recommends: ca-certificates, postgresql\nHomepage: https://github.com/profullstack/meshhook\n", fields)
		require.Equal(t, "/etc/meshhook/meshhook.yaml\n", output(t, "dpkg-deb", "--info", deb, "conffiles"))
		for theirs, ours := range map[string]string{"preinst": "preinstall.sh", "postinst": "postinstall.sh", "prerm": "preremove.sh", "postrm": "postremove.sh"} {
			want, err := os.ReadFile(ours)
			require.NoError(t, err)
			require.Equal(t, string(want), output(t, "dpkg-deb", "--info", deb, theirs))
		}
	}
}

func TestRPM(t *testing.T) {
	t.Parallel()
	files := build(t)
	query := func(file, format string) string {
		return output(t, "rpm", "--query", "--package", "--queryformat", format, file)
	}
	for arch, name := range map[string]string{"amd64": "x86_64", "arm64": "aarch64"} {
		rpm := files["rpm "+arch]
		lines := strings.Split(strings.TrimSpace(query(rpm, `[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\n]`)), "\n")
		requireContents(
			t, lines, "-rw-r--r-- root/root /usr/share/zsh/site-functions/_meshhook", "-rw-r--r-- root/root /usr/share/licenses/meshhook/LICENSE",
		)
		require.Equal(t, "meshhook 1.2.3-1 "+name+" MIT", query(rpm, "%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{LICENSE}"))
		require.Equal(t, "ca-certificates postgresql-server ", query(rpm, "[%{RECOMMENDS} ]"))
		flags := query(rpm, `[%{FILEFLAGS:fflags} %{FILENAMES}\n]`)
		require.Contains(t, flags, "cn /etc/meshhook/meshhook.yaml\n", "configuration, and never replaced")
		require.Contains(t, flags, "l /usr/share/licenses/meshhook/LICENSE\n")
		require.Equal(t, 1, strings.Count(flags, "c"+"n /"))
		for line := range strings.Lines(query(rpm, `[%{REQUIRENAME}\n]`)) {
			require.Regexp(t, `^(rpmlib\(.*|/bin/sh)$`, strings.TrimSpace(line), "the program needs nothing")
		}
		for tag, ours := range map[string]string{"PREIN": "preinstall.sh", "POSTIN": "postinstall.sh", "PREUN": "preremove.sh", "POSTUN": "postremove.sh"} {
			want, err := os.ReadFile(ours)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(want)), strings.TrimSpace(query(rpm, "%{"+tag+"}")))
		}
	}
}

// What a release builds with goreleaser is what `make packages` builds.
func TestGoreleaserAgrees(t *testing.T) {
	t.Parallel()
	type packages struct {
		Section, Priority, Maintainer, Vendor, Homepage, License, Description string

		Scripts, Overrides, RPM, Deb map[string]any
		Contents                     []map[string]any
	}
	var ours packages
	var theirs struct{ NFPMs []packages }
	for file, into := range map[string]any{"nfpm.yaml": &ours, "../../.goreleaser.yaml": &theirs} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal([]byte(strings.ReplaceAll(string(text), "${OUT}", ".cache/release")), into))
	}
	require.Len(t, theirs.NFPMs, 1)
	ours.Contents = slices.DeleteFunc(ours.Contents, func(c map[string]any) bool {
		delete(c, "expand")                    // it is for the names of the directory, which goreleaser's file knows
		return c["dst"] == "/usr/bin/meshhook" // goreleaser adds what it builds by itself
	})
	require.Equal(t, ours, theirs.NFPMs[0])
}
