package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/pgtest"
)

const dockerExample = "../../examples/docker/"

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// requireKeys wants every variable to be one that is read.
func requireKeys(t *testing.T, variables ...string) {
	t.Helper()
	for _, name := range variables {
		require.True(t, slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Env == name }), name)
	}
}

// instructions are those of a Dockerfile, without comments and with their lines joined.
func instructions(t *testing.T) []string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(readText(t, dockerExample+"Dockerfile"), "")
	text = regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(text, " ")
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// The image is the program as `make build` makes it, on nothing, for a user without
// privileges.
func TestDocker_Image(t *testing.T) {
	t.Parallel()
	lines := instructions(t)
	require.Contains(t, lines, "FROM scratch")
	image := lines[slices.Index(lines, "FROM scratch")+1:]
	require.Contains(t, image, "USER 65532:65532")
	require.Contains(t, image, "COPY --from=build --chown=65532:65532 /out/data /data")
	for _, line := range image {
		require.Regexp(t, "^(COPY --from=build|USER|ENV|VOLUME|EXPOSE|ENTRYPOINT|CMD) ", line, "nothing runs in an image without programs")
		if settings, is := strings.CutPrefix(line, "ENV "); is {
			for setting := range strings.FieldsSeq(settings) {
				name, _, _ := strings.Cut(setting, "=")
				requireKeys(t, name)
			}
		}
	}
	require.Regexp(t, `(?m)^go `+strings.TrimPrefix(lines[0], "ARG GO_VERSION=")+`\.0$`, readText(t, "../../go.mod"))
	require.Contains(t, readText(t, "../../Makefile"), "CGO_ENABLED=0 $(GO) build -trimpath")

	// What the build is not given it does not need.
	given := strings.Fields(readText(t, dockerExample+"Dockerfile.dockerignore"))
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", `{{with .Module}}{{if .Main}}{{range $.GoFiles}}{{$.Dir}}/{{.}}
{{end}}{{range $.EmbedFiles}}{{$.Dir}}/{{.}}
{{end}}{{end}}{{end}}`, ".").Output()
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for path := range strings.FieldsSeq(string(out)) {
		path = strings.TrimPrefix(path, root+"/")
		top, _, _ := strings.Cut(path, "/")
		require.Contains(t, given, "!"+top)
		require.NotContains(t, path, "/testdata/")
	}
}

// The program of the image runs where there is nothing else, as a user whom nobody
// knows.
func TestDocker_RunsOnNothing(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may change the root directory")
	}
	root := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(root, "usr/bin/meshhook"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Mkdir(filepath.Join(root, "data"), 0o755)) //nolint:gosec // as in the image
	require.NoError(t, os.Chown(filepath.Join(root, "data"), 65532, 65532))
	for dir := root; dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		if dir == root || strings.HasPrefix(filepath.Base(dir), "Test") {
			require.NoError(t, os.Chmod(dir, info.Mode()|0o055)) //nolint:gosec // the root directory of an image is open
		}
	}
	gate := newGate(t, pgtest.URL(t))
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "/usr/bin/meshhook", args...)
		cmd.Dir, cmd.Env = "/", []string{
			"MESHHOOK_DATA_DIR=/data", "MESHHOOK_DATABASE_URL=" + gate.url, "MESHHOOK_MASTER_KEY=" + pgtest.MasterKeyText,
			"MESHHOOK_LISTEN=127.0.0.1:0", "MESHHOOK_ADMIN_LISTEN=127.0.0.1:0",
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		return cmd
	}
	p, addresses, err := begin(command("daemon"))
	require.NoError(t, err)
	t.Cleanup(p.kill)
	status, err := fetch(t.Context(), http.MethodGet, addresses["admin"]+"/readyz")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	out, err = command("status").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "ingress+worker+admin")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	<-p.ended
	require.NoError(t, p.err, p.text())
}

// compose is what the test knows of a compose file; a key that it does not is a fault,
// in the file or here.
type compose struct {
	Name     string
	Services map[string]struct {
		Image       string
		Build       struct{ Context, Dockerfile string }
		Restart     string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Environment map[string]string
		Secrets     []string
		Volumes     []string
		Ports       []string
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Grace       string   `yaml:"stop_grace_period"`
		Healthcheck struct {
			Test        []string
			Interval    string
			Timeout     string
			Retries     int
			StartPeriod string `yaml:"start_period"`
		}
	}
	Volumes map[string]any
	Secrets map[string]struct{ File string }
}

func TestDocker_Compose(t *testing.T) {
	t.Parallel()
	var c compose
	decoder := yaml.NewDecoder(strings.NewReader(readText(t, dockerExample+"compose.yaml")))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&c))
	ours, db := c.Services["meshhook"], c.Services["db"]
	require.FileExists(t, filepath.Join(dockerExample, ours.Build.Context, ours.Build.Dockerfile))
	require.Equal(t, "service_healthy", ours.DependsOn["db"].Condition)
	require.Contains(t, db.Healthcheck.Test, "pg_isready")
	for name := range ours.Environment {
		requireKeys(t, name)
	}
	readme := readText(t, dockerExample+"README.md")
	for name, s := range c.Services {
		for _, secret := range s.Secrets {
			require.Contains(t, readme, strings.TrimPrefix(c.Secrets[secret].File, "./"), "%s: the page says how %s is made", name, secret)
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(source, "./") {
				require.FileExists(t, filepath.Join(dockerExample, source))
				continue
			}
			require.Contains(t, c.Volumes, source)
		}
	}
	// The DSN, with the file of the password where the test has it.
	file := filepath.Join(t.TempDir(), "pgpass")
	require.NoError(t, os.WriteFile(file, []byte("db:5432:meshhook:meshhook:0123abcd\n"), 0o600))
	parsed, err := pgx.ParseConfig(strings.Replace(ours.Environment["MESHHOOK_DATABASE_URL"], "/run/secrets/pgpass", file, 1))
	require.NoError(t, err)
	require.Equal(t, "0123abcd", parsed.Password)
}
