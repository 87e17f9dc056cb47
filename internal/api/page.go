package api

import (
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// page is a part of a list, and how to get the next one.
type page[T any] struct {
	items []T
	next  string
}

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
