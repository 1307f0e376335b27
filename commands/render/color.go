package render

// paint colours a word by what it means: green is well, yellow wants a look,
// red is lost. Other words stay as they are.
func paint(word string) string {
	code := ""
	switch word {
	case "alive", "succeeded", "healthy", "yes", "ok":
		code = "32"
	case "suspect", "degraded", "cancelling", "unreachable", "queued", "assigned", "running", "warn":
		code = "33"
	case "dead", "failed", "timed-out", "isolated", "no-quorum", "unknown", "no", "bad":
		code = "31"
	case "left", "cancelled":
		code = "2"
	}
	if code == "" {
		return word
	}
	return "\x1b[" + code + "m" + word + "\x1b[0m"
}
