package commands

import "regexp"

// redacted stands where something was that is nobody's business.
const redacted = "[redacted]"

// What looks like a secret, wherever it stands. The first group, if there is one,
// stays.
var (
	joinToken  = regexp.MustCompile(`\bhb1_[0-9A-Za-z]+`)
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)
	inAddress  = regexp.MustCompile(`\b([a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@"]*:)[^\s@/"]+@`)
	quoted     = regexp.MustCompile(`(?i)([a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|credential)[a-z0-9_-]*["']?\s*[=:]\s*["'])[^"'\n]+`)
	assigned   = regexp.MustCompile(`(?i)([a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|credential)[a-z0-9_-]*["']?\s*[=:]\s*)[^\s"',;}\[]+`)
	authorized = regexp.MustCompile(`(?i)((?:authorization|proxy-authorization|cookie|set-cookie)["']?\s*[=:]\s*)[^\n"]+`)
	bearer     = regexp.MustCompile(`(?i)\b(bearer|basic) +[A-Za-z0-9+/=._~-]{8,}`)
	asFlag     = regexp.MustCompile(`(?i)(--?[a-z-]*(?:password|passwd|secret|token|api-?key)[ =])\S+`)
)

// redact takes out of a text what looks like a secret.
func redact(text []byte) []byte {
	for _, p := range []struct {
		pattern *regexp.Regexp
		by      string
	}{
		{privateKey, redacted}, {joinToken, redacted}, {inAddress, "${1}" + redacted + "@"},
		{authorized, "${1}" + redacted}, {bearer, "${1} " + redacted}, {asFlag, "${1}" + redacted}, {quoted, "${1}" + redacted}, {assigned, "${1}" + redacted},
	} {
		text = p.pattern.ReplaceAll(text, []byte(p.by))
	}
	return text
}
