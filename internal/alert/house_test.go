package alert_test

import (
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// What the tests sign.
var (
	deliveryID = id("01890a5d-ac96-774b-bcce-b302099a8002")
	noon       = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
)

func id(text string) meshhook.ID {
	parsed, err := meshhook.ParseID(text)
	if err != nil {
		panic(err)
	}
	return parsed
}
