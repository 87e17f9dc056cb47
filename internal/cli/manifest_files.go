package cli

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxManifest bounds a file of documents, and what one names, in bytes.
	maxManifest = 16 << 20
	// maxManifestTotal bounds all of them together.
	maxManifestTotal = 256 << 20
	// maxManifestFiles bounds how many files a directory may hold.
	maxManifestFiles = 10_000
)

// manifestFiles are the files that a user named, and those found in directories.
type manifestFiles struct {
	app   *app
	files []manifest.File
	roots []*os.Root
	total int
}

// openManifest finds and reads the files of documents. What they name is read through the
// directory that was named, or that a file stands in: nothing leads out of it. It is to
// be closed after the documents are parsed.
func (a *app) openManifest(names []string) (*manifestFiles, error) {
	m := &manifestFiles{app: a}
	for _, name := range names {
		if err := m.add(name); err != nil {
			return nil, errors.Join(err, m.close())
		}
	}
	return m, nil
}

func (m *manifestFiles) close() (err error) {
	for _, root := range m.roots {
		err = errors.Join(err, root.Close())
	}
	return err
}

func (m *manifestFiles) add(name string) error {
	if name == "-" {
		source, err := readCapped(name, m.app.In, maxManifest)
		m.files = append(m.files, manifest.File{Name: name, Source: source})
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return fileError(name, err)
	}
	if info.IsDir() {
		return m.addDirectory(name)
	}
	source, err := m.app.readFile(name)
	if err != nil {
		return err
	}
	dir, err := m.open(filepath.Dir(name))
	if err != nil {
		return err
	}
	m.files = append(m.files, dir.file(name, filepath.Base(name), source))
	return nil
}

// directory is a directory that files are read from.
type directory struct {
	app  *app
	root *os.Root
	// name is how the user called it, key what the Keys of its files begin with.
	name, key string
}

func (m *manifestFiles) open(name string) (*directory, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	m.roots = append(m.roots, root)
	return &directory{m.app, root, name, strconv.Itoa(len(m.roots))}, nil
}

// file makes a file of one in the directory.
func (d *directory) file(name, inside string, source []byte) manifest.File {
	return manifest.File{
		Name: name, Source: source, Key: path.Join(d.key, filepath.ToSlash(inside)), Read: d.read,
		ReadSecret: func(path string) ([]byte, error) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(name), path)
			}
			return d.app.readFile(path)
		},
	}
}

// read reads a file of the directory by its Key.
func (d *directory) read(key string) (source []byte, err error) {
	inside, below := strings.CutPrefix(key, d.key+"/")
	name := filepath.Join(d.name, filepath.FromSlash(inside))
	if !below {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s leads out of %s, and only files in there are read", strings.TrimPrefix(key, d.key), d.name)
	}
	info, err := d.root.Stat(inside)
	switch {
	case err != nil:
		return nil, fileError(name, err)
	case !info.Mode().IsRegular():
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "cannot read %s: it is no regular file", name)
	}
	file, err := d.root.Open(inside)
	if err != nil {
		return nil, fileError(name, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return readCapped(name, file, maxManifest)
}

// addDirectory adds the documents of a directory and those below it, by their paths.
// Hidden files and directories are passed over, and symbolic links to directories.
func (m *manifestFiles) addDirectory(name string) error {
	d, err := m.open(name)
	if err != nil {
		return err
	}
	found := 0
	err = fs.WalkDir(d.root.FS(), ".", func(inside string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fileError(filepath.Join(name, inside), err)
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && inside != "."
		switch {
		case entry.IsDir() && hidden:
			return fs.SkipDir
		case entry.IsDir(), hidden, !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(inside)):
			return nil
		}
		if found++; found > maxManifestFiles {
			return meshhook.Errorf(meshhook.CodeInvalid, "%s holds more than %d files; name those that are meant", name, maxManifestFiles)
		}
		source, err := d.read(path.Join(d.key, inside))
		if err != nil {
			return err
		}
		if m.total += len(source); m.total > maxManifestTotal {
			return meshhook.Errorf(meshhook.CodeInvalid, "%s holds more than %s; name the files that are meant", name, meshhook.FormatSize(maxManifestTotal))
		}
		file := d.file(filepath.Join(name, filepath.FromSlash(inside)), inside, source)
		file.Found = true
		m.files = append(m.files, file)
		return nil
	})
	if err == nil && found == 0 {
		err = meshhook.Errorf(meshhook.CodeInvalid, "%s holds no .yaml, .yml or .json file", name)
	}
	return err
}
