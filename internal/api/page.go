package api

import (
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// page is a part of a list, and how to get the next one.
type page[T any] struct {
	items []T
	next  string
}

// span is the part of a list, newest first, that the query asks for.
type span struct {
	limit  int
	before meshhook.ID
	since  time.Time
}

// span reads what such lists have in common.
func (c *call) span() (s span, err error) {
	if s.limit, err = c.limit(); err != nil {
		return s, err
	}
	if s.before, err = c.before(); err != nil {
		return s, err
	}
	s.since, err = c.moment("since")
	return s, err
}

// most is how many entries to read: one more tells that there is a next page.
func (s span) most() int { return s.limit + 1 }

// newest makes a page of a list that was read with one entry more than the limit.
func newest[T any](list []T, limit int, id func(T) meshhook.ID) page[T] {
	if len(list) <= limit {
		return page[T]{items: list}
	}
	return page[T]{items: list[:limit], next: id(list[limit-1]).String()}
}

// paged cuts a page out of a whole list in the order of its keys. The cursor is
// the key of the last entry of the page before, which may be gone by now.
func paged[T any](c *call, list []T, key func(T) string) (page[T], error) {
	limit, err := c.limit()
	if err != nil {
		return page[T]{}, err
	}
	// The order of the database is that of its language.
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	cursor := c.query.Get("cursor")
	var items []T
	for _, item := range list {
		if cursor != "" && key(item) <= cursor {
			continue
		}
		if len(items) == limit {
			return page[T]{items: items, next: key(items[limit-1])}, nil
		}
		items = append(items, item)
	}
	return page[T]{items: items}, nil
}
