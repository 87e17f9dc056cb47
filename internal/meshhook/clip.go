package meshhook

// Clip shortens text from outside for a message: to so many characters, and a mark
// that there was more.
func Clip(text string, most int) string {
	for i := range text {
		if most == 0 {
			return text[:i] + "…"
		}
		most--
	}
	return text
}
