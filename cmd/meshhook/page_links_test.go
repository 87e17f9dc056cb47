package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)|src="([^"]+)"`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	inline   = regexp.MustCompile("`[^`\n]*`")
	unanchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// TestPages_Links follows every link between files of the clone, to its anchor.
func TestPages_Links(t *testing.T) {
	t.Parallel()
	pages := append(pagesOf(t), "CHANGELOG.md", "internal/README.md")
	examples, err := filepath.Glob(filepath.Join(root, "examples", "*", "*.md"))
	require.NoError(t, err)
	for _, page := range examples {
		pages = append(pages, strings.TrimPrefix(filepath.ToSlash(page), root+"/"))
	}
	for _, page := range pages {
		text := inline.ReplaceAllString(pageFence.ReplaceAllString(readFile(t, page), ""), "")
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target := found[1] + found[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			path := page
			if file != "" {
				path = filepath.Join(filepath.Dir(page), file)
			}
			_, err := os.Stat(filepath.Join(root, path))
			require.NoError(t, err, "%s links to %s", page, target)
			if anchor != "" {
				require.Contains(t, anchorsOf(readFile(t, path)), anchor, "%s links to %s", page, target)
			}
		}
	}
}

// anchorsOf are the anchors that GitHub gives a page's headings.
func anchorsOf(page string) (anchors []string) {
	seen := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(pageFence.ReplaceAllString(page, ""), -1) {
		anchor := strings.ReplaceAll(unanchor.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-")
		if seen[anchor] {
			anchor += "-1"
		}
		seen[anchor] = true
		anchors = append(anchors, anchor)
	}
	return anchors
}

// The contents name every page once, so that none is found by chance alone.
func TestPages_Contents(t *testing.T) {
	t.Parallel()
	contents := readFile(t, "docs/README.md")
	readme := readFile(t, "README.md")
	for _, page := range pagesOf(t) {
		if name := filepath.Base(page); name != "README.md" {
			require.Equal(t, 1, strings.Count(contents, "("+name+")"), "docs/README.md lists %s", name)
			require.Contains(t, readme, "("+page+")", "README.md links to %s", page)
		}
	}
}
