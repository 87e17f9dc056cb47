package workflow

// Layers puts the steps of a block into layers, for drawing: a step stands one
// layer below the lowest of those that it needs, in the first one where it needs
// nothing. In a layer the order is the document's. It says where a step is drawn,
// not when it begins: that is when its own needs have ended.
func (b *Block) Layers() [][]*Step {
	depth := make(map[string]int, len(b.Steps))
	var layers [][]*Step
	for _, s := range b.order {
		at := 0
		for _, id := range s.Needs {
			at = max(at, depth[id]+1)
		}
		depth[s.ID] = at
		if at == len(layers) {
			layers = append(layers, nil)
		}
	}
	for i := range b.Steps {
		at := depth[b.Steps[i].ID]
		layers[at] = append(layers[at], &b.Steps[i])
	}
	return layers
}
