package ingress

import "github.com/profullstack/meshhook/internal/schema"

// SchemaOptions are those of one webhook.
func (h *Handler) SchemaOptions(webhook string) schema.Options { return h.toolsFor(webhook).schemas }

// Held is how many bytes of bodies are held.
func (h *Handler) Held() int64 {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	return h.memory.held
}

// Fetching and Counting are how many wait for keys, and to know who counts.
func (h *Handler) Fetching() int { return len(h.fetching) }
func (h *Handler) Counting() int { return len(h.counting) }
