package signature

import "github.com/profullstack/meshhook/internal/meshhook"

// Warnings says, in sentences, what the owner of a webhook with this verification has
// to know wherever it is listed; nil for nothing.
func Warnings(v meshhook.Verification) []string {
	if s, known := Find(v.Scheme); known && s.Engine == EngineNone {
		return []string{"this webhook verifies nothing; whoever knows its URL can start runs"}
	}
	return nil
}
